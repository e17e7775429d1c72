"""Ends of attempts: the run finishes, fails, is cancelled, or goes back to the queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from sqlalchemy import true
from sqlmodel import Session, col, select

from app.queue import attempts, claims, run_rows
from app.queue.claims import Claim, Fence
from app.schemas.status import ENDED, Outcome
from app.storage import outbox
from app.storage.database import now
from app.storage.tables import Run

MAX_CRASHES: Final = 3
"""A run fails after this many attempts in a row without a new epoch, lost through its own process."""

MAX_WORKER_LOSSES: Final = 10
"""The same for attempts lost through the worker or its machine, which the run seldom causes."""

CANCELLED: Final = "cancelled by user"

_Ended = Literal["finished", "failed", "cancelled"]
"""The states in which a run has ended."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def finish(session: Session, claim: Claim, results: dict[str, float], reason: str | None = None) -> bool:
    """End a run as finished: `results` are the final losses and accuracies over both whole splits.

    `reason` says why it ended before its last epoch, if it did.
    """
    return _end_run(session, claim.fence, "finished", reason, results)


def fail(session: Session, claim: Claim, reason: str, traceback: str | None = None) -> bool:
    """End a run as failed, because training raised an error."""
    return _end_run(session, claim.fence, "failed", reason, {"traceback": traceback})


def confirm_cancel(session: Session, claim: Claim) -> bool:
    """End a run as cancelled, after its training has stopped on request."""
    return _end_run(session, claim.fence, "cancelled", CANCELLED)


def cancel_waiting(session: Session, run_ids: Sequence[int]) -> None:
    """Cancel queued runs, whose state this transaction has read."""
    run_rows.write_all(session, run_ids, _ended("cancelled", CANCELLED))
    outbox.put_ends(session, outbox.studies_of(session, run_ids))


def release(session: Session, claim: Claim, why: str = "its worker was stopped") -> bool:
    """Return a run to the queue without counting a loss, as a draining worker does.

    A run with a cancel request is cancelled instead.
    """
    return release_held(session, claim.fence, why)


def release_held(session: Session, held: Fence, why: str) -> bool:
    """Same as `release`, for a claim that its worker does not know."""
    to_cancel = (*held, col(Run.cancel_requested).is_(true()))
    return _end_run(session, to_cancel, "cancelled", CANCELLED) or _end_attempt(
        session, held, "released", why, run_rows.REQUEUED
    )


@dataclass(frozen=True, slots=True)
class _Loss:
    """A kind of loss: its counter, how many in a row fail the run, and the word for it."""

    count: str
    most: int
    told: str


_CRASH: Final = _Loss("crashes", MAX_CRASHES, "crashed")
_WORKER_LOSS: Final = _Loss("worker_losses", MAX_WORKER_LOSSES, "lost its worker")


def lose(session: Session, claim: Claim, why: str) -> bool:
    """Count a crash: the run's own process ended, or was killed because it stalled.

    The run is queued again, cancelled if requested, or failed after too many crashes in a row.
    """
    return _lose_claimed(session, claim, _CRASH, why)


def lose_machine(session: Session, claim: Claim, why: str) -> bool:
    """Count the loss of the machine that trained a run, as that of a worker."""
    return _lose_claimed(session, claim, _WORKER_LOSS, why)


def lose_worker(session: Session, run: Run, why: str) -> None:
    """Count the loss of a run's worker, with the same consequences as a crash."""
    _lose(session, run, _WORKER_LOSS, why)


def _lose_claimed(session: Session, claim: Claim, loss: _Loss, why: str) -> bool:
    runs = session.exec(select(Run).where(*claim.fence)).all()
    for run in runs:
        _lose(session, run, loss, why)
    return bool(runs)


def _lose(session: Session, run: Run, loss: _Loss, why: str) -> None:
    count = getattr(run, loss.count) + 1
    if run.cancel_requested:
        values = _ended("cancelled", CANCELLED)
    elif count >= loss.most:
        reason = f"{loss.told} {count} times in a row without a new epoch; the last time, {why}"
        values = _ended("failed", reason)
    else:
        values = run_rows.REQUEUED
    held = claims.fence_of(run)
    _end_attempt(session, held, "lost", why, {**values, loss.count: count})


def _end_run(
    session: Session, held: Fence, status: _Ended, reason: str | None, values: Mapping[str, Any] = _NOTHING
) -> bool:
    """End the run and the attempt that still holds it; returns False if none does."""
    return _end_attempt(session, held, status, reason, {**_ended(status, reason), **values})


def _end_attempt(
    session: Session, held: Fence, outcome: Outcome, why: str | None, values: Mapping[str, Any]
) -> bool:
    """End the attempt that still holds its run, and write `values` to the run; returns False if none does."""
    ended = run_rows.write(session, held, **values)
    for run in ended:
        attempts.end(session, run, outcome, why)
        if run.status == "failed":
            outbox.put_failure(session, run_rows.id_of(run), run.reason)
        if run.status in ENDED:
            outbox.put_ends(session, outbox.studies_of(session, [run_rows.id_of(run)]))
    return bool(ended)


def _ended(status: _Ended, reason: str | None) -> dict[str, Any]:
    """Values of a run's row after its end."""
    return {
        "status": status,
        "reason": reason,
        "worker_id": None,
        "lease_expires": None,
        "cancel_requested": False,
        "finished_at": now(),
    }
