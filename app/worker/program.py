"""Starts and stops a worker process: waits for the database, handles signals, drains."""

import logging
import signal
import threading
import time
from types import FrameType
from typing import Final

from app import lifeline
from app.settings import Settings
from app.storage import migrations
from app.storage.database import Database
from app.storage.outage import OUTAGES
from app.worker.engine import Engine, EngineMissing
from app.worker.loop import DRAIN_SECONDS, Worker
from app.worker.slot_process import LocalEngine

log = logging.getLogger(__name__)

BUSY_SECONDS: Final = 1.0
"""How long a write waits for the lock; a longer wait counts as an outage, which the worker survives."""

END_SECONDS: Final = 8.8
"""When a worker that was told to end exits, even in an outage: ten seconds are promised."""

ORPHAN_SECONDS: Final = 1.0
ORPHAN_END_SECONDS: Final = 1.4
"""How long slots have, and when the worker exits, after the supervisor died: two seconds are promised."""


def main(
    settings: Settings,
    worker_id: str | None = None,
    replaces: str | None = None,
    parent: int | None = None,
) -> None:
    """Run a worker until SIGTERM, SIGINT or the death of its parent process, then drain.

    `replaces` names a dead worker, whose runs return to the queue immediately.
    """
    engine = engine_of(settings)  # before the handlers of signals: Ray sets its own
    stopping = threading.Event()
    deadlines: list[float] = []

    def end(slot_seconds: float, seconds: float) -> None:
        lifeline.end_within(seconds)
        deadlines.append(time.monotonic() + slot_seconds)
        stopping.set()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        end(DRAIN_SECONDS, END_SECONDS)

    def end_without_parent() -> None:
        end(ORPHAN_SECONDS, ORPHAN_END_SECONDS)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if parent is not None:
        lifeline.watch(parent, end_without_parent)
    database = Database(settings.url, BUSY_SECONDS)
    if not wait_for_schema(database, stopping):
        engine.close()
        return
    worker = Worker(database, settings, worker_id, replaces, engine=engine)
    try:
        while not stopping.is_set():
            worker.turn()
    finally:
        now = time.monotonic()
        worker.drain(min(deadlines, default=now + DRAIN_SECONDS) - now)
        database.close()


def engine_of(settings: Settings) -> Engine:
    """Returns the engine that the settings name.

    Raises:
        EngineMissing: Ray is not installed.
        ClusterUnavailable: there is no cluster at the address.
    """
    if settings.engine == "local":
        return LocalEngine(settings)
    try:
        from app.worker.cluster.ray_engine import RayEngine  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise EngineMissing(
            f"the engine ray needs the extra of the same name: pip install 'depthboard[ray]' ({error})"
        ) from error
    return RayEngine(settings)


def wait_for_schema(database: Database, stopping: threading.Event) -> bool:
    """Wait until the web process has prepared the database; returns False if told to stop first.

    Raises:
        SchemaError: the database was written by a newer Depthboard.
    """
    told = ""
    while not stopping.is_set():
        try:
            if migrations.is_current(database):
                return True
            waits_for = "waiting for the web process to prepare the database"
        except OUTAGES as error:
            waits_for = f"waiting for the database: {error.orig}"
        if waits_for != told:
            log.info(waits_for)
            told = waits_for
        stopping.wait(0.2)
    return False
