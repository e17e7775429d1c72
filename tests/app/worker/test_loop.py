"""A worker with one real slot, driven turn by turn."""

import gzip
import hashlib
import os
import re
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlmodel import select

from app.queue import actions, admission, claims, reaper, registry, run_rows
from app.queue.claims import Claim
from app.runs import epoch_columns, reading
from app.schemas.epochs import EpochColumns
from app.schemas.runs import RunOut
from app.settings import Settings
from app.storage import artifacts
from app.storage.artifacts import RunFiles
from app.storage.database import Database
from app.storage.tables import Epoch, Run
from app.worker import loop, stall
from app.worker.engine import Engine, Gone, SlotsUnusable
from app.worker.loop import FALLOUT_SECONDS, GRACE_SECONDS, UNWRITABLE_SECONDS, Worker
from app.worker.messages import EpochDone
from app.worker.slot_process import LocalEngine, SlotProcess, Start
from tests.app import states
from tests.app.states import queue_run, row, shown
from tests.few import FEW, link
from tests.forked import Fork, Forks
from tests.processes import Process
from tests.waiting import eventually
from trainer.config import TrainConfig
from trainer.data.folder import FILES, DataFolder, home

PATIENCE = 120
LONG: dict[str, Any] = {"depth": 1, "epochs": 10_000, "batch_size": 20, "dataset": FEW}
"""A run that no machine finishes before it is interrupted; its epochs take a few hundredths of a second."""
SHORT: dict[str, Any] = LONG | {"epochs": 1}
"""A run that ends soon."""
HANGING = Path(__file__).with_name("hanging_slot.py")
FASHION = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts its files."""


def forked(forks: Forks, *program: str) -> Start:
    """Start slots as forks, of the product or of another program."""

    def start(pipe: int, settings: Settings) -> Fork:
        words = [*(program or ["app.worker.slot"]), str(pipe), str(settings.data_dir), settings.device]
        return forks.start(*words, cwd=Path(os.sep), inherited=pipe)

    return start


class Bench:
    """A worker that is started when it is first needed, and again after its end."""

    def __init__(self, settings: Settings, start: Start | None, busy_seconds: float = 10) -> None:
        self.settings = settings
        self._start = start
        self.database = Database(settings.url, busy_seconds)
        self.worker: Worker | None = None
        self._leap = 0.0

    def start(self) -> Worker:
        """The worker."""
        if self.worker is None:
            self.worker = Worker(self.database, self.settings, monotonic=self.monotonic, engine=self.engine())
        return self.worker

    def engine(self) -> Engine:
        """A new engine for the worker."""
        return LocalEngine(self.settings, self._start) if self._start else LocalEngine(self.settings)

    @property
    def slot(self) -> SlotProcess:
        """The slot that the worker has now."""
        slot = self.start().slots[0]
        assert isinstance(slot, SlotProcess)
        return slot

    def end(self) -> None:
        """Drain the worker."""
        if self.worker is not None:
            self.worker.drain()
            self.worker = None

    def monotonic(self) -> float:
        """The worker's clock, which `leap` sets forward."""
        return time.monotonic() + self._leap

    def leap(self, seconds: float) -> None:
        """Let the worker believe that time has passed."""
        self._leap += seconds

    def turn_until(self, done: Callable[[], bool]) -> None:
        """Let the worker work; the limit only ends a test that has failed."""
        worker = self.start()
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < deadline
            worker.turn()

    def pid(self) -> int:
        """The process id of the slot's child."""
        return self.slot.process.pid

    def silence(self) -> int:
        """Stop the slot's child, deal with all that it has said before, and return its process id."""
        slot = self.slot
        Process(slot.process.pid).stop()
        self.turn_until(lambda: slot.report is None and not slot.connection.poll())
        return slot.process.pid

    def ended(self, run_id: int) -> RunOut:
        """A run, once it has come to its end."""
        self.turn_until(lambda: row(self.database, run_id).status not in ("queued", "running"))
        return shown(self.database, run_id)

    def wait_for_epochs(self, run_id: int, count: int = 1) -> None:
        """Let the worker train until so many epochs are stored."""
        self.turn_until(lambda: row(self.database, run_id).epochs_done >= count)

    def columns(self, run_id: int) -> EpochColumns:
        """The epochs of a run."""
        with self.database.read() as session:
            return epoch_columns.of_run(session, run_id)

    def figures(self, run_id: int) -> dict[str, list[float]]:
        """The epochs of a run, without the one figure that is never the same twice."""
        return self.columns(run_id).model_dump(exclude={"seconds"})

    def files(self, run_id: int) -> RunFiles:
        """The files of a run."""
        return artifacts.of_run(self.settings.artifacts, run_id)

    def weights(self, run_id: int) -> bytes:
        """The final weights of a finished run."""
        return self.files(run_id).model(row(self.database, run_id).attempt).read_bytes()

    def predictions(self, run_id: int) -> bytes:
        """What the final weights of a finished run say of the test set."""
        return self.files(run_id).predictions(row(self.database, run_id).attempt).read_bytes()

    def attempts(self, run_id: int) -> set[int]:
        """The attempts that its epochs come from."""
        with self.database.read() as session:
            return set(session.exec(select(Epoch.attempt).where(Epoch.run_id == run_id)))


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the worker soon try an unavailable database again."""
    monkeypatch.setattr(loop, "OUTAGE_SECONDS", 0.1)


@pytest.fixture(scope="module")
def quick(forks: Forks) -> Start:
    """Starts slots as forks."""
    return forked(forks)


@pytest.fixture(scope="module")
def shared_bench(
    migrated: Path, few: Path, tmp_path_factory: pytest.TempPathFactory, quick: Start
) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("worker")
    shutil.copy(migrated, folder)
    link(folder, few)
    settings = Settings(data_dir=folder, slots=1, threads=1, device="cpu", checkpoint_seconds=0)
    bench = Bench(settings, quick)
    yield bench
    bench.end()
    bench.database.close()


@pytest.fixture
def settings(settings: Settings, few: Path) -> Settings:
    """Settings of an installation of its own, which has the few images too."""
    link(settings.data_dir, few)
    return settings


@pytest.fixture
def bench(shared_bench: Bench) -> Iterator[Bench]:
    """The worker's bench, with nothing left to do at the end of each test."""
    yield shared_bench
    with shared_bench.database.write() as session:
        for run in session.exec(select(Run).where(Run.status == "queued")).all():
            actions.cancel(session, run.id or 0)


def cancel(bench: Bench, run_id: int) -> None:
    with bench.database.write() as session:
        actions.cancel(session, run_id)


def test_a_run_is_trained_and_every_epoch_stored(bench: Bench) -> None:
    run = bench.ended(queue_run(bench.database, depth=1, epochs=3))
    assert (run.status, run.reason, run.attempt, run.crashes) == ("finished", None, 1, 0)
    assert (run.device_used, run.epochs_done) == ("cpu", 3)
    columns = bench.columns(run.id)
    assert columns.epoch == [1, 2, 3]
    assert columns.train_loss == sorted(columns.train_loss, reverse=True)
    assert all(0 < accuracy < 1 for accuracy in columns.train_accuracy + columns.test_accuracy)
    assert run.train_seconds == pytest.approx(sum(columns.seconds))
    assert run.test_accuracy == columns.test_accuracy[-1]
    assert run.test_accuracy > 0.7
    assert run.train_accuracy is not None
    assert run.train_accuracy > 0.7
    stored = row(bench.database, run.id)
    assert stored.threads == 1
    assert stored.environment.keys() >= {"torch", "python", "depthboard", "device", "threads", "data_sha256"}


def test_the_same_configuration_gives_the_same_figures(bench: Bench) -> None:
    config: dict[str, Any] = {"depth": 2, "width": 32, "epochs": 1, "batch_size": 8192, "seed": 7}
    first, second, other = (
        bench.ended(queue_run(bench.database, **{**config, **change})) for change in ({}, {}, {"seed": 8})
    )
    assert (first.train_loss, first.test_loss) == (second.train_loss, second.test_loss)
    assert first.train_loss != other.train_loss


def test_the_worker_shows_what_it_has_and_what_it_trains(bench: Bench) -> None:
    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id)
    with bench.database.read() as session:
        (worker,) = registry.list_workers(session)
    assert worker.id == bench.start().id
    assert (worker.slots, worker.threads, worker.runs) == (1, 1, [run_id])
    assert [device.device for device in worker.devices] == ["cpu"]
    assert worker.versions.keys() == {"torch", "python", "depthboard"}
    cancel(bench, run_id)
    assert bench.ended(run_id).status == "cancelled"


def test_a_run_is_cancelled_while_it_trains(bench: Bench) -> None:
    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id, 2)
    cancel(bench, run_id)
    run = bench.ended(run_id)
    assert (run.status, run.reason, run.crashes) == ("cancelled", "cancelled by user", 0)
    assert bench.columns(run_id).epoch == list(range(1, run.epochs_done + 1))


def test_a_slot_that_does_not_stop_is_killed(bench: Bench) -> None:
    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id)
    stuck = bench.silence()
    cancel(bench, run_id)
    bench.start().turn()
    assert row(bench.database, run_id).status == "running"
    bench.leap(GRACE_SECONDS)
    run = bench.ended(run_id)
    assert (run.status, run.reason, run.crashes) == ("cancelled", "cancelled by user", 0)
    assert bench.pid() != stuck


def test_a_diverged_run_fails_no_other_run(bench: Bench) -> None:
    bad = queue_run(bench.database, depth=5, width=128, epochs=50, lr=100)
    good = queue_run(bench.database, **SHORT)
    run = bench.ended(bad)
    assert run.status == "failed"
    assert run.reason is not None
    assert run.reason.startswith("diverged: loss became non-finite at epoch")
    assert bench.columns(bad).epoch == list(range(1, run.epochs_done + 1))
    assert bench.ended(good).status == "finished"


@pytest.mark.parametrize(
    "config",
    [
        {"depth": 1, "epochs": 4, "batch_size": 1024},
        {"depth": 3, "width": 32, "epochs": 4, "batch_size": 2048},
    ],
)
def test_a_run_whose_slot_was_killed_has_the_weights_of_an_uninterrupted_run(
    bench: Bench, config: dict[str, Any]
) -> None:
    straight = bench.ended(queue_run(bench.database, **config))
    run_id = queue_run(bench.database, **config)
    bench.wait_for_epochs(run_id, 2)
    os.kill(bench.pid(), signal.SIGKILL)
    run = bench.ended(run_id)
    assert (run.status, run.attempt, run.crashes) == ("finished", 2, 0)
    assert bench.weights(run_id) == bench.weights(straight.id)
    assert bench.predictions(run_id) == bench.predictions(straight.id)
    assert bench.figures(run_id) == bench.figures(straight.id)
    assert row(bench.database, run_id).resumed_from >= 1
    assert bench.attempts(run_id) == {1, 2}
    assert not bench.files(run_id).checkpoints.exists()


def test_a_retried_cancelled_run_resumes_from_its_checkpoint(bench: Bench) -> None:
    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id, 2)
    cancel(bench, run_id)
    bench.ended(run_id)
    (saved, *_) = bench.files(run_id).usable(10_000)
    with bench.database.write() as session:
        admission.retry(session, run_id, limit=states.ROOM)
    bench.turn_until(lambda: row(bench.database, run_id).resumed_from == saved.epoch)
    bench.wait_for_epochs(run_id, saved.epoch + 1)
    cancel(bench, run_id)
    bench.ended(run_id)
    columns = bench.columns(run_id)
    assert columns.epoch == list(range(1, len(columns.epoch) + 1))
    assert bench.attempts(run_id) == {1, 2}


def test_a_checkpoint_of_another_configuration_is_not_used(bench: Bench) -> None:
    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id, 2)
    with bench.database.write() as session:
        run_rows.get(session, run_id).epochs = 3  # what the next attempt will find: the test has no day
    os.kill(bench.pid(), signal.SIGKILL)
    run = bench.ended(run_id)
    assert (run.status, run.attempt, run.reason) == ("finished", 2, None)
    assert bench.columns(run_id).epoch == [1, 2, 3]
    assert bench.attempts(run_id) == {2}


def test_a_run_whose_slot_is_killed_three_times_fails_and_the_queue_continues(bench: Bench) -> None:
    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id)
    slot = bench.silence()
    with bench.database.write() as session:
        run_rows.get(session, run_id).crashes = 2
    os.kill(slot, signal.SIGKILL)
    run = bench.ended(run_id)
    assert (run.status, run.crashes) == ("failed", 3)
    assert run.reason == (
        "crashed 3 times in a row without a new epoch; the last time, its process was killed by SIGKILL"
    )
    assert bench.ended(queue_run(bench.database, **SHORT)).status == "finished"


def test_a_reclaimed_run_is_not_trained_by_its_old_worker(bench: Bench) -> None:
    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id)
    slot = bench.pid()
    with bench.database.write() as session:
        run_rows.get(session, run_id).lease_expires = 0
    with bench.database.write() as session:
        assert reaper.reap(session) == [run_id]
        assert claims.claim(session, "another", {"cpu"}, threads=1, lease_seconds=60) is not None
    bench.turn_until(lambda: bench.pid() != slot)
    stored = row(bench.database, run_id)
    assert (stored.status, stored.worker_id, stored.attempt) == ("running", "another", 2)
    assert bench.attempts(run_id) == {1}
    with bench.database.write() as session:
        registry.retire(session, "another", "the test is over")


def test_a_removed_worker_registers_again(bench: Bench) -> None:
    bench.ended(queue_run(bench.database, **SHORT))
    worker = bench.start()
    with bench.database.write() as session:
        registry.retire(session, worker.id, "it seemed dead")
    bench.leap(bench.settings.heartbeat_seconds)
    worker.turn()
    with bench.database.read() as session:
        (known,) = registry.list_workers(session)
    assert (known.id, [device.device for device in known.devices]) == (worker.id, ["cpu"])
    assert known.versions


def test_a_stalled_run_loses_its_attempt_and_resumes_in_a_new_slot(bench: Bench) -> None:
    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id, 2)
    stuck = bench.silence()
    bench.leap(bench.settings.stall_seconds)
    bench.turn_until(lambda: row(bench.database, run_id).crashes == 1)
    bench.turn_until(lambda: row(bench.database, run_id).status == "running")
    bench.wait_for_epochs(run_id, row(bench.database, run_id).epochs_done + 1)
    assert bench.pid() != stuck
    with bench.database.read() as session:
        found = reading.get_run(session, run_id)
    assert found is not None
    assert found.attempts[0].outcome == "lost"
    told = re.fullmatch(
        r"it made no step for (\d+) s and used almost no CPU time", found.attempts[0].reason or ""
    )
    assert told
    assert 300 <= int(told[1]) < 300 + PATIENCE
    cancel(bench, run_id)
    bench.ended(run_id)


def test_a_run_with_long_epochs_has_not_stalled(bench: Bench) -> None:
    run_id = queue_run(bench.database, depth=2, epochs=1, batch_size=8)
    bench.turn_until(lambda: row(bench.database, run_id).device_used is not None)
    for _ in range(3):
        heard = bench.slot.watch.heard_at
        bench.leap(bench.settings.stall_seconds - 50)
        bench.turn_until(lambda heard=heard: bench.slot.watch.heard_at > heard)  # type: ignore[misc]
    assert row(bench.database, run_id).crashes == 0
    cancel(bench, run_id)
    bench.ended(run_id)


@pytest.fixture
def impatient(settings: Settings, forks: Forks, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A worker that waits one second for a step, and whose slot misbehaves as the test's parameter says."""
    changes = {"slots": 1, "threads": 1, "device": "cpu", "checkpoint_seconds": 0, "stall_seconds": 1}
    bench = Bench(settings.model_copy(update=changes), forked(forks, str(HANGING), request.param))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stall, "LEAST_SECONDS", 0)
        yield bench
        bench.end()
    bench.database.close()


def first_loss(bench: Bench, run_id: int) -> str:
    """Why a run has lost its first attempt, once it has."""

    def lost() -> str | None:
        with bench.database.read() as session:
            found = reading.get_run(session, run_id)
        return found.attempts[0].reason if found.attempts else None

    bench.turn_until(lambda: bool(lost()))
    return lost() or ""


@pytest.mark.parametrize(
    ("impatient", "why"),
    [
        ("endless", r"it made no step for \d+ s and used \d+ s of CPU time; its longest step took 0\.\d+ s"),
        ("deadlock", r"it made no step for \d+ s and used almost no CPU time"),
    ],
    indirect=["impatient"],
)
def test_a_slot_that_hangs_is_killed_whether_it_is_busy_or_idle(impatient: Bench, why: str) -> None:
    run_id = queue_run(impatient.database, **SHORT | {"epochs": 2})
    impatient.wait_for_epochs(run_id)
    pid = impatient.pid()
    assert re.fullmatch(why, first_loss(impatient, run_id))
    assert impatient.pid() != pid
    cancel(impatient, run_id)
    impatient.ended(run_id)


@pytest.mark.parametrize("impatient", ["long"], indirect=True)
def test_a_slot_with_steps_longer_than_the_stall_time_continues(impatient: Bench) -> None:
    run = impatient.ended(queue_run(impatient.database, depth=1, epochs=1, batch_size=30_000))
    assert (run.status, run.attempt, run.crashes) == ("finished", 1, 0)


@pytest.mark.parametrize("impatient", ["dies"], indirect=True)
def test_a_run_that_kills_its_own_process_three_times_fails(impatient: Bench) -> None:
    run = impatient.ended(queue_run(impatient.database, **SHORT | {"epochs": 2}))
    assert (run.status, run.attempt, run.crashes, run.worker_losses) == ("failed", 3, 3, 0)
    assert run.reason is not None
    assert run.reason.startswith("crashed 3 times in a row without a new epoch; ")


def test_a_machine_that_slept_kills_no_slot_at_its_wake_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All stands still while the worker waits for news, as it does most of the time."""
    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id)
    worker, slot = bench.start(), bench.silence()

    def sleep_through(_: object, __: float) -> list[object]:
        bench.leap(10 * bench.settings.stall_seconds)
        return []

    monkeypatch.setattr("app.worker.loop.wait", sleep_through)
    worker.turn()
    monkeypatch.undo()
    worker.turn()
    Process(slot).go_on()
    bench.wait_for_epochs(run_id, row(bench.database, run_id).epochs_done + 1)
    assert (bench.pid(), row(bench.database, run_id).attempt) == (slot, 1)
    cancel(bench, run_id)
    bench.ended(run_id)


def test_a_slot_that_dies_just_before_its_worker_counts_no_crash(bench: Bench) -> None:
    """What ends a machine ends its slots, and the worker perhaps a moment later."""
    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id)
    worker, slot = bench.start(), bench.silence()
    os.kill(slot, signal.SIGKILL)
    eventually(worker.slots[0].connection.poll)
    worker.turn()
    assert (row(bench.database, run_id).status, row(bench.database, run_id).crashes) == ("running", 0)
    bench.leap(FALLOUT_SECONDS)
    worker.turn()
    assert (row(bench.database, run_id).status, row(bench.database, run_id).crashes) == ("queued", 1)
    cancel(bench, run_id)


def test_a_slot_ignores_termination_signals(bench: Bench) -> None:
    """A service manager sends them to every process at once; the worker gives the run back."""
    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(bench.pid(), number)
    bench.wait_for_epochs(run_id, row(bench.database, run_id).epochs_done + 2)
    assert row(bench.database, run_id).attempt == 1
    cancel(bench, run_id)
    bench.ended(run_id)


def test_a_drain_counts_no_loss_for_a_dead_slot_or_an_unknown_claim(lone: Bench, database: Database) -> None:
    trained, unknown = queue_run(database, **LONG), queue_run(database, **SHORT)
    lone.wait_for_epochs(trained)
    with database.write() as session:
        assert claims.claim(session, lone.start().id, {"cpu"}, threads=1, lease_seconds=60) is not None
    os.kill(lone.silence(), signal.SIGKILL)
    lone.end()
    for run in (row(database, trained), row(database, unknown)):
        assert (run.status, run.crashes, run.worker_losses) == ("queued", 0, 0)


def test_a_claim_that_its_worker_did_not_receive_is_released(bench: Bench) -> None:
    bench.ended(queue_run(bench.database, **SHORT))
    worker = bench.start()
    run_id = queue_run(bench.database, **SHORT)
    with bench.database.write() as session:
        assert claims.claim(session, worker.id, {"cpu"}, threads=1, lease_seconds=60) is not None
    bench.leap(bench.settings.heartbeat_seconds)
    run = bench.ended(run_id)
    assert (run.status, run.attempt, run.crashes) == ("finished", 2, 0)


def test_training_continues_while_the_database_is_locked_and_loses_nothing(
    settings: Settings, database: Database, quick: Start
) -> None:
    run_id = queue_run(database, **LONG)
    changes = {"slots": 1, "threads": 1, "device": "cpu"}
    impatient = Bench(settings.model_copy(update=changes), quick, busy_seconds=0)
    impatient.wait_for_epochs(run_id)
    worker = impatient.start()
    with database.write() as session:
        session.connection()  # takes the lock
        impatient.turn_until(lambda: worker.outage_since is not None and worker.slots[0].report is not None)
        worker.turn()
    before = row(database, run_id).epochs_done
    impatient.wait_for_epochs(run_id, before + 3)
    cancel(impatient, run_id)
    run = impatient.ended(run_id)
    assert (run.status, run.attempt, run.crashes) == ("cancelled", 1, 0)
    assert impatient.columns(run_id).epoch == list(range(1, run.epochs_done + 1))
    impatient.end()
    impatient.database.close()


def in_small_pages(settings: Settings) -> None:
    """Let the database file need another page for every few epochs."""
    with closing(sqlite3.connect(settings.data_dir / "depthboard.sqlite3")) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")  # a write-ahead log keeps the size of its pages
        connection.execute("PRAGMA page_size=512")
        connection.execute("VACUUM")


def test_a_run_on_a_full_disk_fails_with_the_reason_and_can_resume(
    settings: Settings, database: Database, quick: Start
) -> None:
    in_small_pages(settings)
    run_id = queue_run(database, **LONG)
    changes = {"slots": 1, "threads": 1, "device": "cpu", "checkpoint_seconds": 0}
    cramped = Bench(settings.model_copy(update=changes), quick)
    cramped.wait_for_epochs(run_id, 2)
    worker = cramped.start()
    with cramped.database.engine.connect() as connection:
        full = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count={full}"))
    cramped.turn_until(lambda: worker.outage_since is not None)
    assert row(database, run_id).status == "running"
    cramped.leap(UNWRITABLE_SECONDS)
    run = cramped.ended(run_id)
    assert run.status == "failed"
    assert run.reason is not None
    assert "its disk is full or broken (database or disk is full). Fix the cause and retry" in run.reason
    with database.read() as session:
        assert session.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
    with cramped.database.engine.connect() as connection:
        connection.execute(text("PRAGMA max_page_count=1000000"))
    with database.write() as session:
        admission.retry(session, run_id, limit=states.ROOM)
    cramped.wait_for_epochs(run_id, run.epochs_done + 1)
    stored = row(database, run_id)
    assert (stored.attempt, stored.crashes) == (2, 0)
    assert stored.resumed_from >= 1
    cramped.end()
    cramped.database.close()


def test_a_slot_that_dies_idle_is_replaced(bench: Bench) -> None:
    bench.ended(queue_run(bench.database, **SHORT))
    os.kill(bench.pid(), signal.SIGKILL)
    run = bench.ended(queue_run(bench.database, **SHORT))
    assert run.status == "finished"


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Keep everybody else from writing."""
    with database.write() as session:
        session.connection()  # takes the lock
        yield


@pytest.fixture
def lone(settings: Settings, quick: Start) -> Iterator[Bench]:
    """A worker that waits for nobody, with a database of its own; it beats once and not again."""
    changes = {"slots": 1, "threads": 1, "device": "cpu", "heartbeat_seconds": 1800, "lease_seconds": 3600}
    bench = Bench(settings.model_copy(update=changes), quick, busy_seconds=0)
    yield bench
    bench.end()
    bench.database.close()


def test_a_slot_killed_while_the_database_is_locked_is_settled_later(lone: Bench, database: Database) -> None:
    run_id = queue_run(database, **LONG)
    lone.wait_for_epochs(run_id)
    worker, slot = lone.start(), lone.slot
    lone.silence()
    cancel(lone, run_id)
    lone.turn_until(lambda: slot.kill_at is not None)
    lone.leap(GRACE_SECONDS)
    with locked(database):
        lone.turn_until(lambda: slot.process.poll() is not None)
        worker.turn()
        assert row(database, run_id).status == "running"
    run = lone.ended(run_id)
    assert (run.status, run.reason, run.crashes) == ("cancelled", "cancelled by user", 0)
    assert lone.ended(queue_run(database, **SHORT)).status == "finished"


def test_a_drain_ends_its_slots_in_time_while_the_database_is_locked(lone: Bench, database: Database) -> None:
    run_id = queue_run(database, **LONG)
    lone.wait_for_epochs(run_id)
    worker, slot = lone.start(), lone.slot
    lone.worker = None  # it ends here and not after the test
    with locked(database):
        worker.drain(seconds=0)
        assert slot.process.poll() is not None
    stored = row(database, run_id)
    assert (stored.status, stored.worker_id, stored.crashes) == ("running", worker.id, 0)
    assert stored.lease_expires is not None


def test_a_drain_settles_runs_killed_while_the_database_was_locked(lone: Bench, database: Database) -> None:
    run_id = queue_run(database, **LONG)
    lone.wait_for_epochs(run_id)
    slot = lone.slot
    lone.silence()
    lone.leap(lone.settings.stall_seconds)
    with locked(database):
        lone.turn_until(lambda: slot.process.poll() is not None)
    lone.end()
    stored = row(database, run_id)
    assert (stored.status, stored.worker_id, stored.crashes) == ("queued", None, 1)


@pytest.mark.parametrize(
    ("figures", "complaint"),
    [
        ({"train_loss": None}, "NOT NULL constraint failed: epoch.train_loss"),
        ({"epoch": 20_000}, "received epoch 20000, but only"),
        ({"gradient_norms": object()}, "not JSON serializable"),
    ],
)
def test_a_rejected_report_fails_only_its_run(bench: Bench, figures: dict[str, Any], complaint: str) -> None:
    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id)
    worker, slot = bench.start(), bench.pid()
    epoch = row(bench.database, run_id).epochs_done + 1
    worker.slots[0].report = EpochDone(states.measured(**{"epoch": epoch, **figures}))
    run = bench.ended(run_id)
    assert (run.status, run.crashes) == ("failed", 0)
    assert run.reason is not None
    assert run.reason.startswith("a report of its process (EpochDone) could not be recorded: ")
    assert complaint in run.reason
    assert bench.ended(queue_run(bench.database, **SHORT)).status == "finished"
    assert bench.pid() != slot


def test_a_damaged_database_fails_no_run_and_is_logged_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def met(*_: object) -> bool:
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise DatabaseError("UPDATE", None, error)

    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id)
    worker, slot = bench.start(), bench.pid()
    with monkeypatch.context() as patch:
        patch.setattr(claims, "record_epoch", met)
        bench.turn_until(lambda: worker.outage_since is not None)
        for _ in range(2):
            worker.turn()
    lines = [each.getMessage() for each in caplog.records if "is damaged" in each.getMessage()]
    assert len(lines) == 1
    assert "depthboard restore FILE --data-dir NEW" in lines[0]
    assert "Traceback" not in caplog.text
    before = row(bench.database, run_id).epochs_done
    bench.wait_for_epochs(run_id, before + 2)
    cancel(bench, run_id)
    run = bench.ended(run_id)
    assert (run.status, run.attempt, bench.pid()) == ("cancelled", 1, slot)
    assert bench.columns(run_id).epoch == list(range(1, run.epochs_done + 1))


def test_a_worker_on_a_full_disk_renews_its_lease_if_possible(
    settings: Settings, database: Database, quick: Start
) -> None:
    in_small_pages(settings)
    run_id = queue_run(database, **LONG)
    cramped = Bench(settings.model_copy(update={"slots": 1, "threads": 1, "device": "cpu"}), quick)
    cramped.wait_for_epochs(run_id)
    worker = cramped.start()
    with cramped.database.engine.connect() as connection:
        full = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count={full}"))
    cramped.turn_until(lambda: worker.outage_since is not None)
    before = row(database, run_id).lease_expires or 0
    cramped.leap(cramped.settings.heartbeat_seconds)
    worker.turn()
    assert worker.outage_since is not None
    assert (row(database, run_id).lease_expires or 0) > before
    worker.drain(seconds=0)  # there is no room for what its slot would save
    cramped.database.close()


def test_a_failed_search_for_leftover_files_does_not_end_the_worker(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: RunFiles, attempt: int) -> None:
        raise PermissionError(attempt)

    monkeypatch.setattr(RunFiles, "keep_only", refuse)
    for _ in range(2):
        assert bench.ended(queue_run(bench.database, **SHORT)).status == "finished"


def test_a_draining_worker_requeues_its_run_and_ends_its_slot(bench: Bench) -> None:
    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id)
    slot = bench.slot
    bench.end()
    stored = row(bench.database, run_id)
    assert (stored.status, stored.crashes, stored.worker_id) == ("queued", 0, None)
    (saved, *_) = bench.files(run_id).usable(10_000)
    assert saved.epoch == stored.epochs_done  # nothing that was trained is lost
    assert slot.process.poll() is not None
    with bench.database.read() as session:
        assert registry.list_workers(session) == []


def test_a_dead_child_is_noticed_on_receive_without_an_error(tmp_path: Path) -> None:
    slot = SlotProcess(Settings(data_dir=tmp_path))
    slot.process.kill()
    slot.process.wait()
    claim = Claim(run_id=1, attempt=1, config=TrainConfig(depth=1), threads=1, epochs_done=0)
    slot.train(claim, artifacts.of_run(str(tmp_path), 1), 5)
    slot.ask_to_stop(kill_at=0)
    assert slot.receive() == Gone()
    assert slot.kill() == "its process was killed by SIGKILL"


def test_a_worker_whose_slots_cannot_start_stops_with_the_reason(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    worker = Worker(database, settings)

    def turn_for_ever() -> None:
        while True:
            worker.turn()

    with pytest.raises(SlotsUnusable, match="no slot can start: 5 in a row died"):
        turn_for_ever()
    worker.drain()


@pytest.mark.skipif(not FASHION.is_dir(), reason="needs the Debian package dataset-fashion-mnist")
def test_fashion_mnist_linked_into_the_data_folder_is_trained_on_and_recorded(bench: Bench) -> None:
    (home(bench.settings.data_dir) / "fashion-mnist").symlink_to(FASHION)
    run = bench.ended(queue_run(bench.database, depth=1, epochs=1, batch_size=512, dataset="fashion-mnist"))
    assert (run.status, run.reason) == ("finished", None)
    assert run.test_accuracy is not None
    assert run.test_accuracy > 0.5
    contents = [gzip.decompress(path.read_bytes()) for path in map(DataFolder(FASHION).file, FILES) if path]
    digests = "".join(hashlib.sha256(content).hexdigest() for content in contents)
    recorded = row(bench.database, run.id).environment
    assert recorded["data_sha256"] == hashlib.sha256(digests.encode()).hexdigest()
    assert (recorded["train_images"], recorded["test_images"]) == ("60000", "10000")
