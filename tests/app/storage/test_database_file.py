"""A database that is damaged at start: one message, nothing changed, no attempt to go on."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from app.queue import actions
from app.schemas.bodies import Labels
from app.storage import database_file, folder_lock, migrations
from app.storage.database import Database
from app.storage.database_file import DatabaseUnusable
from app.storage.migrations import SchemaError
from app.storage.sqlite import DRIVER, create
from tests.app.states import queue_run

NAME = "depthboard.sqlite3"
PAGE = 4096


def fill(folder: Path, runs: int = 40) -> Path:
    """A database with some runs, closed cleanly."""
    path = folder / NAME
    with closing(Database(f"sqlite:///{path}")) as database:
        migrations.upgrade(database)
        for number in range(runs):
            queue_run(database, Labels(note=f"{folder.name} {number} " * 20))
    return path


def killed(path: Path, target: Path, change: str = "UPDATE run SET priority = 1") -> Path:
    """A copy of a database as a process leaves it that is killed after a change."""
    target.mkdir(exist_ok=True)
    with closing(DRIVER.connect(path, isolation_level=None)) as connection:
        connection.execute(change)
        for each in path.parent.iterdir():
            shutil.copy(each, target)
    assert (target / f"{NAME}-wal").stat().st_size
    return target / NAME


@pytest.fixture(autouse=True)
def _nobody_else_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_file, "_PAUSE_SECONDS", 0)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("another"), runs=60)


@pytest.fixture
def path(sound: Path, tmp_path: Path) -> Path:
    """A sound database of the test's own."""
    return Path(shutil.copy(sound, tmp_path))


def overwrite(path: Path, place: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)


def sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def of_another_program(path: Path) -> None:
    path.unlink()
    sql(path, "CREATE TABLE bookmarks (url)", "CREATE TABLE history (url)")


KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "header": (lambda path: overwrite(path, 0, os.urandom(100)), "header was overwritten"),
    "header fields": (lambda path: overwrite(path, 16, b"\xa5" * 80), "header was overwritten"),
    "first page": (lambda path: overwrite(path, 100, b"\xa5" * (PAGE - 100)), "malformed"),
    "half a page": (lambda path: os.truncate(path, 5 * PAGE + 100), "not a whole number of pages"),
    "truncated": (lambda path: os.truncate(path, 5 * PAGE), "its header states"),
    "longer": (lambda path: overwrite(path, path.stat().st_size, b"more"), "not a whole number of pages"),
    "emptied": (lambda path: os.truncate(path, 0), "is empty"),
    "a few bytes": (lambda path: os.truncate(path, 50), "has only 50 bytes"),
    "a page": (lambda path: overwrite(path, path.stat().st_size - 2 * PAGE, b"\xa5" * PAGE), ""),
    "zeroed page": (lambda path: overwrite(path, path.stat().st_size - 2 * PAGE, bytes(PAGE)), ""),
    "zeros": (lambda path: path.write_bytes(bytes(10 * PAGE)), "begins with zeros"),
    "text": (lambda path: path.write_text("Dear diary,\n" * 100), "not a SQLite file"),
    "image": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + os.urandom(5000)), "not a SQLite file"),
    "folder": (replace_by_folder, "is a folder"),
    "tables": (
        lambda path: sql(path, "DROP TABLE epoch", "DROP TABLE attempt"),
        "tables are missing: attempt, epoch",
    ),
    "all tables": (
        lambda path: sql(path, *(f"DROP TABLE {name}" for name in ("epoch", "attempt", "study_run", "run"))),
        "tables are missing",
    ),
    "columns": (
        lambda path: sql(path, "ALTER TABLE worker DROP COLUMN host"),
        "table worker has no column host",
    ),
    "no version": (lambda path: sql(path, "DELETE FROM alembic_version"), "contains 0 versions"),
    "no version table": (lambda path: sql(path, "DROP TABLE alembic_version"), "alembic_version is missing"),
    "unknown version": (
        lambda path: sql(path, "UPDATE alembic_version SET version_num = 'a1b2c3'"),
        "does not support",
    ),
    "newer version": (
        lambda path: sql(path, "UPDATE alembic_version SET version_num = '9999'"),
        "use the newer Depthboard",
    ),
    "header's format": (lambda path: overwrite(path, 44, b"\xff" * 4), "unsupported file format"),
    "no counter": (lambda path: sql(path, "DELETE FROM counter"), "counter has 0 rows"),
    "another program": (of_another_program, "belongs to another program: its tables are bookmarks, history"),
}


def content(folder: Path) -> dict[str, bytes | None]:
    """Every file of a folder with what is in it, without the locks that say who runs."""
    return {
        str(each.relative_to(folder)): each.read_bytes() if each.is_file() else None
        for each in folder.rglob("*")
        if each.suffix != folder_lock.SUFFIX
    }


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    before = content(folder)
    yield
    assert content(folder) == before


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_reported_and_nothing_is_changed(kind: str, path: Path) -> None:
    damage, told = KINDS[kind]
    damage(path)
    with unchanged(path.parent), pytest.raises((DatabaseUnusable, SchemaError)) as caught:
        database_file.check(path)
    assert told in str(caught.value)


def test_a_database_that_was_killed_is_sound_and_its_log_stays(sound: Path, tmp_path: Path) -> None:
    path = killed(sound, tmp_path / "killed")
    with unchanged(path.parent):
        database_file.check(path)
    path.with_name(f"{NAME}-shm").write_bytes(b"not an index" * 1000)
    with unchanged(path.parent):
        database_file.check(path)
    path.with_name(f"{NAME}-shm").unlink()
    with unchanged(path.parent):
        database_file.check(path)


def test_a_database_that_was_vacuumed_before_a_kill_is_sound(path: Path, tmp_path: Path) -> None:
    """Its file is larger than the log says, and has runs that were deleted since."""
    with closing(Database(f"sqlite:///{path}")) as database, database.write() as session:
        actions.remove_all(session, range(1, 31))
    after = killed(path, tmp_path.with_name(f"{tmp_path.name}-killed"), "VACUUM")
    with unchanged(after.parent):
        database_file.check(after)


def test_a_log_without_frames_is_ignored(sound: Path, tmp_path: Path) -> None:
    path = killed(sound, tmp_path / "killed")
    os.truncate(f"{path}-wal", 32)
    with unchanged(path.parent):
        database_file.check(path)
    overwrite(path, 3 * PAGE, b"damage" * 100)
    with pytest.raises(DatabaseUnusable, match="is damaged"):
        database_file.check(path)


def test_a_link_is_followed_to_a_file_that_is_still_to_be_made(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / NAME
    link.symlink_to(tmp_path / "elsewhere" / "kept.sqlite3")
    database_file.check(link)
    create(link)
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "kept.sqlite3").is_file()
    shutil.rmtree(tmp_path / "elsewhere")
    with pytest.raises(DatabaseUnusable, match="whose folder is missing"):
        database_file.check(link)


@pytest.mark.parametrize("index", ["with its index", "without"])
@pytest.mark.parametrize("whole", ["its last change", "all of it"])
def test_the_log_of_another_database_is_refused(
    sound: Path, another: Path, tmp_path: Path, index: str, whole: str
) -> None:
    change = "UPDATE run SET priority = 1" if whole == "its last change" else "VACUUM"
    foreign = killed(another, tmp_path / "foreign", change)
    path = Path(shutil.copy(sound, tmp_path))
    for suffix in ("-wal", "-shm")[: 2 if index == "with its index" else 1]:
        shutil.copy(f"{foreign}{suffix}", tmp_path)
    with unchanged(path.parent), pytest.raises(DatabaseUnusable, match="is damaged"):
        database_file.check(path)


LOGS: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda log: log.write_text("Dear diary,\n" * 100), "is not a SQLite write-ahead log"),
    "header": (lambda log: overwrite(log, 4, b"\xa5" * 12), "is not a SQLite write-ahead log"),
    "short": (lambda log: os.truncate(log, 20), "is not a SQLite write-ahead log"),
    "folder": (replace_by_folder, "is a folder"),
    "alone": (lambda log: log.with_name(NAME).unlink(), "only its write-ahead log"),
    "shorter file": (
        lambda log: os.truncate(log.with_name(NAME), 10 * PAGE),
        "neither in the file nor in its",
    ),
    "emptied file": (lambda log: os.truncate(log.with_name(NAME), 0), "is empty"),
}


@pytest.mark.parametrize("kind", LOGS)
def test_a_damaged_log_is_reported(kind: str, sound: Path, tmp_path: Path) -> None:
    path = killed(sound, tmp_path / "killed")
    damage, told = LOGS[kind]
    damage(path.with_name(f"{NAME}-wal"))
    with unchanged(path.parent), pytest.raises(DatabaseUnusable) as caught:
        database_file.check(path)
    assert told in str(caught.value)


def test_a_log_that_cannot_be_checked_does_not_prevent_a_start(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = killed(sound, tmp_path / "killed")
    path.with_name(f"{NAME}-shm").unlink()

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with unchanged(path.parent):
        database_file.check(path)


def test_a_file_without_permission_is_reported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # the tests may run as root, who may open anything
    with unchanged(path.parent), pytest.raises(DatabaseUnusable, match="as the user that owns the data"):
        database_file.check(path)


def test_sound_databases_pass(path: Path, sound: Path, tmp_path: Path) -> None:
    for each in (path, tmp_path / "none", tmp_path / "folder" / "none"):
        database_file.check(each)
    link = tmp_path / "link"
    link.symlink_to(path)
    database_file.check(link)
    new = tmp_path / "new ?#%41.sqlite3"
    create(new)
    assert new.stat().st_size == PAGE
    database_file.check(new)
    with closing(DRIVER.connect(sound)) as busy:  # as beside a running Depthboard
        busy.execute("UPDATE run SET priority = 2")
        database_file.check(sound)
    sql(path, "UPDATE run SET priority = 1")  # with a rollback journal instead of a log
    database_file.check(path)


def test_a_large_database_is_looked_at_for_a_moment_only(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = (
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50000) SELECT i, i FROM n"
    )
    sql(path, f"INSERT INTO deletion (run_id, change) {numbers}")
    KINDS["a page"][0](path)
    with pytest.raises(DatabaseUnusable):
        database_file.check(path)
    monkeypatch.setattr(database_file, "LOOK_SECONDS", 0)
    database_file.check(path)
