"""How many runs may wait: a queue that only grows helps nobody."""

from typing import Final

from sqlmodel import Session, func, select

from app.queue.estimate import estimate
from app.queue.run_queue import order_of_claims
from app.storage.tables import Run

LONGEST_WAIT: Final = 3600
"""Seconds that a client is told to wait at most, however long the queue will be full."""


class QueueFull(Exception):
    """More runs would wait than may; the message says what to do, `retry_after` in how many seconds."""

    def __init__(self, waiting: int, limit: int, retry_after: int = LONGEST_WAIT) -> None:
        super().__init__(
            f"{waiting:,} runs would wait, and at most {limit:,} may (DEPTHBOARD_QUEUE_LIMIT); "
            "try again when some have ended, or cancel some that wait"
        )
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says besides."""
        return {"Retry-After": str(self.retry_after)}


def check(session: Session, limit: int) -> None:
    """See that no more runs wait than may, after some were added in this transaction.

    Raises:
        QueueFull: they do; the caller's transaction has to be given up.
    """
    waiting = count_waiting(session)
    if waiting <= limit:
        return
    first = (
        select(Run)
        .where(Run.status == "queued")
        .order_by(*order_of_claims())
        .limit(min(waiting - limit, limit))
    )
    seconds = estimate(session, [run.config for run in session.exec(first)]).seconds
    raise QueueFull(waiting, limit, max(1, min(LONGEST_WAIT, round(seconds))))


def count_waiting(session: Session) -> int:
    """How many runs wait."""
    return session.exec(select(func.count()).where(Run.status == "queued")).one()
