"""Backups: taken while the dashboard runs, restored into nothing, on both kinds of database."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Row, text
from sqlmodel import SQLModel

from app import artifacts, backup, migrations, run_queue
from app.artifacts import Checkpoint
from app.backup import BackupError
from app.db import Database
from app.migrations import SchemaError
from app.models import Study
from app.settings import Settings
from tests.app.states import claimed, figures, finished_run, queue_run, row
from trainer import durable

BACKENDS = ("sqlite", "postgresql")


@dataclass
class Place:
    """An installation with nothing in it."""

    database: Database
    location: str


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Place]:
    """Where backups are restored: a SQLite installation without tables."""
    database = Database(f"sqlite:///{tmp_path / 'new' / 'depthboard.sqlite3'}")
    yield Place(database, str(tmp_path / "new" / "artifacts"))
    database.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.backup"


def tables(database: Database) -> dict[str, list[Row[tuple[object, ...]]]]:
    """Every row of every table."""
    with database.read() as session:
        return {
            name: sorted(session.execute(table.select()), key=str)
            for name, table in SQLModel.metadata.tables.items()
        }


def test_everything_comes_back(database: Database, settings: Settings, file: Path, new: Place) -> None:
    with database.write() as session:
        session.add(Study(name="kept", created_at=1.5))
    done = finished_run(database)
    failed = queue_run(database)
    with database.write() as session:
        run_queue.cancel(session, failed)
    files = artifacts.of_run(settings.artifacts, done)
    durable.write(files.model(1), b"weights")
    durable.write(files.predictions(1), b"predictions")
    durable.write(artifacts.of_run(settings.artifacts, 77).model(1), b"of no run")
    saved = backup.save(database, settings.artifacts, file)
    assert (saved.runs, saved.files, saved.bytes) == (2, 2, file.stat().st_size)
    restored = backup.restore(file, new.database, new.location)
    assert (restored.runs, restored.files) == (2, 2)
    expected = tables(database)
    expected["worker"] = []  # those that live say so themselves
    assert tables(new.database) == expected
    assert artifacts.of_run(new.location, done).model(1).read_bytes() == b"weights"
    assert artifacts.of_run(new.location, done).predictions(1).read_bytes() == b"predictions"
    assert list(artifacts.run_ids(new.location)) == [done]


def test_a_run_that_trained_waits_again_with_its_checkpoint_and_no_crash(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    run_id = queue_run(database, epochs=5)
    claim = claimed(database)
    with database.write() as session:
        run_queue.record_epoch(session, claim, figures(1))
    files = artifacts.of_run(settings.artifacts, run_id)
    durable.write(files.path_of(Checkpoint(1, 1)), b"known")
    durable.write(files.path_of(Checkpoint(1, 2)), b"of an epoch that this moment does not know")
    backup.save(database, settings.artifacts, file)
    assert row(database, run_id).status == "running"
    backup.restore(file, new.database, new.location)
    restored = row(new.database, run_id)
    assert (restored.status, restored.crashes, restored.epochs_done) == ("queued", 0, 1)
    assert artifacts.of_run(new.location, run_id).usable(100) == [Checkpoint(1, 1)]
    assert claimed(new.database).attempt == 2


def test_no_number_is_given_twice_after_a_restore(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    for _ in range(3):
        finished_run(database)
    with database.write() as session:
        run_queue.remove(session, 3)
    backup.save(database, settings.artifacts, file)
    backup.restore(file, new.database, new.location)
    assert queue_run(new.database) == 4


def test_what_was_saved_anywhere_is_restored_on_this_database(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    migrations.upgrade(new.database)
    for seed in range(3):
        finished_run(new.database, seed=seed)
    backup.save(new.database, new.location, file)
    backup.restore(file, database, settings.artifacts)
    assert [row(database, number).seed for number in (1, 2, 3)] == [0, 1, 2]
    assert queue_run(database) == 4


def test_only_an_empty_database_is_restored_into(database: Database, settings: Settings, file: Path) -> None:
    finished_run(database)
    backup.save(database, settings.artifacts, file)
    with pytest.raises(BackupError, match=r"not empty \(1 runs\); restore into a new data folder"):
        backup.restore(file, database, settings.artifacts)
    assert row(database, 1).status == "finished"


def test_a_file_that_is_there_is_not_overwritten(database: Database, settings: Settings, file: Path) -> None:
    file.write_text("of value")
    with pytest.raises(BackupError, match="is there already; name a new file"):
        backup.save(database, settings.artifacts, file)
    assert file.read_text() == "of value"


def test_a_place_that_can_not_be_written_is_told(database: Database, settings: Settings) -> None:
    with pytest.raises(BackupError, match="could not be written: No such file or directory"):
        backup.save(database, settings.artifacts, Path("/nonesuch/some.backup"))


def test_a_database_without_tables_is_told(new: Place, file: Path) -> None:
    with pytest.raises(BackupError, match="start this version once"):
        backup.save(new.database, new.location, file)
    assert not file.exists()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_backup_is_refused(new: Place, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(BackupError, match="is no backup of Depthboard"):
        backup.restore(file, new.database, new.location)


def test_a_damaged_backup_is_refused_and_leaves_nothing(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    run_id = finished_run(database)
    durable.write(artifacts.of_run(settings.artifacts, run_id).model(1), b"weights")
    backup.save(database, settings.artifacts, file)
    file.write_bytes(file.read_bytes().replace(b"weights", b"WEIGHTS"))
    with pytest.raises(BackupError, match=r"is damaged: runs/1/attempt-1/model.safetensors"):
        backup.restore(file, new.database, new.location)
    assert tables(new.database)["run"] == []
    assert list(artifacts.run_ids(new.location)) == []


def test_a_disk_that_fills_up_leaves_nothing_restored(
    database: Database, settings: Settings, file: Path, new: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run_id in (finished_run(database), finished_run(database)):
        durable.write(artifacts.of_run(settings.artifacts, run_id).model(1), b"weights")
    backup.save(database, settings.artifacts, file)
    write = durable.write

    def full(path: Path, content: bytes) -> None:
        if "2" in path.parts:
            raise durable.NotWritten(path, OSError(28, "No space left on device"))
        write(path, content)

    monkeypatch.setattr(durable, "write", full)
    with pytest.raises(durable.NotWritten, match="No space left"):
        backup.restore(file, new.database, new.location)
    assert tables(new.database)["run"] == []
    assert list(artifacts.run_ids(new.location)) == []


def test_a_backup_of_a_newer_version_is_refused(
    database: Database, settings: Settings, file: Path, new: Place, tmp_path: Path
) -> None:
    backup.save(database, settings.artifacts, file)
    with zipfile.ZipFile(file) as archive:
        archive.extract("depthboard.sqlite3", tmp_path / "changed")
    changed = Database(f"sqlite:///{tmp_path / 'changed' / 'depthboard.sqlite3'}")
    with changed.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with changed.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    changed.close()
    newer = tmp_path / "newer.backup"
    with zipfile.ZipFile(newer, "w") as archive:
        archive.write(tmp_path / "changed" / "depthboard.sqlite3", "depthboard.sqlite3")
    with pytest.raises(SchemaError, match="schema version 9999"):
        backup.restore(newer, new.database, new.location)
