"""Backups: taken while the dashboard runs, restored into nothing, on both kinds of database."""

import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import RowMapping, event, text
from sqlmodel import SQLModel, select

from app.commands import backup
from app.commands.backup import BackupError
from app.queue import actions, claims, endings
from app.settings import Settings
from app.storage import artifacts, migrations
from app.storage.artifacts import Checkpoint
from app.storage.database import Database
from app.storage.migrations import SchemaError
from app.storage.tables import Counter, Run, Study
from tests.app.conftest import serving
from tests.app.listening import listening, newest
from tests.app.states import claimed, finished_run, measured, queue_run, record, row
from tests.waiting import eventually
from trainer.files import durable

BACKENDS = ("sqlite", "postgresql")
CHANGES = ("change", "reset_change", "value", "origin")
EXACT = 2**53
"""Whole numbers up to here are exact in a browser."""


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


def tables(database: Database) -> dict[str, list[dict[str, object]]]:
    """Every row of every table, its changes counted from where the database began to count."""
    with database.read() as session:
        origin = session.exec(select(Counter.origin)).one()
        return {
            name: [
                counted_from(origin, each)
                for each in sorted(session.execute(table.select()).mappings(), key=str)
            ]
            for name, table in SQLModel.metadata.tables.items()
        }


def counted_from(origin: int, row: RowMapping) -> dict[str, object]:
    return {name: value - origin if name in CHANGES and value else value for name, value in row.items()}


def test_everything_comes_back(database: Database, settings: Settings, file: Path, new: Place) -> None:
    with database.write() as session:
        session.add(Study(name="kept", created_at=1.5))
    done = finished_run(database)
    failed = queue_run(database)
    with database.write() as session:
        actions.cancel(session, failed)
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
        claims.record_epoch(session, claim, measured(1))
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
        actions.remove(session, 3)
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
    with pytest.raises(BackupError, match="is not a Depthboard backup"):
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
    assert not migrations.is_current(new.database)
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


# Where others have files


def test_nothing_is_restored_where_files_of_runs_lie_already(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    run_id = finished_run(database)
    durable.write(artifacts.of_run(settings.artifacts, run_id).model(1), b"weights")
    backup.save(database, settings.artifacts, file)
    foreign = artifacts.of_run(settings.artifacts, run_id).model(1)
    with pytest.raises(BackupError, match=r"holds the files of 1 runs already, .*move them away"):
        backup.restore(file, new.database, settings.artifacts)
    assert foreign.read_bytes() == b"weights"
    assert not migrations.is_current(new.database)


def test_a_restore_that_fails_takes_back_its_own_files_and_no_others(
    database: Database, settings: Settings, file: Path, new: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run_id in (finished_run(database), finished_run(database), finished_run(database)):
        durable.write(artifacts.of_run(settings.artifacts, run_id).model(1), b"weights")
    backup.save(database, settings.artifacts, file)
    foreign = artifacts.of_run(new.location, 2).folder / "foreign"
    write = durable.write

    def full(path: Path, content: bytes) -> None:
        if "3" in path.parts:
            foreign.write_bytes(b"of value")  # comes between
            raise durable.NotWritten(path, OSError(28, "No space left on device"))
        write(path, content)

    monkeypatch.setattr(durable, "write", full)
    with pytest.raises(durable.NotWritten, match="No space left"):
        backup.restore(file, new.database, new.location)
    assert list(artifacts.run_ids(new.location)) == [2]
    assert [path for path in foreign.parent.rglob("*") if path.is_file()] == [foreign]


# While runs go on


class Trainings(threading.Thread):
    """Trains run after run as slots do: an epoch, its record, its checkpoint, away with older ones."""

    def __init__(self, database: Database, location: str) -> None:
        super().__init__()
        self._database = database
        self._location = location
        self.epochs = 0
        self.stopping = threading.Event()

    def reached(self, epochs: int) -> bool:
        """Whether it has trained so much in all."""
        return self.epochs >= epochs

    def run(self) -> None:
        """Go on until stopped."""
        while not self.stopping.is_set():
            run_id = queue_run(self._database, epochs=100)
            files = artifacts.of_run(self._location, run_id)
            claim = claimed(self._database)
            for epoch in range(1, 11):
                record(self._database, claim, epoch)
                mark = Checkpoint(1, epoch)
                durable.write(files.path_of(mark), b"state %d" % epoch)
                files.remove_older(mark)
                self.epochs += 1
            with self._database.write() as session:
                endings.lose(session, claim, "it died")
                actions.cancel(session, run_id)


def test_every_run_of_a_backup_has_a_checkpoint_that_its_records_cover(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    for _ in range(5):
        durable.write(
            artifacts.of_run(settings.artifacts, finished_run(database)).model(1), b"weights" * 9999
        )
    trainings = Trainings(database, settings.artifacts)
    trainings.start()
    try:
        for number in range(4):
            eventually(partial(trainings.reached, trainings.epochs + 3))
            backup.save(database, settings.artifacts, tmp_path / f"{number}.backup")
    finally:
        trainings.stopping.set()
        trainings.join()
    for number in range(4):
        place = tmp_path / f"place {number}"
        restored = Database(f"sqlite:///{place / 'depthboard.sqlite3'}")
        backup.restore(tmp_path / f"{number}.backup", restored, str(place / "artifacts"))
        with restored.read() as session:
            runs = session.exec(select(Run).where(Run.status != "finished", Run.epochs_done > 1)).all()
        assert runs
        for run in runs:
            files = artifacts.of_run(str(place / "artifacts"), run.id or 0)
            assert files.usable(run.epochs_done) == files.usable(100) != []
        restored.close()


def test_a_checkpoint_that_is_replaced_during_a_backup_is_in_it_as_the_tables_know_it(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    run_id = queue_run(database, epochs=9)
    claim = claimed(database)
    files = artifacts.of_run(settings.artifacts, run_id)

    def train(epoch: int) -> None:
        record(database, claim, epoch)
        durable.write(files.path_of(Checkpoint(1, epoch)), b"state %d" % epoch)
        files.remove_older(Checkpoint(1, epoch))

    train(1)

    @event.listens_for(database.engines[1], "before_cursor_execute")
    def _go_on(*arguments: object) -> None:
        if "FROM epoch" in str(arguments[2]) and row(database, run_id).epochs_done == 1:
            train(2)

    backup.save(database, settings.artifacts, file)
    assert row(database, run_id).epochs_done == 2
    backup.restore(file, new.database, new.location)
    assert row(new.database, run_id).epochs_done == 1
    restored = artifacts.of_run(new.location, run_id)
    assert restored.usable(100) == [Checkpoint(1, 1)]
    assert restored.path_of(Checkpoint(1, 1)).read_bytes() == b"state 1"


# Streams


def test_a_client_of_the_lost_database_is_told_to_read_the_restored_one_again(
    settings: Settings, database: Database, file: Path, new: Place
) -> None:
    migrations.upgrade(new.database)
    for seed in range(10):
        queue_run(new.database, seed=seed)
    backup.save(new.database, new.location, file)
    early = newest(new.database)
    for seed in range(10, 13):
        queue_run(new.database, seed=seed)
    late = newest(new.database)
    backup.restore(file, database, settings.artifacts)
    for seed in range(100, 106):
        queue_run(database, seed=seed)
    with serving(settings) as server:
        for seen in (1, early, late):
            with listening(server.client, after=seen) as stream:
                told = stream.next()
                assert (told.kind, told.data, told.id) == ("reset", {"run_id": None}, newest(database))
                queue_run(database)
                assert stream.next().id == newest(database)
            with listening(server.client, since=seen) as stream:
                assert stream.next().kind == "reset"


def test_the_stream_of_a_restored_database_is_whole_and_resumes_anywhere(
    settings: Settings, database: Database, file: Path, new: Place
) -> None:
    migrations.upgrade(new.database)
    run_id = finished_run(new.database)
    deleted = queue_run(new.database)
    with new.database.write() as session:
        actions.remove(session, deleted)
    backup.save(new.database, new.location, file)
    backup.restore(file, database, settings.artifacts)
    with serving(settings) as server, listening(server.client, since=0) as stream:
        told = stream.take(5)
        assert [each.kind for each in told] == ["epoch", "epoch", "epoch", "run", "deleted"]
        assert told[-1].id == newest(database) < EXACT
        for number, each in enumerate(told[:-1]):
            with listening(server.client, after=each.id) as resumed:
                assert resumed.take(4 - number) == told[number + 1 :]
        with listening(server.client, f"/runs/{run_id}/events") as alone:
            assert alone.take(4) == told[:4]


def test_every_restore_counts_on_from_where_none_has_been(
    database: Database, settings: Settings, file: Path, tmp_path: Path
) -> None:
    queue_run(database)
    backup.save(database, settings.artifacts, file)
    reached = newest(database)
    for number in range(3):
        place = Database(f"sqlite:///{tmp_path / str(number) / 'depthboard.sqlite3'}")
        backup.restore(file, place, str(tmp_path / str(number) / "artifacts"))
        with place.read() as session:
            assert reached < session.exec(select(Counter.origin)).one()
        queue_run(place)
        reached = newest(place)
        assert reached < EXACT
        if number == 1:
            file.unlink()
            backup.save(place, settings.artifacts, file)
        place.close()


# Odd files


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
def test_an_entry_that_no_backup_has_is_refused_and_nothing_is_written(
    database: Database, settings: Settings, file: Path, new: Place, name: str
) -> None:
    finished_run(database)
    backup.save(database, settings.artifacts, file)
    tampered(file, **{name: b"x"})
    with pytest.raises(BackupError, match=r"is not a Depthboard backup: it contains '.*'"):
        backup.restore(file, new.database, new.location)
    assert not [path for path in file.parent.rglob("*") if "SLIPPED" in path.name or path.name == "artifacts"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_files_of_other_states_than_the_tables_are_left_out(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    finished_run(database)
    queue_run(database)
    backup.save(database, settings.artifacts, file)
    extra = (
        "runs/1/attempt-2/model.safetensors",
        "runs/1/checkpoints/attempt-1-epoch-1.safetensors",
        "runs/2/checkpoints/attempt-1-epoch-1.safetensors",
        "runs/3/attempt-1/model.safetensors",
    )
    tampered(file, **dict.fromkeys(extra, b"x"))
    assert backup.restore(file, new.database, new.location).files == 0
    assert list(artifacts.run_ids(new.location)) == []


@pytest.mark.parametrize("content", [b"not a database" * 100, b"", b"SQLite format 3\0" + bytes(4096)])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_tables_that_are_none_are_refused(
    database: Database, settings: Settings, file: Path, new: Place, content: bytes
) -> None:
    backup.save(database, settings.artifacts, file)
    tampered(file, **{"depthboard.sqlite3": content})
    with pytest.raises(BackupError, match="is damaged: the tables in it can't be read"):
        backup.restore(file, new.database, new.location)
    assert not migrations.is_current(new.database)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_packed_tables_that_are_damaged_are_refused(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    backup.save(database, settings.artifacts, file)
    content = bytearray(file.read_bytes())
    content[60:1060] = b"\xff" * 1000
    file.write_bytes(content)
    with pytest.raises(BackupError, match="damaged"):
        backup.restore(file, new.database, new.location)
