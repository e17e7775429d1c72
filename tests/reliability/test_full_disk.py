"""A disk without room, as the kernel tells it: a limit on the size of the files that a process may write."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from app.storage.database import Database
from tests.processes import ENDLESS, Process, Up, up

CONFIG = {"depth": 1, "epochs": 2, "batch_size": 4096}


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("dashboard")) as started:
        yield started


@contextmanager
def no_room(*processes: Process) -> Iterator[None]:
    """Let every write of these processes beyond a file's first bytes fail, as on a full disk."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for process in processes:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        for process in processes:
            if process.alive:
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))


def sound(dashboard: Up) -> bool:
    """Whether the database file is whole."""
    database = Database(dashboard.settings.url)
    with database.read() as session:
        found = session.execute(text("PRAGMA integrity_check")).scalars().all()
    database.close()
    return found == ["ok"]


def test_a_full_disk_at_a_checkpoint_fails_only_that_run(dashboard: Up) -> None:
    straight = dashboard.ended(dashboard.post(**CONFIG))
    run = dashboard.post(**CONFIG | {"epochs": 10_000})
    dashboard.training(run)
    with no_room(dashboard.slot):
        failed = dashboard.ended(run)
    assert failed["status"] == "failed"
    assert failed["reason"].startswith("could not write ")
    assert "File too large" in failed["reason"]
    assert failed["reason"].endswith("and retry")
    next_one = dashboard.ended(dashboard.post(**CONFIG))
    assert dashboard.results(next_one) == dashboard.results(straight)
    assert sound(dashboard)


def test_a_full_disk_of_the_database_loses_nothing_and_is_reported(dashboard: Up) -> None:
    run = dashboard.post(**ENDLESS)
    dashboard.training(run)
    with no_room(dashboard.web, dashboard.worker):
        refused = dashboard.client.post("/runs", json={"depth": 1, "epochs": 1})
        assert refused.status_code == 503
        assert "The database can't be written: its disk is full or broken" in refused.json()["detail"]
        assert "Nothing was changed" in refused.json()["detail"]
        before = dashboard.read(run)  # what is there can be read
        assert before["status"] == "running"
    dashboard.training(run, before["epochs_done"] + 5)
    dashboard.client.post(f"/runs/{run['id']}/cancel")
    ended = dashboard.ended(run)
    assert (ended["status"], ended["attempt"], ended["crashes"]) == ("cancelled", 1, 0)
    columns = dashboard.client.get(f"/runs/{run['id']}/epochs").json()
    assert columns["epoch"] == list(range(1, ended["epochs_done"] + 1))
    assert dashboard.client.get("/runs").json()["total"] == run["id"]
    assert sound(dashboard)
