"""Worker processes that sleep past their lease and wake up after another worker has claimed their run."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import SQLModel

from app.queue import endings, reaper, registry
from app.queue.claims import Claim
from app.settings import Settings
from app.storage.database import Database
from app.storage.outage import OUTAGES
from app.storage.tables import Attempt, Epoch, Run
from tests.app.states import queue_run, row, take
from tests.dashboard import ROOT, clean_environment
from tests.processes import PATIENCE, Process
from tests.waiting import eventually

CONFIG: dict[str, Any] = {"depth": 1, "epochs": 10_000, "batch_size": 1024}
"""A run that never ends by itself."""
LEASE_SECONDS = 2.0
REFUSED = "run {}: the claim is no longer valid"
"""A worker's log message when a report of its slot was rejected."""


@dataclass
class Woken:
    """Numbers of workers that woke up after losing their run, that then tried to write, and that wrote."""

    workers: int = 0
    attempted: int = 0
    written: int = 0


class Sleeper:
    """`depthboard worker` with one slot and a short lease, which is paused during training."""

    def __init__(self, settings: Settings, worker_id: str, log: Path) -> None:
        self.id = worker_id
        self._log = log
        command = [sys.executable, "-m", "app.cli", "worker", "--id", worker_id, "--data-dir"]
        command += [str(settings.data_dir), "--database-url", str(settings.url), "--device", "cpu"]
        command += ["--slots", "1", "--threads", "1", "--checkpoint-seconds", "0"]
        command += ["--lease-seconds", str(LEASE_SECONDS), "--heartbeat-seconds", "0.5"]
        with log.open("wb") as errors:
            self._child = subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stderr=errors)
        self._process = Process(self._child.pid)
        self.asleep = False
        self.run_id, self.attempt = 0, 0

    def end(self) -> None:
        """Kill the worker; its slot ends with it."""
        self._child.kill()
        self._child.wait()

    def holds(self, database: Database) -> bool:
        """Whether it has a run according to the database; stores which."""
        with database.read() as session:
            held = registry.held_by(session, self.id).attempts
        for run_id, attempt in held:
            self.run_id, self.attempt = run_id, attempt
        return bool(held)

    def fall_asleep(self, database: Database) -> bool:
        """Pause it when it trains and waits for something; returns whether it is paused."""
        assert self._child.poll() is None, self._log.read_text()
        if self.asleep:
            return True
        if not self.holds(database) or not row(database, self.run_id).epochs_done:
            return False
        if self._process.status["State"][0] != "S":  # the next thing it does shall be to hear its slot
            return False
        self._process.stop()
        self.asleep = self.holds(database)
        if not self.asleep:
            self._process.go_on()
        return self.asleep

    def stir(self) -> None:
        """Resume it if it is paused."""
        if self.asleep:
            self._process.go_on()
        self.asleep = False

    def wake(self) -> bool:
        """Resume it until it has ended its slot; returns whether it tried to write to its run before."""
        slot = self._process.child("app.worker.slot")
        eventually(slot.waits, PATIENCE)  # it has sent a report, and nobody answers
        said = self._log.stat().st_size
        self.stir()
        eventually(lambda: not slot.alive, PATIENCE)
        return REFUSED.format(self.run_id).encode() in self._log.read_bytes()[said:]


def wake_too_late(
    settings: Settings, *, attempts: int, together: int, say: Callable[[str], None] = lambda _: None
) -> Woken:
    """Wake workers that have lost their runs, `together` at a time, until `attempts` tried to write."""
    woken = Woken()
    rounds = 0
    database = Database(settings.url, busy_seconds=2)
    with _sleepers(settings, together) as sleepers:
        while woken.attempted < attempts:
            rounds += 1
            assert rounds < 10 * attempts, f"workers hardly ever try to write: {woken}"
            for _ in sleepers:
                queue_run(database, None, **CONFIG)
            eventually(lambda: _all_sleep(database, sleepers), PATIENCE)
            successors: list[Claim] = []
            try:
                _take_over(database, sleepers, successors)
            except OUTAGES:  # a statement reached the server after its sender had been paused, and locked
                _stir_all(sleepers)
                eventually(lambda: _writable(database), PATIENCE)
                _make_room(database, successors)
                continue
            before = _contents(database, settings)
            for sleeper in sleepers:
                late = row(database, sleeper.run_id).attempt > sleeper.attempt
                woken.workers += late
                woken.attempted += sleeper.wake() and late
                now = _contents(database, settings)
                woken.written += now != before
                before = now
            _make_room(database, successors)
            say(f"{woken.workers} workers woken, {woken.attempted} writes attempted")
    database.close()
    return woken


@contextmanager
def _sleepers(settings: Settings, count: int) -> Iterator[list[Sleeper]]:
    with ExitStack() as stack:
        sleepers = []
        for number in range(count):
            log = settings.data_dir / f"worker{number}.log"
            sleepers.append(Sleeper(settings, f"sleeper{number}", log))
            stack.callback(sleepers[-1].end)
        yield sleepers


def _all_sleep(database: Database, sleepers: Sequence[Sleeper]) -> bool:
    """Pause workers that train; returns whether all are paused, none of them in a transaction that writes."""
    are_asleep = [each.fall_asleep(database) for each in sleepers]
    if _writable(database):
        return all(are_asleep)
    _stir_all(sleepers)
    return False


def _stir_all(sleepers: Sequence[Sleeper]) -> None:
    for sleeper in sleepers:
        sleeper.stir()


def _writable(database: Database) -> bool:
    """Whether the write lock is not held for long."""
    try:
        with database.write():
            return True
    except OUTAGES:
        return False


def _take_over(database: Database, sleepers: Sequence[Sleeper], claims: list[Claim]) -> None:
    """Wait until all leases have expired, and claim every run for another worker; adds to `claims`."""

    def all_are_taken() -> bool:
        with database.write() as session:
            reaper.reap(session)
        while claim := take(database, "successor", lease_seconds=3600):
            claims.append(claim)
        with database.read() as session:
            return not any(registry.held_by(session, each.id).attempts for each in sleepers)

    eventually(all_are_taken, PATIENCE)


def _make_room(database: Database, claims: Sequence[Claim]) -> None:
    for claim in claims:
        with database.write() as session:
            assert endings.fail(session, claim, "the next one, please")


def _contents(database: Database, settings: Settings) -> list[Any]:
    """All runs with their attempts, epochs and files."""
    tables = [SQLModel.metadata.tables[str(model.__tablename__)] for model in (Run, Attempt, Epoch)]
    with database.read() as session:
        queries = [select(table).order_by(*table.primary_key) for table in tables]
        rows = [found for query in queries for found in session.execute(query)]
    files = [(path, path.stat().st_mtime_ns) for path in sorted(Path(settings.artifacts).rglob("*"))]
    return [*rows, *files]
