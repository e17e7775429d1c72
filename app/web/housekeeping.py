"""Background work of the server: silent workers, leftover runs and files, old keys, messages, integrity."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from threading import Thread
from typing import Final

from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.queue import idempotency, registry
from app.queue.after_end import Aftercare
from app.queue.reaper import Reaper
from app.runs import study_deletion
from app.settings import Settings
from app.storage import outbox
from app.storage.database import Database
from app.storage.integrity import Integrity
from app.storage.outage import is_outage
from app.web.events import within
from app.web.webhook.delivery import Delivery

log = logging.getLogger(__name__)

REAP_SECONDS: Final = 5.0
REAP_BUSY_SECONDS: Final = 1.0
"""Maximum delay of a shutdown by a reaper that waits for the write lock."""

CATCH_UP_SECONDS: Final = 600.0
FIRST_SECONDS: Final = 5.0
"""Delay of the first tasks, for a fast start. Live workers get as long again to send a heartbeat."""


@asynccontextmanager
async def kept(database: Database, settings: Settings, integrity: Integrity) -> AsyncIterator[None]:
    """Run the background tasks while the block runs."""
    unclean = integrity.begin()
    impatient = Database(settings.url, REAP_BUSY_SECONDS)
    reaper = Reaper(impatient, settings.lease_seconds, min(FIRST_SECONDS, settings.lease_seconds))
    aftercare = Aftercare(database, settings.artifacts)
    ending = asyncio.Event()
    chores = [
        asyncio.create_task(_every(seconds, chore, integrity, ending))
        for seconds, chore in (
            (min(REAP_SECONDS, settings.lease_seconds / 6), reaper.reap),
            (CATCH_UP_SECONDS, partial(study_deletion.carry_on, database, settings, ending.is_set)),
            (CATCH_UP_SECONDS, aftercare.catch_up),
            (CATCH_UP_SECONDS, partial(idempotency.forget_old, database)),
        )
    ]
    if settings.webhook_url:
        delivery = Delivery(database, settings, settings.webhook_url, integrity)
        chores.append(asyncio.create_task(delivery.run(ending)))
    else:
        chores.append(
            asyncio.create_task(_every(CATCH_UP_SECONDS, partial(_clear, database), integrity, ending))
        )
    if unclean:  # a shutdown does not wait for the check
        Thread(target=integrity.check, name="integrity", daemon=True).start()
    yield
    ending.set()
    await asyncio.gather(*chores)
    impatient.close()
    integrity.end()


def _clear(database: Database) -> None:
    """Remove messages for which there is no webhook."""
    with database.write() as session:
        outbox.clear(session)


async def _every(
    seconds: float, chore: Callable[[], object], integrity: Integrity, ending: asyncio.Event
) -> None:
    """Repeat a task; at the end, a task in progress is awaited, because it uses the database."""
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
                log.exception("a background task failed; it runs again in %g s", seconds)


def hear_of_deaths(database: Database, pipe: int) -> None:
    """Read ids of dead workers from a pipe, in a separate thread, and requeue their runs."""

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
        log.warning("could not requeue the runs of worker %s; its successor will do so: %s", worker_id, error)
