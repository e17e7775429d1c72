"""Real processes, killed in the middle of their work, on SQLite."""

import contextlib
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from app.db import Database
from tests.app.states import row
from tests.processes import ENDLESS, PATIENCE, Process, Up, up
from tests.waiting import eventually

RESIDENT = 110_000_000
"""Bytes that the web process may hold before the first comparison."""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("dashboard")) as started:
        yield started


def test_a_posted_run_is_trained_and_every_epoch_kept(dashboard: Up) -> None:
    run = dashboard.ended(dashboard.post(depth=1, epochs=5))
    assert (run["status"], run["attempt"], run["device_used"]) == ("finished", 1, "cpu")
    columns = dashboard.client.get(f"/runs/{run['id']}/epochs").json()
    assert {len(column) for column in columns.values()} == {5}
    assert columns["epoch"] == [1, 2, 3, 4, 5]


def test_the_web_process_stays_small_and_without_torch(dashboard: Up) -> None:
    for path in ("/runs", "/runs/new", "/studies", "/workers", "/openapi.json"):
        for accept in ("text/html", "application/json"):
            dashboard.client.get(path, headers={"Accept": accept})
    assert int(dashboard.web.status["VmRSS"].removesuffix("kB")) * 1024 < RESIDENT
    assert "torch" not in Path(f"/proc/{dashboard.web.pid}/maps").read_text()
    assert eventually(lambda: "torch" in Path(f"/proc/{dashboard.slot.pid}/maps").read_text())


def test_a_run_whose_slot_is_killed_finishes_once_with_every_epoch_once(dashboard: Up) -> None:
    run = dashboard.post(**ENDLESS)
    dashboard.training(run)
    dashboard.shorten(run)
    dashboard.slot.kill()
    assert dashboard.finished_once(run)


def test_a_run_whose_worker_is_killed_finishes_once_with_every_epoch_once(dashboard: Up) -> None:
    run = dashboard.post(**ENDLESS)
    dashboard.training(run)
    dashboard.shorten(run)
    worker, slot = dashboard.worker, dashboard.slot
    worker.kill()
    assert dashboard.finished_once(run)
    eventually(lambda: not slot.alive, PATIENCE)
    assert len(dashboard.client.get("/workers").json()["workers"]) == 1


@pytest.mark.parametrize("victim", ["slot", "worker"])
@pytest.mark.parametrize(("depth", "epochs", "batch_size"), [(1, 6, 256), (3, 4, 1024)])
def test_a_run_whose_processes_are_killed_ends_at_the_same_bytes_as_one_left_alone(
    dashboard: Up, depth: int, epochs: int, batch_size: int, victim: str
) -> None:
    config = {"depth": depth, "epochs": epochs, "batch_size": batch_size}
    straight = dashboard.ended(dashboard.post(**config))
    run = dashboard.post(**config)
    dashboard.training(run)
    process: Process = getattr(dashboard, victim)
    process.kill()
    ended = dashboard.ended(run)
    assert (ended["status"], ended["attempt"], ended["crashes"]) == ("finished", 2, 1)
    assert ended["resumed_from"] >= 1
    assert dashboard.results(run) == dashboard.results(straight)


def test_training_goes_on_while_the_web_process_is_killed_and_restarted(dashboard: Up) -> None:
    run = dashboard.post(**ENDLESS)
    dashboard.training(run)
    dashboard.web.kill()

    def answers() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return dashboard.client.get("/health").status_code == 200
        return False

    eventually(answers, PATIENCE)
    dashboard.training(run, dashboard.read(run)["epochs_done"] + 1)
    dashboard.client.post(f"/runs/{run['id']}/cancel")
    ended = dashboard.ended(run)
    assert (ended["status"], ended["attempt"], ended["crashes"]) == ("cancelled", 1, 0)


@pytest.mark.parametrize("kind", ["", "simplecache::"])
def test_what_a_slot_puts_into_a_store_by_url_is_resumed_from_and_downloaded(
    tmp_path: Path, kind: str
) -> None:
    """A folder by its URL, and the same as a store that fsspec alone reads and writes."""
    place = tmp_path / "store"
    with up(tmp_path / "data", artifacts_url=f"{kind}{place.as_uri()}") as dashboard:
        run = dashboard.post(depth=1, epochs=6, batch_size=256)
        dashboard.training(run)
        dashboard.slot.kill()
        ended = dashboard.ended(run)
        assert (ended["status"], ended["crashes"]) == ("finished", 1)
        assert ended["resumed_from"] >= 1
        weights, _ = dashboard.results(run)
    assert (place / f"runs/{run['id']}/attempt-2/model.safetensors").read_bytes() == weights
    assert not (tmp_path / "data" / "artifacts").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_and_gives_the_run_back(tmp_path: Path, number: signal.Signals) -> None:
    with up(tmp_path) as dashboard:
        run = dashboard.post(**ENDLESS)
        dashboard.training(run)
        family = dashboard.supervisor.family()
        assert len(family) == 4
        dashboard.process.send_signal(number)
        assert dashboard.process.wait(60) == 0
        assert not [process.command for process in family if process.alive]
    database = Database(f"sqlite:///{tmp_path / 'depthboard.sqlite3'}")
    stored = row(database, run["id"])
    assert (stored.status, stored.crashes, stored.worker_id) == ("queued", 0, None)
    database.close()


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with up(tmp_path) as dashboard:
        dashboard.training(dashboard.post(**ENDLESS), epochs=1)
        family = dashboard.supervisor.family()
        assert len(family) == 4
        dashboard.supervisor.kill()
        eventually(lambda: not [process for process in family if process.alive], PATIENCE)


@pytest.mark.parametrize("how", ["the supervisor is killed", "all are told to end"])
def test_everything_ends_in_time_while_the_database_is_locked(tmp_path: Path, how: str) -> None:
    """The limit is far from the seconds that are promised, and farther from what waiting would take."""
    with up(tmp_path) as dashboard, closing(Database(dashboard.settings.url)) as database:
        run = dashboard.post(**ENDLESS)
        dashboard.training(run)
        family = dashboard.supervisor.family()
        with database.write() as session:
            session.connection()  # takes the lock
            if how == "the supervisor is killed":
                dashboard.supervisor.kill()
            else:
                dashboard.process.send_signal(signal.SIGTERM)
            eventually(lambda: not [process for process in family if process.alive], 14)
        stored = row(database, run["id"])
        assert (stored.status, stored.crashes) == ("running", 0)
