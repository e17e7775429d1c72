"""The database's files are moved, deleted or replaced under a running server."""

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from app.storage.database import Database
from app.storage.open_files import Misplaced
from tests.app.conftest import Served, serving
from tests.app.states import queue_run, row

NAME = "depthboard.sqlite3"


@pytest.fixture
def data(tmp_path: Path, migrated: Path) -> Path:
    """A data folder that can be moved."""
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(migrated, folder)
    return folder


@pytest.fixture
def live(data: Path) -> Iterator[Served]:
    with serving(Settings(data_dir=data)) as served:
        assert served.client.post("/runs", json={"depth": 1}).status_code == 201
        yield served


def remove(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def replace(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").rename(path)


def empty(folder: Path) -> None:
    for each in folder.iterdir():
        each.unlink()


def put_a_file_in_the_way(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))
    folder.touch()


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder moved": (lambda data: data.rename(data.with_name("moved")), "The data folder"),
    "folder deleted": (shutil.rmtree, "is missing"),
    "folder emptied": (empty, "The database file"),
    "file in the way": (put_a_file_in_the_way, "is missing"),
    "database moved": (lambda data: remove(data / NAME), "The database file"),
    "database replaced": (lambda data: replace(data / NAME), f"remove {NAME}-wal and {NAME}-shm"),
    "log deleted": (lambda data: (data / f"{NAME}-wal").unlink(), f"{NAME}-wal, a part of the database"),
    "log replaced": (lambda data: replace(data / f"{NAME}-wal"), "a part of the database"),
    "index deleted": (lambda data: (data / f"{NAME}-shm").unlink(), f"{NAME}-shm, a part of the database"),
}


def refused(answer: httpx.Response) -> str:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    detail: str = answer.json()["detail"]
    return detail


@pytest.mark.parametrize("change", CHANGES)
def test_requests_report_missing_files_and_create_no_new_ones(
    change: str, live: Served, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    happen, told = CHANGES[change]
    happen(data)
    left = sorted(data.iterdir()) if data.is_dir() else data.exists()
    client = live.client
    for answer in (
        client.get("/health"),
        client.post("/runs", json={"depth": 2}),
        client.post("/runs", json={"depth": 2}, headers={"Idempotency-Key": "a"}),
        client.patch("/runs/1", json={"note": "changed"}),
        client.get("/runs"),
    ):
        assert told in refused(answer)
        assert "Until then, no results are recorded" in refused(answer)
    page = client.get("/workers", headers={"Accept": "text/html"})
    assert page.status_code == 503
    assert "Until then, no results are recorded" in page.text
    assert (sorted(data.iterdir()) if data.is_dir() else data.exists()) == left
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1


def test_a_restored_folder_is_used_again(live: Served, data: Path) -> None:
    moved = data.with_name("moved")
    data.rename(moved)
    refused(live.client.post("/runs", json={"depth": 2}))
    moved.rename(data)
    assert live.client.post("/runs", json={"depth": 3}).json()["id"] == 2
    assert live.client.get("/health").status_code == 200
    assert [run["depth"] for run in live.client.get("/runs").json()["runs"]] == [3, 1]


@pytest.mark.parametrize("path", ["/events?since=0", "/runs/1/events"])
def test_streams_end_while_the_folder_is_missing_and_resume_afterwards(
    live: Served, data: Path, path: str
) -> None:
    with live.client.stream("GET", path) as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": connected"
        data.rename(data.with_name("moved"))
        assert [line for line in lines if line.startswith(": ping")] == []  # it ends before that
    assert "is missing" in refused(live.client.get(path))
    data.with_name("moved").rename(data)
    with live.client.stream("GET", path) as stream:
        assert next(stream.iter_lines()) == ": connected"


def test_commits_before_the_log_was_deleted_are_in_the_file_after_a_stop(data: Path) -> None:
    with serving(Settings(data_dir=data)) as served:
        ids = [served.client.post("/runs", json={"depth": depth}).json()["id"] for depth in (1, 2)]
        (data / f"{NAME}-wal").unlink()
        refused(served.client.post("/runs", json={"depth": 3}))
    database = Database(f"sqlite:///{data / NAME}")
    assert [row(database, run_id).depth for run_id in ids] == [1, 2]
    database.close()


def test_a_change_committed_to_a_deleted_file_is_not_acknowledged(data: Path) -> None:
    database = Database(f"sqlite:///{data / NAME}")
    run_id = queue_run(database)
    with pytest.raises(Misplaced) as caught, database.write() as session:  # noqa: PT012  # it fails at the end
        session.connection()
        data.rename(data.with_name("moved"))
    assert caught.value.committed
    data.with_name("moved").rename(data)
    assert row(database, run_id).status == "queued"
    database.close()


def test_a_new_connection_does_not_create_a_missing_file(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'folder' / NAME}")
    with pytest.raises(Exception, match="unable to open"), database.read() as session:
        session.connection()
    assert list(tmp_path.iterdir()) == []
    database.create()
    with database.read() as session:
        session.connection()
    database.close()
