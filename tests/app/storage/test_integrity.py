"""What a server knows of its database file: unclean stops, damage, and that it is away."""

import logging
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from app.settings import Settings
from app.storage import integrity
from app.storage.database import Database
from app.storage.integrity import MARKER, Integrity
from tests.app.states import queue_run
from tests.backends import on_both


def broken(said: str) -> OperationalError:
    return OperationalError("SELECT", None, Exception(said))


@on_both
def test_only_a_sqlite_file_is_checked_after_an_unclean_shutdown(database: Database, tmp_path: Path) -> None:
    first = Integrity(database, tmp_path)
    assert not first.begin()
    assert (tmp_path / MARKER).exists() is database.is_sqlite
    second = Integrity(database, tmp_path)  # the first was killed
    assert second.begin() is database.is_sqlite
    assert second.state == ("checking" if database.is_sqlite else "unchecked")
    second.end()
    assert (tmp_path / MARKER).exists() is database.is_sqlite, "it has not been found sound"


def test_an_intact_file_is_reported_and_a_clean_stop_removes_the_marker(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / MARKER).touch()
    found = Integrity(database, tmp_path)
    assert found.begin()
    found.check()
    assert found.state == "sound"
    assert found.detail is not None
    assert found.detail.endswith("after an unclean shutdown")
    assert "the integrity check passed" in caplog.text
    found.end()
    assert not (tmp_path / MARKER).exists()


def test_damage_is_logged_once_with_its_remedy_and_checked_again_at_the_next_start(
    settings: Settings, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    for seed in range(50):
        queue_run(database, seed=seed)
    database.close()
    path = settings.data_dir / "depthboard.sqlite3"
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 6] = bytes(4096 * 3)
    path.write_bytes(content)
    again = Database(settings.url)
    assert integrity.faults(again)
    found = Integrity(again, settings.data_dir)
    found.begin()
    found.check()
    found.check()
    assert found.state == "damaged"
    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert "the database file is damaged" in told
    assert "restore your newest backup" in told
    found.end()
    assert (settings.data_dir / MARKER).exists()
    again.close()


def test_an_error_is_logged_once_until_it_changes_or_ends(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    found = Integrity(database, tmp_path)
    for said in ("database is locked", "database is locked", "disk I/O error"):
        assert found.met(broken(said)) is None
    found.usable()
    found.usable()
    found.met(broken("database is locked"))
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == [
        "database is locked",
        "disk I/O error",
        "the database is available again",
        "database is locked",
    ]
    assert found.state == "unchecked"


def test_damage_found_by_a_request_is_remembered(database: Database, tmp_path: Path) -> None:
    found = Integrity(database, tmp_path)
    assert found.met(broken("no such table: run")) == "no such table: run"
    assert (found.state, found.detail) == ("damaged", "no such table: run")
    found.check()
    assert found.state == "damaged", "the file itself is sound"
