"""Workers on machines whose clocks are an hour off: leases run on the database's."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from app.queue import actions
from app.settings import Settings
from app.storage.database import Database, clock
from tests.app.states import queue_run, row
from tests.dashboard import ROOT, clean_environment
from tests.processes import ENDLESS, PATIENCE
from tests.waiting import eventually

BACKENDS = ("postgresql",)
HOUR = 3600
LEASE_SECONDS = 2.0
OFF = "import time; true = time.time; time.time = lambda: true() + ({}); from app.cli import main; main()"


@contextmanager
def worker(settings: Settings, seconds_off: float) -> Iterator[subprocess.Popen[bytes]]:
    """A worker whose clock is so many seconds ahead."""
    command = [sys.executable, "-c", OFF.format(seconds_off), "worker", "--slots", "1", "--device", "cpu"]
    command += ["--data-dir", str(settings.data_dir), "--database-url", str(settings.url), "--threads", "1"]
    command += ["--lease-seconds", str(LEASE_SECONDS), "--heartbeat-seconds", "0.2"]
    process = subprocess.Popen(command, cwd=ROOT, env=clean_environment())
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


def outlives(database: Database, run_id: int) -> bool:
    """Whether a run trains on after a whole lease, which its worker must have renewed."""
    run = row(database, run_id)
    return (run.lease_expires or 0) > (run.started_at or 0) + 2 * LEASE_SECONDS and run.epochs_done > 0


def test_a_wrong_clock_loses_no_run_and_delays_no_reclaim(settings: Settings, database: Database) -> None:
    first, second = (queue_run(database, None, **ENDLESS) for _ in range(2))
    with database.read() as session:
        begun = clock(session)
    with worker(settings, HOUR) as ahead, worker(settings, -HOUR):
        eventually(lambda: outlives(database, first) and outlives(database, second), PATIENCE)
        runs = row(database, first), row(database, second)
        assert [(run.status, run.attempt, run.crashes) for run in runs] == [("running", 1, 0)] * 2
        assert len({run.worker_id for run in runs}) == 2
        with database.read() as session:
            assert all(begun <= (run.started_at or 0) <= clock(session) for run in runs)
        ahead.kill()
        eventually(lambda: row(database, first).worker_losses + row(database, second).worker_losses, PATIENCE)
        (lost,) = (run_id for run_id in (first, second) if row(database, run_id).worker_losses)
        with database.write() as session:
            actions.cancel(session, first + second - lost)
        eventually(lambda: outlives(database, lost), PATIENCE)
        assert row(database, lost).attempt == 2
