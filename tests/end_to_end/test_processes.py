"""Real processes, killed in the middle of their work, on SQLite and on PostgreSQL, also with a Ray cluster.

Tests marked `on_ray` run with a cluster of two nodes too; in the long form (`make long`) all tests do.
"""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from app.storage.database import Database
from tests.app.states import row
from tests.dashboard import ROOT, clean_environment
from tests.postgres import PostgreSQL
from tests.processes import ENDLESS, PATIENCE, Engine, Process, Up, up
from tests.waiting import eventually

BACKENDS = ("sqlite", "postgresql")
CONFIG = {"depth": 2, "width": 64, "epochs": 8, "batch_size": 512}
"""A run that trains long enough to be interrupted, and ends."""
RESIDENT = 110_000_000
"""Bytes that the web process may hold before the first comparison."""


@contextmanager
def started(backend: str, engine: Engine, folder: Path, request: pytest.FixtureRequest) -> Iterator[Up]:
    """A dashboard that makes its tables itself, in a file or on the server."""
    with contextlib.ExitStack() as stack:
        url = None
        if backend == "postgresql":
            server: PostgreSQL = request.getfixturevalue("postgresql")
            url = stack.enter_context(server.database(template="template0"))
        yield stack.enter_context(up(folder, url, engine=engine))


@pytest.fixture(scope="module")
def dashboard(
    backend: str, engine: Engine, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Up]:
    """One for all tests of a database and an engine; only the last of them ends it."""
    with started(backend, engine, tmp_path_factory.mktemp("dashboard"), request) as found:
        yield found


@pytest.fixture(scope="module")
def store(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001  # one for each
    """A folder as a store that fsspec alone reads and writes."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def storing(store: Path, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A dashboard whose runs put their files into the store; only the last test ends it."""
    url = f"simplecache::{store.as_uri()}"
    with up(tmp_path_factory.mktemp("data"), artifacts_url=url, engine=engine) as found:
        yield found


@pytest.fixture(scope="module")
def straight(dashboard: Up) -> tuple[bytes, dict[str, list[float]]]:
    """The results of a run that was left alone."""
    return dashboard.results(dashboard.ended(dashboard.post(**CONFIG)))


def test_a_posted_run_is_trained_and_every_epoch_kept(dashboard: Up, backend: str) -> None:
    run = dashboard.ended(dashboard.post(depth=1, epochs=5))
    assert (run["status"], run["attempt"], run["device_used"]) == ("finished", 1, "cpu")
    columns = dashboard.client.get(f"/runs/{run['id']}/epochs").json()
    assert {len(column) for column in columns.values()} == {5}
    assert columns["epoch"] == [1, 2, 3, 4, 5]
    assert (dashboard.settings.data_dir / "depthboard.sqlite3").exists() is (backend == "sqlite")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # the driver of another takes more
def test_the_web_process_stays_small_and_without_torch(dashboard: Up) -> None:
    for path in ("/runs", "/runs/new", "/studies", "/workers", "/openapi.json"):
        for accept in ("text/html", "application/json"):
            dashboard.client.get(path, headers={"Accept": accept})
    assert int(dashboard.web.status["VmRSS"].removesuffix("kB")) * 1024 < RESIDENT
    assert "torch" not in Path(f"/proc/{dashboard.web.pid}/maps").read_text()
    assert eventually(lambda: "torch" in Path(f"/proc/{dashboard.slot.pid}/maps").read_text())


Results = tuple[bytes, dict[str, list[float]]]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # its worker alone notices, on any database
def test_a_run_whose_slot_is_killed_ends_with_the_same_weights(dashboard: Up, straight: Results) -> None:
    kill_while_training(dashboard, "slot", straight)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)  # the storm of kills has it on SQLite
def test_a_run_whose_worker_is_killed_ends_with_the_same_weights(dashboard: Up, straight: Results) -> None:
    kill_while_training(dashboard, "worker", straight)


def kill_while_training(dashboard: Up, victim: str, straight: Results) -> None:
    """Kill a process while a run trains, and compare what the run ends with."""
    slot = dashboard.slot
    process: Process = getattr(dashboard, victim)
    run = dashboard.post(**CONFIG)
    dashboard.training(run)
    process.kill()
    ended = dashboard.ended(run)
    assert (ended["status"], ended["attempt"]) == ("finished", 2)
    assert [attempt["outcome"] for attempt in ended["attempts"]] == ["lost", "finished"]
    assert ended["resumed_from"] >= 1
    assert dashboard.results(run) == straight
    eventually(lambda: not slot.alive, PATIENCE)
    assert len(dashboard.client.get("/workers").json()["workers"]) == 1


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # no other process notices
def test_training_continues_while_the_web_process_is_killed_and_restarted(dashboard: Up) -> None:
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


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_two_workers_share_the_queue_and_one_takes_over_when_the_other_dies(dashboard: Up) -> None:
    """The second is a worker of another machine, as far as the database can tell."""
    first = dashboard.post(**ENDLESS)
    dashboard.training(first)
    command = [sys.executable, "-m", "app.cli", "worker", "--slots", "1", "--threads", "1", "--device", "cpu"]
    command += ["--data-dir", str(dashboard.settings.data_dir), "--database-url", str(dashboard.settings.url)]
    command += ["--checkpoint-seconds", "0", "--lease-seconds", "2", "--heartbeat-seconds", "0.5"]
    other = subprocess.Popen(command, cwd=ROOT, env=clean_environment())
    try:
        second = dashboard.post(**ENDLESS)
        dashboard.training(second)
        assert dashboard.read(second)["worker_id"] != dashboard.read(first)["worker_id"]
        dashboard.client.post(f"/runs/{first['id']}/cancel")
        Process(other.pid).kill()
        eventually(lambda: dashboard.read(second)["attempt"] == 2, PATIENCE)
        dashboard.training(second, dashboard.read(second)["epochs_done"] + 1)
        now = dashboard.read(second)
        assert now["attempts"][0]["reason"] == "its worker stopped sending heartbeats"
        assert now["resumed_from"] >= 1
    finally:
        other.kill()
        other.wait()
    dashboard.client.post(f"/runs/{second['id']}/cancel")
    assert dashboard.ended(second)["reason"] == "cancelled by user"


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_training_continues_while_the_database_breaks_all_connections(
    dashboard: Up, postgresql: PostgreSQL
) -> None:
    run = dashboard.post(**ENDLESS)
    dashboard.training(run)
    postgresql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    )
    dashboard.training(run, dashboard.read(run)["epochs_done"] + 3)
    dashboard.client.post(f"/runs/{run['id']}/cancel")
    ended = dashboard.ended(run)
    assert (ended["status"], ended["attempt"], ended["crashes"]) == ("cancelled", 1, 0)
    columns = dashboard.client.get(f"/runs/{run['id']}/epochs").json()
    assert columns["epoch"] == list(range(1, ended["epochs_done"] + 1))


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_sigterm_ends_everything_and_gives_the_run_back(dashboard: Up) -> None:
    run = dashboard.post(**ENDLESS)
    dashboard.training(run)
    family = dashboard.family()
    assert len(family) == 4
    dashboard.process.send_signal(signal.SIGTERM)
    assert dashboard.process.wait(60) == 0
    assert not [process.command for process in family if process.alive]
    with closing(Database(dashboard.settings.url)) as database:
        stored = row(database, run["id"])
    assert (stored.status, stored.crashes, stored.worker_id) == ("queued", 0, None)


@pytest.mark.on_ray
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_run_for_a_device_that_is_missing_says_so_on_its_page_and_in_the_queue(dashboard: Up) -> None:
    run = dashboard.post(depth=1, device="cuda")
    eventually(lambda: dashboard.read(run)["reason"] == "no live worker has cuda", PATIENCE)
    for path in (f"/runs/{run['id']}", "/queue", "/runs"):
        page = dashboard.client.get(path, headers={"Accept": "text/html"}).text
        assert "no live worker has cuda" in page
    dashboard.client.post(f"/runs/{run['id']}/cancel")


@pytest.mark.on_ray
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_all_processes_end_if_the_supervisor_is_killed_while_the_database_is_locked(dashboard: Up) -> None:
    end_while_locked(dashboard, signal.SIGKILL)


def test_files_in_an_object_store_are_resumed_from_and_downloaded(storing: Up, store: Path) -> None:
    run = storing.post(**CONFIG)
    storing.training(run)
    storing.slot.kill()
    ended = storing.ended(run)
    assert (ended["status"], ended["attempt"]) == ("finished", 2)
    assert ended["resumed_from"] >= 1
    weights, _ = storing.results(run)
    assert (store / f"runs/{run['id']}/attempt-2/model.safetensors").read_bytes() == weights
    assert not (storing.settings.data_dir / "artifacts").exists()


def test_ctrl_c_ends_everything_in_time_while_the_database_is_locked(storing: Up) -> None:
    end_while_locked(storing, signal.SIGINT)


def end_while_locked(dashboard: Up, number: signal.Signals) -> None:
    """Send the supervisor a signal while a run trains and somebody else holds the lock of the database.

    The limit is far from the seconds that are promised, and farther from what waiting would take.
    """
    run = dashboard.post(**ENDLESS)
    dashboard.training(run)
    family = dashboard.family()
    assert len(family) == 4
    with closing(Database(dashboard.settings.url)) as database:
        with database.write() as session:
            session.connection()  # takes the lock
            dashboard.process.send_signal(number)
            eventually(lambda: not [process for process in family if process.alive], 14)
        stored = row(database, run["id"])
    assert (stored.status, stored.crashes) == ("running", 0)
