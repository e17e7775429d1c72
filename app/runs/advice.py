"""Advice for runs that failed or were cancelled, by the kind of reason."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app import formats
from app.runs import usual
from app.schemas.runs import RunDetail, RunOut
from app.schemas.status import Status, has_diverged

_REASONS: Final = 3
"""Maximum number of different reasons of one kind to quote."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Advice in sentences, and whether a retry of the same run can succeed."""

    words: str
    can_retry: bool = True
    needs_system: bool = False
    """Whether the page System shows the missing resource."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Runs that ended for the same kind of reason: their number per reason, in sentences, and advice."""

    status: Status
    reasons: tuple[str, ...]
    advice: Advice


_FITS: Final = "Clone the run with a smaller width or batch size, or give the worker fewer slots"

_KINDS: Final[tuple[tuple[str, Advice], ...]] = (
    (
        r"could not write |the database could not be written",
        Advice("The cause lies outside the run. Fix the cause, then retry the run."),
    ),
    (
        r"the data set \S+ can't be used: |There is no data set ",  # the latter in earlier versions
        Advice("Fix the data set, then retry the run; it reads the files again.", needs_system=True),
    ),
    (
        r"(Device .* is not available here|Unknown device )",
        Advice(
            "Start a worker that has this device and retry the run, or clone it with another device.",
            needs_system=True,
        ),
    ),
    (
        r"the device ran out of memory|MemoryError\b|_ArrayMemoryError\b|.*can't allocate memory",
        Advice(f"{_FITS}. A retry can succeed if other runs used the memory."),
    ),
    (
        r"(crashed|lost) .*SIGKILL",  # "lost" in earlier versions
        Advice(
            "The operating system kills a process with SIGKILL when memory runs out. "
            f"{_FITS}. A retry can succeed if another process used the memory, or if someone killed the "
            "process."
        ),
    ),
    (
        r"(crashed|lost) .*made no step",
        Advice(
            "Its process made no progress for too long. If its steps are that long, raise "
            "DEPTHBOARD_STALL_SECONDS, or clone the run with a smaller batch size or width. A retry "
            "can succeed when the machine is less busy."
        ),
    ),
    (
        r"lost (its )?worker .*its worker",  # without "its" in earlier versions
        Advice(
            "Its worker or the machine ended each time. See the worker's log. If the run did not cause "
            "this, retry it."
        ),
    ),
    (r"(crashed|lost) ", Advice("Its process ended. See the worker's log, then retry the run.")),
    (
        r"the device failed: ",
        Advice(
            "The fault is in the device or its driver; the traceback on the run's page shows where. Fix "
            "it, then retry the run."
        ),
    ),
    (
        r"(a report of its process|what its process reported) ",  # the latter in earlier versions
        Advice("The worker's log says what the database rejected. Fix the cause, then retry the run."),
    ),
)
_UNTRACED: Final = Advice("Training raised an error. A retry can succeed if the cause is gone.")
_UNKNOWN: Final = Advice(
    "Training raised an error; the traceback on the run's page shows where. A retry can succeed if the "
    "cause is gone."
)
_CANCELLED: Final = Advice("A retry queues the same training again; a clone can have other settings.")


def of(run: RunOut) -> Advice | None:
    """Advice for a run that failed or was cancelled; None for other runs."""
    if run.status == "cancelled":
        return _CANCELLED
    if run.status != "failed":
        return None
    if has_diverged(run.status, run.reason):
        return _diverged(_lower_rate(run))
    reason = run.reason or ""
    unknown = _UNTRACED if isinstance(run, RunDetail) and not run.traceback else _UNKNOWN
    return next((advice for pattern, advice in _KINDS if re.match(pattern, reason)), unknown)


def without_epochs(runs: Sequence[RunOut]) -> list[Ending]:
    """The endings of these runs if none recorded an epoch, the most frequent kind first.

    Empty if a run has an epoch, or may still record one because it is queued or running.
    """
    if any(run.epochs_done or run.status not in ("failed", "cancelled") for run in runs):
        return []
    lowest = min((_lower_rate(run) for run in runs if has_diverged(run.status, run.reason)), default=0.0)
    kinds: dict[tuple[Status, Advice], list[RunOut]] = {}
    for run in runs:
        advice = _diverged(lowest) if has_diverged(run.status, run.reason) else of(run)
        if advice:
            kinds.setdefault((run.status, advice), []).append(run)
    return [
        Ending(status, _counted(status, alike), advice)
        for (status, advice), alike in sorted(kinds.items(), key=lambda kind: -len(kind[1]))
    ]


def _counted(status: Status, runs: Sequence[RunOut]) -> tuple[str, ...]:
    if status == "cancelled":
        one, many = "run was cancelled before its", "runs were cancelled before their"
        return (f"{formats.plural(len(runs), one, many)} first epoch was recorded",)
    counts = Counter(run.reason or "no reason was recorded" for run in runs).most_common()
    quoted = [f"{formats.plural(count, 'run')} failed: {reason}" for reason, count in counts[:_REASONS]]
    rest = sum(count for _, count in counts[_REASONS:])
    return (*quoted, *([f"{formats.plural(rest, 'more run')} failed for similar reasons"] if rest else []))


def _lower_rate(run: RunOut) -> float:
    return usual.lower_rate(run.lr, run.optimizer, run.momentum)


def against_guessing(run: RunOut) -> str:
    """Advice, in a sentence, for a run whose test accuracy is not significantly above guessing."""
    known = usual.rates(run.optimizer, run.momentum)
    if run.lr > known.usual:
        lower = formats.decimal(max(known.usual, _lower_rate(run)))
        return f"Try a lower learning rate, such as {lower}."
    return "Try more epochs, a higher learning rate, fewer layers or another optimizer."


def _diverged(lower: float) -> Advice:
    return Advice(
        f"Clone the run with a lower learning rate, such as {formats.decimal(lower)}. Training is "
        "deterministic: the same settings and seed diverge again.",
        can_retry=False,
    )
