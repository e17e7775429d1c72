"""The file of a backup: what is none, damaged or strange is refused."""

import zipfile
from pathlib import Path

import pytest
from sqlalchemy import text

from app.commands.archive import BackupError
from app.commands.backup import save
from app.commands.restore import restore
from app.settings import Settings
from app.storage import artifacts, migrations
from app.storage.database import Database
from app.storage.migrations import SchemaError
from tests.app.commands.installations import Place
from tests.app.states import finished_run, queue_run
from trainer.files import durable

BACKENDS = ("sqlite", "postgresql")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_backup_is_refused(new: Place, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(BackupError, match="is not a Depthboard backup"):
        restore(file, new.database, new.location)


def test_a_damaged_backup_is_refused_and_writes_nothing(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    run_id = finished_run(database)
    durable.write(artifacts.of_run(settings.artifacts, run_id).model(1), b"weights")
    save(database, settings.artifacts, file)
    file.write_bytes(file.read_bytes().replace(b"weights", b"WEIGHTS"))
    with pytest.raises(BackupError, match=r"the checksum of runs/1/attempt-1/model.safetensors is wrong"):
        restore(file, new.database, new.location)
    assert not migrations.is_current(new.database)
    assert list(artifacts.run_ids(new.location)) == []


def test_a_backup_of_a_newer_version_is_refused(
    database: Database, settings: Settings, file: Path, new: Place, tmp_path: Path
) -> None:
    save(database, settings.artifacts, file)
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
        restore(newer, new.database, new.location)


def tampered(file: Path, **changed: bytes) -> None:
    """Add entries to a backup, or put others in place of its own."""
    with zipfile.ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in (entries | changed).items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    "name",
    [
        "runs/1/../../../../SLIPPED",
        "/etc/SLIPPED",
        "README.txt",
        "runs/",
        "runs/1/attempt-1/other.safetensors",
        "runs/x/attempt-1/model.safetensors",
        "runs/1/attempt-1/../../2/attempt-1/model.safetensors",
        "runs/1/checkpoints/attempt-1-epoch-1.safetensors.tmp",
        "runs/\N{ARABIC-INDIC DIGIT ONE}/attempt-1/model.safetensors",
    ],
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_unexpected_archive_entry_is_refused_and_nothing_is_written(
    database: Database, settings: Settings, file: Path, new: Place, name: str
) -> None:
    finished_run(database)
    save(database, settings.artifacts, file)
    tampered(file, **{name: b"x"})
    with pytest.raises(BackupError, match=r"is not a Depthboard backup: it contains '.*'"):
        restore(file, new.database, new.location)
    assert not [path for path in file.parent.rglob("*") if "SLIPPED" in path.name or path.name == "artifacts"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_files_of_other_states_than_the_tables_are_left_out(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    finished_run(database)
    queue_run(database)
    save(database, settings.artifacts, file)
    extra = (
        "runs/1/attempt-2/model.safetensors",
        "runs/1/checkpoints/attempt-1-epoch-1.safetensors",
        "runs/2/checkpoints/attempt-1-epoch-1.safetensors",
        "runs/3/attempt-1/model.safetensors",
    )
    tampered(file, **dict.fromkeys(extra, b"x"))
    assert restore(file, new.database, new.location).files == 0
    assert list(artifacts.run_ids(new.location)) == []


@pytest.mark.parametrize("content", [b"not a database" * 100, b"", b"SQLite format 3\0" + bytes(4096)])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_file_without_tables_is_refused(
    database: Database, settings: Settings, file: Path, new: Place, content: bytes
) -> None:
    save(database, settings.artifacts, file)
    tampered(file, **{"depthboard.sqlite3": content})
    with pytest.raises(BackupError, match="is damaged: its tables can't be read"):
        restore(file, new.database, new.location)
    assert not migrations.is_current(new.database)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_damaged_tables_in_an_archive_are_refused(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    save(database, settings.artifacts, file)
    content = bytearray(file.read_bytes())
    content[60:1060] = b"\xff" * 1000
    file.write_bytes(content)
    with pytest.raises(BackupError, match="damaged"):
        restore(file, new.database, new.location)
