"""The load of the queue: runs by status, waits, workers and their slots."""

from dataclasses import dataclass

from sqlalchemy import case
from sqlmodel import Session, col, func, select

from app.queue import pause, registry
from app.schemas.monitoring import WorkerNode
from app.schemas.status import STATUSES, Status
from app.storage.database import clock
from app.storage.tables import Attempt, Counter, Run, Worker


@dataclass(frozen=True, slots=True)
class Load:
    """The load at one moment, read in one snapshot."""

    runs: dict[Status, int]
    paused: bool
    oldest_wait: float
    """Seconds that the first queued run has waited, since its creation or its last attempt; 0 without any."""

    workers: int
    slots: int
    busy_slots: int
    epochs: int
    """How many epochs were ever recorded."""

    nodes: list[tuple[str, WorkerNode]]
    """The machines of clusters, each with the id of its worker."""

    @classmethod
    def read(cls, session: Session) -> "Load":
        """Read it in a few queries that need no row of a run."""
        moment = clock(session)
        counts = dict(session.execute(select(Run.status, func.count()).group_by(col(Run.status))).all())
        alive = select(Worker.id).where(col(Worker.lease_expires) >= moment)
        workers, slots = session.exec(
            select(func.count(), func.coalesce(func.sum(Worker.slots), 0)).where(
                col(Worker.lease_expires) >= moment
            )
        ).one()
        busy = select(func.count()).where(Run.status == "running", col(Run.worker_id).in_(alive))
        queued_since = _queued_since(session) if counts.get("queued") else None
        return cls(
            runs={status: counts.get(status, 0) for status in STATUSES},
            paused=pause.since(session) is not None,
            oldest_wait=0.0 if queued_since is None else max(0.0, moment - queued_since),
            workers=workers,
            slots=slots,
            busy_slots=session.exec(busy).one(),
            epochs=session.exec(select(Counter.epochs)).one(),
            nodes=[(worker.id, node) for worker in registry.list_workers(session) for node in worker.nodes],
        )


def _queued_since(session: Session) -> float | None:
    """When the run that has waited longest was queued."""
    ended = func.coalesce(Attempt.ended_at, 0.0)
    since = case((ended > Run.created_at, ended), else_=Run.created_at)
    last_attempt = (col(Attempt.run_id) == Run.id) & (col(Attempt.attempt) == Run.attempt)
    earliest: float | None = session.exec(
        select(func.min(since))
        .select_from(Run)
        .join(Attempt, last_attempt, isouter=True)
        .where(Run.status == "queued")
    ).one()
    return earliest
