"""Judges workers by their silence, where it can tell that from a silence of the database."""

from app.queue import run_queue
from app.storage.database import Database, clock


class Reaper:
    """Loses the runs of workers that went silent; each worker has one, and the server.

    While the database can't be used, nobody can renew a lease. Who could not use it for so long that leases
    may have run out waits for one lease before it judges again; at first for `first_seconds`, by default a
    lease too.
    """

    def __init__(self, database: Database, lease_seconds: float, first_seconds: float | None = None) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._patience = lease_seconds if first_seconds is None else first_seconds
        self._seen: float | None = None
        self._judges_from = 0.0

    def reap(self) -> list[int]:
        """Lose every run whose lease is over, unless it is too early to judge; the ids of those runs.

        To be called several times in each lease.
        """
        with self._database.write() as session:
            moment = clock(session)
            seen, self._seen = self._seen, None  # in case the rest can't be written
            patience, self._patience = self._patience, self._lease_seconds
            if seen is None or abs(moment - seen) > self._lease_seconds / 2:
                self._judges_from = moment + patience
            judges = moment >= self._judges_from and run_queue.anything_to_reap(session)
            reaped = run_queue.reap(session) if judges else []
        self._seen = moment
        return reaped
