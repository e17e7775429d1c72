"""Real processes, killed in the middle of their work, on PostgreSQL."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db import Database
from tests.app.states import row
from tests.dashboard import ROOT, clean_environment
from tests.postgres import PostgreSQL
from tests.processes import ENDLESS, PATIENCE, Process, Up, up
from tests.waiting import eventually

CONFIG = {"depth": 2, "epochs": 5, "batch_size": 4096}


@pytest.fixture(scope="module")
def dashboard(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("dashboard")
    with postgresql.database(template="template0") as url, up(folder, url) as started:
        yield started


def test_a_run_whose_worker_is_killed_ends_at_the_same_bytes_as_one_left_alone(dashboard: Up) -> None:
    straight = dashboard.ended(dashboard.post(**CONFIG))
    run = dashboard.post(**CONFIG)
    dashboard.training(run)
    dashboard.worker.kill()
    ended = dashboard.ended(run)
    assert (ended["status"], ended["attempt"], ended["crashes"]) == ("finished", 2, 1)
    assert [attempt["outcome"] for attempt in ended["attempts"]] == ["lost", "finished"]
    assert dashboard.results(run) == dashboard.results(straight)
    assert not (dashboard.settings.data_dir / "depthboard.sqlite3").exists()


def test_two_workers_share_the_queue_and_one_takes_over_when_the_other_dies(dashboard: Up) -> None:
    """The second is a worker of another machine, as far as the database can tell."""
    first = dashboard.post(**ENDLESS)
    dashboard.training(first)
    command = [sys.executable, "-m", "app.cli", "worker", "--slots", "1", "--device", "cpu"]
    command += ["--data-dir", str(dashboard.settings.data_dir), "--database-url", dashboard.settings.url]
    command += ["--checkpoint-seconds", "0", "--lease-seconds", "2", "--heartbeat-seconds", "0.5"]
    other = subprocess.Popen(command, cwd=ROOT, env=clean_environment())
    try:
        second = dashboard.post(**CONFIG | {"epochs": 10_000})
        dashboard.training(second)
        assert dashboard.read(second)["worker_id"] != dashboard.read(first)["worker_id"]
        dashboard.client.post(f"/runs/{first['id']}/cancel")
        Process(other.pid).kill()
        eventually(lambda: dashboard.read(second)["attempt"] == 2, PATIENCE)
        dashboard.training(second, dashboard.read(second)["epochs_done"] + 1)
        now = dashboard.read(second)
        assert now["attempts"][0]["reason"] == "its worker went silent"
        assert now["resumed_from"] >= 1
    finally:
        other.kill()
        other.wait()
    dashboard.client.post(f"/runs/{second['id']}/cancel")
    assert dashboard.ended(second)["reason"] == "cancelled by user"


def test_training_goes_on_while_the_database_breaks_all_connections(
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


def test_a_signal_ends_everything_and_gives_the_run_back(tmp_path: Path, postgresql: PostgreSQL) -> None:
    with postgresql.database(template="template0") as url:
        with up(tmp_path, url) as dashboard:
            run = dashboard.post(**ENDLESS)
            dashboard.training(run)
            dashboard.process.send_signal(signal.SIGTERM)
            assert dashboard.process.wait(60) == 0
        database = Database(url)
        stored = row(database, run["id"])
        assert (stored.status, stored.crashes, stored.worker_id) == ("queued", 0, None)
        database.close()
