"""Recognizes errors that mean an unavailable or unwritable database."""

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError

OUTAGES: Final = (OperationalError, InterfaceError, InternalError)
"""Errors that the statement did not cause: it may succeed later."""

RESTORE: Final = "depthboard restore FILE --data-dir NEW"
"""The command that restores a backup."""

CURE: Final = (
    "Stop Depthboard, keep a copy of the data folder, and restore your newest backup into a new one: "
    + RESTORE
)
"""The instruction if the database is found damaged while in use."""

_CORRUPT: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
PRIMARY: Final = 0xFF
"""Mask of the primary part of SQLite's error codes."""

_MISSING: Final = ("no such table", "no such column")

_FULL: Final = (
    "database or disk is full",
    "disk I/O error",
    "No space left on device",
    "could not extend file",
)
_READ_ONLY: Final = ("readonly database", "read-only transaction")


def unwritable(error: DBAPIError) -> str | None:
    """Returns why the database can't be written until a person fixes it; None for other errors."""
    said = str(error.orig)
    if any(text in said for text in _FULL):
        return f"its disk is full or broken ({said.strip()})"
    if any(text in said for text in _READ_ONLY):
        return f"it is read-only ({said.strip()})"
    return None


def damage(error: BaseException) -> str | None:
    """Returns the damage of the database that an error reports; None for other errors."""
    if not isinstance(error, DBAPIError):
        return None
    said = str(error.orig).strip()
    corrupt = getattr(error.orig, "sqlite_errorcode", 0) & PRIMARY in _CORRUPT
    missing = isinstance(error, OperationalError) and said.startswith(_MISSING)
    return said if corrupt or missing else None


def is_outage(error: BaseException) -> bool:
    """Whether the database caused the error, and not the statement."""
    return isinstance(error, OUTAGES) or damage(error) is not None
