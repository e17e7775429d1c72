"""What an error of the database means: it is away, it can't be written, it is damaged, or none of these."""

import sqlite3

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, InternalError, OperationalError

from app.storage.outage import damage, is_outage, unwritable


def said(text: str, kind: type[DBAPIError] = OperationalError) -> DBAPIError:
    return kind("SELECT", None, Exception(text))


def of_sqlite(code: int) -> DBAPIError:
    """An error with one of SQLite's codes."""
    error = sqlite3.DatabaseError("it failed")
    error.sqlite_errorcode = code
    return DBAPIError("SELECT", None, error)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("database or disk is full", "its disk is full or broken (database or disk is full)"),
        ("disk I/O error", "its disk is full or broken (disk I/O error)"),
        ("could not extend file base/1: No space left on device\n", "its disk is full or broken (could not"),
        ("attempt to write a readonly database", "it is read-only (attempt to write a readonly database)"),
        ("cannot execute UPDATE in a read-only transaction", "it is read-only (cannot execute"),
    ],
)
def test_a_full_or_read_only_database_is_reported_as_unwritable(text: str, why: str) -> None:
    assert (unwritable(said(text)) or "").startswith(why)


def test_a_locked_database_is_not_reported_as_unwritable() -> None:
    assert unwritable(said("database is locked")) is None


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (of_sqlite(sqlite3.SQLITE_CORRUPT), "it failed"),
        (of_sqlite(sqlite3.SQLITE_CORRUPT | 2 << 8), "it failed"),  # an extended code of the same kind
        (of_sqlite(sqlite3.SQLITE_NOTADB), "it failed"),
        (of_sqlite(sqlite3.SQLITE_BUSY), None),
        (said("no such table: run"), "no such table: run"),
        (said("no such column: change"), "no such column: change"),
        (said("no such table: run", IntegrityError), None),
        (said("database is locked"), None),
        (RuntimeError("no such table: run"), None),
    ],
)
def test_damage_is_distinguished_from_other_failures(error: BaseException, why: str | None) -> None:
    assert damage(error) == why


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (said("database is locked"), True),
        (said("connection refused", InterfaceError), True),
        (said("in a read-only transaction", InternalError), True),
        (of_sqlite(sqlite3.SQLITE_CORRUPT), True),
        (said("UNIQUE constraint failed", IntegrityError), False),
        (ValueError("no"), False),
    ],
)
def test_invalid_statements_are_not_outages(error: BaseException, *, outage: bool) -> None:
    assert is_outage(error) is outage
