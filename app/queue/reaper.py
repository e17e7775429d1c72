"""Takes runs back from workers whose lease has ended."""

from sqlalchemy import delete
from sqlmodel import Session, col, select

from app.queue import endings, run_rows
from app.storage.database import Database, clock, next_change, now
from app.storage.tables import Run, Worker


class Reaper:
    """Reclaims the runs of silent workers; each worker has a reaper, and so does the server.

    During a database outage, workers can't renew leases. After a failed call, or a gap of more than half a
    lease between calls, a reaper therefore waits one lease before it reclaims runs. After its start it waits
    `first_seconds`, by default one lease.
    """

    def __init__(self, database: Database, lease_seconds: float, first_seconds: float | None = None) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._patience = lease_seconds if first_seconds is None else first_seconds
        self._seen: float | None = None
        self._judges_from = 0.0

    def reap(self) -> list[int]:
        """Reclaim every run whose lease has expired, unless it is too early. Returns the ids of those runs.

        Call it several times per lease.
        """
        with self._database.write(turn=False) as session:
            moment = clock(session)
            seen, self._seen = self._seen, None  # in case a transaction fails
            patience, self._patience = self._patience, self._lease_seconds
            if seen is None or abs(moment - seen) > self._lease_seconds / 2:
                self._judges_from = moment + patience
            judges = moment >= self._judges_from and anything_to_reap(session)
        reaped = []
        if judges:
            with self._database.write() as session:
                reaped = reap(session)
        self._seen = moment
        return reaped


def reap(session: Session) -> list[int]:
    """Reclaim every run whose lease has expired, and remove silent workers. Returns the runs' ids."""
    next_change(session)  # takes the write lock, so that no heartbeat comes between read and write
    expired = session.exec(
        select(Run).where(col(Run.status) == "running", col(Run.lease_expires) < now())
    ).all()
    for run in expired:
        endings.lose_worker(session, run, "its worker stopped sending heartbeats")
    session.execute(delete(Worker).where(col(Worker.lease_expires) < now()))
    return [run_rows.id_of(run) for run in expired]


def anything_to_reap(session: Session) -> bool:
    """Whether a lease has expired; reads only."""
    late_run = select(Run.id).where(col(Run.status) == "running", col(Run.lease_expires) < now())
    late_worker = select(Worker.id).where(col(Worker.lease_expires) < now())
    return session.exec(late_run.limit(1)).first() is not None or (
        session.exec(late_worker.limit(1)).first() is not None
    )
