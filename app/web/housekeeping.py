"""What the server sees to while nobody asks: silent workers, leftover files, old keys, a sound database."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from threading import Thread
from typing import Final

from fastapi.concurrency import run_in_threadpool
from sqlalchemy import ColumnElement, or_
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlmodel import col, select

from app.queue import idempotency, registry
from app.queue.reaper import Reaper
from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database, newest_change
from app.storage.integrity import Integrity
from app.storage.outage import is_outage
from app.storage.tables import Deletion, Run
from app.web.events import within

log = logging.getLogger(__name__)

REAP_SECONDS: Final = 5.0
REAP_BUSY_SECONDS: Final = 1.0
"""How long a shutdown may have to wait for a look that waits for its turn."""

TIDY_SECONDS: Final = 600.0
FIRST_SECONDS: Final = 5.0
"""Everything waits so long at first: the server is there at once. Live workers get as long again to beat."""


@asynccontextmanager
async def kept(database: Database, settings: Settings, integrity: Integrity) -> AsyncIterator[None]:
    """See to all of it while the block runs."""
    unclean = integrity.begin()
    impatient = Database(settings.url, REAP_BUSY_SECONDS)
    reaper = Reaper(impatient, settings.lease_seconds, min(FIRST_SECONDS, settings.lease_seconds))
    tidy = Tidy(database, settings.artifacts)
    ending = asyncio.Event()
    chores = [
        asyncio.create_task(_every(seconds, chore, integrity, ending))
        for seconds, chore in (
            (min(REAP_SECONDS, settings.lease_seconds / 6), reaper.reap),
            (TIDY_SECONDS, tidy.remove_leftovers),
            (TIDY_SECONDS, partial(idempotency.forget_old, database)),
        )
    ]
    if unclean:  # a shutdown does not wait for it
        Thread(target=integrity.check, name="integrity", daemon=True).start()
    yield
    ending.set()
    await asyncio.gather(*chores)
    impatient.close()
    integrity.end()


async def _every(
    seconds: float, chore: Callable[[], object], integrity: Integrity, ending: asyncio.Event
) -> None:
    """Do it again and again; at the end one that is under way is done first, as it uses the database."""
    pause = FIRST_SECONDS
    while not await within(pause, ending):
        pause = seconds
        try:
            await run_in_threadpool(chore)
            integrity.usable()
        except (SQLAlchemyError, OSError) as error:
            if isinstance(error, DBAPIError) and is_outage(error):
                integrity.met(error)
            else:
                log.exception("something that is done every %g s failed; trying again", seconds)


def hear_of_deaths(database: Database, pipe: int) -> None:
    """Requeue the runs of dead workers as soon as their ids come through a pipe, in a thread of its own."""

    def listen() -> None:
        with os.fdopen(pipe, "rb", buffering=0, closefd=False) as lines:
            for line in lines:
                _retire(database, line.decode().strip())

    Thread(target=listen, name="deaths", daemon=True).start()


def _retire(database: Database, worker_id: str) -> None:
    try:
        with database.write() as session:
            registry.retire(session, worker_id, "its worker died")
    except SQLAlchemyError as error:
        log.warning("could not give back the runs of worker %s, as its successor will: %s", worker_id, error)


class Tidy:
    """Removes what processes that were killed could not: at first for every run, then for what changed.

    What could not be removed is tried again the next time.
    """

    def __init__(self, database: Database, location: str) -> None:
        self._database = database
        self._location = location
        self._seen = -1
        self._failed: set[int] = set()

    def remove_leftovers(self) -> None:
        """Remove the files of deleted runs, and all but the results of finished ones.

        Files of runs that this database has never had are left alone: they may be another's.
        """
        with self._database.read() as session:
            newest = newest_change(session)
            deleted = session.exec(select(Deletion.run_id).where(self._due(Deletion.change, Deletion.run_id)))
            finished = session.exec(
                select(Run.id, Run.attempt).where(Run.status == "finished", self._due(Run.change, Run.id))
            )
            results: dict[int | None, int | None] = {**dict.fromkeys(deleted), **dict(finished.all())}
        present = artifacts.run_ids(self._location) if results else iter(())
        due = [run_id for run_id in present if run_id in results]
        self._failed = {run_id for run_id in due if not self._tidied(run_id, results[run_id])}
        self._seen = newest

    def _due(self, change: object, run_id: object) -> ColumnElement[bool]:
        return or_(col(change) > self._seen, col(run_id).in_(self._failed))

    def _tidied(self, run_id: int, finished_by: int | None) -> bool:
        """Leave of a run's files what the attempt has made that finished it; nothing of a deleted one."""
        files = artifacts.of_run(self._location, run_id)
        try:
            return files.remove() if finished_by is None else files.keep_only(finished_by)
        except OSError as error:
            log.warning("could not look into %s: %s", files.folder, error.strerror or error)
            return False
