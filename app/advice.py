"""What to try when a run has ended without its result, by the kind of reason that it ended for."""

import re
from dataclasses import dataclass
from typing import Final

from app import formats
from app.answers import RunOut

_LOWER: Final = 3
"""By how much a learning rate is divided that made a run diverge: about as coarse as people search."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to try, in sentences, and whether the same run can succeed when it is trained again."""

    words: str
    can_retry: bool = True
    needs_system: bool = False
    """Whether the page System shows what is missing."""


_FITS: Final = "Clone the run with a smaller width or batch size, or give the worker fewer slots"

_KINDS: Final[tuple[tuple[str, Advice], ...]] = (
    (
        r"could not write |the database could not be written",
        Advice("The cause lies outside the run. Remove it, then press Retry."),
    ),
    (
        r"the data set \S+ can't be used: |There is no data set ",  # the latter is how earlier versions began
        Advice("Put the data set right, then press Retry: its files are read again.", needs_system=True),
    ),
    (
        r"(Device .* is not available here|Unknown device )",
        Advice(
            "Start a worker that has this device and press Retry, or clone the run with another device.",
            needs_system=True,
        ),
    ),
    (
        r"the device ran out of memory|MemoryError\b|_ArrayMemoryError\b|.*can't allocate memory",
        Advice(f"{_FITS}. Retry can succeed if other runs took the memory."),
    ),
    (
        r"(crashed|lost) .*SIGKILL",  # "lost" is how earlier versions began
        Advice(
            "The operating system ends a process by SIGKILL when memory runs out. "
            f"{_FITS}. Retry can succeed if something else took the memory or ended the process."
        ),
    ),
    (
        r"(crashed|lost) .*made no step",
        Advice(
            "Its process made no progress for too long. If its steps are that long, raise "
            "DEPTHBOARD_STALL_SECONDS, or clone the run with a smaller batch size or width. Retry can "
            "succeed when the machine is less busy."
        ),
    ),
    (
        r"lost worker .*its worker",
        Advice(
            "Its worker or the machine ended each time. The log of the worker says more. If the run does not "
            "take the machine down, press Retry."
        ),
    ),
    (r"(crashed|lost) ", Advice("Its process ended. The log of the worker says more. Then press Retry.")),
    (
        r"the device failed: ",
        Advice("The fault is in the device or its driver; the traceback shows where. Then press Retry."),
    ),
    (
        r"what its process reported ",
        Advice("The log of the worker says what the database refused. Then press Retry."),
    ),
)
_DIVERGED: Final = re.compile(r"diverged: ")
_UNKNOWN: Final = Advice(
    "Training raised an error; the traceback shows where. Retry can succeed if its cause has gone."
)
_CANCELLED: Final = Advice("Press Retry to train it, or clone it with other settings.")


def of(run: RunOut) -> Advice | None:
    """What to try with a run that failed or was cancelled; None for any other."""
    if run.status == "cancelled":
        return _CANCELLED
    if run.status != "failed":
        return None
    reason = run.reason or ""
    if _DIVERGED.match(reason):
        return _diverged(run.lr)
    return next((advice for pattern, advice in _KINDS if re.match(pattern, reason)), _UNKNOWN)


def _diverged(lr: float) -> Advice:
    lower = formats.decimal(float(f"{lr / _LOWER:.1g}"))
    return Advice(
        f"Clone the run with a lower learning rate, such as {lower}. Training is deterministic: the same "
        "settings and seed diverge again.",
        can_retry=False,
    )
