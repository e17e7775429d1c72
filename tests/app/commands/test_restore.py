"""Backups that are restored: into nothing, on both kinds of database."""

import zipfile
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import select

from app.commands.archive import TABLES, BackupError
from app.commands.backup import save
from app.commands.restore import restore
from app.queue import actions, claims, pause
from app.settings import Settings
from app.storage import artifacts, migrations, outbox, saved_queries
from app.storage.artifacts import Checkpoint
from app.storage.database import Database
from app.storage.tables import Counter, Study
from tests.app.commands.installations import Place, tables
from tests.app.conftest import serving
from tests.app.first_schema import FIRST_EPOCH, FIRST_RUN
from tests.app.listening import listening, newest
from tests.app.states import claimed, finished_run, measured, queue_run, row
from trainer.files import durable

BACKENDS = ("sqlite", "postgresql")
EXACT = 2**53
"""Whole numbers up to here are exact in a browser."""


def test_a_backup_restores_all_rows_and_files(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
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
    saved = save(database, settings.artifacts, file)
    assert (saved.runs, saved.files, saved.bytes) == (2, 2, file.stat().st_size)
    restored = restore(file, new.database, new.location)
    assert (restored.runs, restored.files) == (2, 2)
    expected = tables(database)
    expected["worker"] = []  # those that live say so themselves
    assert tables(new.database) == expected
    assert artifacts.of_run(new.location, done).model(1).read_bytes() == b"weights"
    assert artifacts.of_run(new.location, done).predictions(1).read_bytes() == b"predictions"
    assert list(artifacts.run_ids(new.location)) == [done]


def test_a_run_that_was_training_is_queued_with_its_checkpoint_and_no_crash(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    run_id = queue_run(database, epochs=5)
    claim = claimed(database)
    with database.write() as session:
        claims.record_epoch(session, claim, measured(1))
    files = artifacts.of_run(settings.artifacts, run_id)
    durable.write(files.path_of(Checkpoint(1, 1)), b"known")
    durable.write(files.path_of(Checkpoint(1, 2)), b"of an epoch that this moment does not know")
    save(database, settings.artifacts, file)
    assert row(database, run_id).status == "running"
    restore(file, new.database, new.location)
    restored = row(new.database, run_id)
    assert (restored.status, restored.crashes, restored.epochs_done) == ("queued", 0, 1)
    assert artifacts.of_run(new.location, run_id).usable(100) == [Checkpoint(1, 1)]
    assert claimed(new.database).attempt == 2


def test_ids_are_not_reused_after_a_restore(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    for _ in range(3):
        finished_run(database)
    with database.write() as session:
        actions.remove(session, 3)
    save(database, settings.artifacts, file)
    restore(file, new.database, new.location)
    assert queue_run(new.database) == 4


def test_a_restored_installation_saves_further_views_and_presets(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    migrations.upgrade(new.database)
    with new.database.write() as session:
        for kind in ("view", "preset"):
            saved_queries.save(session, kind, "first", "depth=3", overwrite=False)
        pause.begin(session)
    save(new.database, new.location, file)
    restore(file, database, settings.artifacts)
    with database.write() as session:
        assert saved_queries.save(session, "view", "second", "depth=4", overwrite=False).id == 3
        assert [each.name for each in saved_queries.saved(session, "view")] == ["first", "second"]
        assert pause.since(session) is not None


def test_a_restored_installation_leaves_the_messages_to_the_original(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    with database.write() as session:
        outbox.put_failure(session, 1, "diverged")
    save(database, settings.artifacts, file)
    restore(file, new.database, new.location)
    assert tables(database)["notice"] != []
    assert tables(new.database)["notice"] == []


@pytest.mark.parametrize("schema", ["0001", "0008", "0009", "0010"])
def test_a_backup_of_an_older_version_is_restored_with_best_epochs(
    database: Database, settings: Settings, file: Path, tmp_path: Path, schema: str
) -> None:
    tables_of_it = tmp_path / "older.sqlite3"
    older = Database(f"sqlite:///{tables_of_it}")
    migrations.upgrade(older, "0001")
    with older.write() as session:
        session.execute(text(FIRST_RUN))
        session.execute(text(FIRST_EPOCH))
        session.execute(text("UPDATE counter SET value = 1"))  # the change of the rows above
    migrations.upgrade(older, schema)
    older.close()
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(tables_of_it, TABLES)
    assert restore(file, database, settings.artifacts).runs == 1
    restored = row(database, 1)
    assert (restored.name, restored.best_epoch, restored.best_test_accuracy) == ("old", 1, 0.91)
    assert queue_run(database) == 2


def test_a_backup_of_any_database_is_restored_into_this_database(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    migrations.upgrade(new.database)
    for seed in range(3):
        finished_run(new.database, seed=seed)
    save(new.database, new.location, file)
    restore(file, database, settings.artifacts)
    assert [row(database, number).seed for number in (1, 2, 3)] == [0, 1, 2]
    assert queue_run(database) == 4


def test_restoring_requires_an_empty_database(database: Database, settings: Settings, file: Path) -> None:
    finished_run(database)
    save(database, settings.artifacts, file)
    with pytest.raises(BackupError, match=r"not empty \(1 run\); restore into a new data folder"):
        restore(file, database, settings.artifacts)
    assert row(database, 1).status == "finished"


def test_a_full_disk_restores_nothing(
    database: Database, settings: Settings, file: Path, new: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run_id in (finished_run(database), finished_run(database)):
        durable.write(artifacts.of_run(settings.artifacts, run_id).model(1), b"weights")
    save(database, settings.artifacts, file)
    write = durable.write

    def full(path: Path, content: bytes) -> None:
        if "2" in path.parts:
            raise durable.NotWritten(path, OSError(28, "No space left on device"))
        write(path, content)

    monkeypatch.setattr(durable, "write", full)
    with pytest.raises(durable.NotWritten, match="No space left"):
        restore(file, new.database, new.location)
    assert tables(new.database)["run"] == []
    assert list(artifacts.run_ids(new.location)) == []


def test_restoring_requires_a_location_without_files_of_runs(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    run_id = finished_run(database)
    durable.write(artifacts.of_run(settings.artifacts, run_id).model(1), b"weights")
    save(database, settings.artifacts, file)
    foreign = artifacts.of_run(settings.artifacts, run_id).model(1)
    with pytest.raises(BackupError, match=r"already contains the files of 1 run, .*move these files"):
        restore(file, new.database, settings.artifacts)
    assert foreign.read_bytes() == b"weights"
    assert not migrations.is_current(new.database)


def test_a_failed_restore_removes_only_its_files(
    database: Database, settings: Settings, file: Path, new: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run_id in (finished_run(database), finished_run(database), finished_run(database)):
        durable.write(artifacts.of_run(settings.artifacts, run_id).model(1), b"weights")
    save(database, settings.artifacts, file)
    foreign = artifacts.of_run(new.location, 2).folder / "foreign"
    write = durable.write

    def full(path: Path, content: bytes) -> None:
        if "3" in path.parts:
            foreign.write_bytes(b"of value")  # comes between
            raise durable.NotWritten(path, OSError(28, "No space left on device"))
        write(path, content)

    monkeypatch.setattr(durable, "write", full)
    with pytest.raises(durable.NotWritten, match="No space left"):
        restore(file, new.database, new.location)
    assert list(artifacts.run_ids(new.location)) == [2]
    assert [path for path in foreign.parent.rglob("*") if path.is_file()] == [foreign]


def test_a_client_of_the_old_database_gets_a_reset_after_a_restore(
    settings: Settings, database: Database, file: Path, new: Place
) -> None:
    migrations.upgrade(new.database)
    for seed in range(10):
        queue_run(new.database, seed=seed)
    save(new.database, new.location, file)
    early = newest(new.database)
    for seed in range(10, 13):
        queue_run(new.database, seed=seed)
    late = newest(new.database)
    restore(file, database, settings.artifacts)
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


def test_the_stream_of_a_restored_database_is_complete_and_resumable(
    settings: Settings, database: Database, file: Path, new: Place
) -> None:
    migrations.upgrade(new.database)
    run_id = finished_run(new.database)
    deleted = queue_run(new.database)
    with new.database.write() as session:
        actions.remove(session, deleted)
    save(new.database, new.location, file)
    restore(file, database, settings.artifacts)
    with serving(settings) as server, listening(server.client, since=0) as stream:
        told = stream.take(5)
        assert [each.kind for each in told] == ["epoch", "epoch", "epoch", "run", "deleted"]
        assert told[-1].id == newest(database) < EXACT
        for number, each in enumerate(told[:-1]):
            with listening(server.client, after=each.id) as resumed:
                assert resumed.take(4 - number) == told[number + 1 :]
        with listening(server.client, f"/runs/{run_id}/events") as alone:
            assert alone.take(4) == told[:4]


def test_every_restore_continues_with_unused_change_numbers(
    database: Database, settings: Settings, file: Path, tmp_path: Path
) -> None:
    queue_run(database)
    save(database, settings.artifacts, file)
    reached = newest(database)
    for number in range(3):
        place = Database(f"sqlite:///{tmp_path / str(number) / 'depthboard.sqlite3'}")
        restore(file, place, str(tmp_path / str(number) / "artifacts"))
        with place.read() as session:
            assert reached < session.exec(select(Counter.origin)).one()
        queue_run(place)
        reached = newest(place)
        assert reached < EXACT
        if number == 1:
            file.unlink()
            save(place, settings.artifacts, file)
        place.close()
