"""Recognises errors that mean an unavailable or unwritable database."""

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError

OUTAGES: Final = (OperationalError, InterfaceError, InternalError)
"""Errors that are not the statement's fault: the same one may succeed later."""

RESTORE: Final = "depthboard restore FILE --data-dir NEW"
"""How a backup is restored."""

CURE: Final = (
    "Stop Depthboard, keep a copy of the data folder, and restore your newest backup into a new one: "
    + RESTORE
)
"""What helps when the database turns out to be damaged while it is in use."""

_CORRUPT: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
PRIMARY: Final = 0xFF
"""The part of SQLite's error codes that names the kind."""

_MISSING: Final = ("no such table", "no such column")

_FULL: Final = (
    "database or disk is full",
    "disk I/O error",
    "No space left on device",
    "could not extend file",
)
_READ_ONLY: Final = ("readonly database", "read-only transaction")


def unwritable(error: DBAPIError) -> str | None:
    """Why the database can't be written until a person makes room for it; None for what passes by itself."""
    said = str(error.orig)
    if any(text in said for text in _FULL):
        return f"its disk is full or broken ({said.strip()})"
    if any(text in said for text in _READ_ONLY):
        return f"it is read-only ({said.strip()})"
    return None


def damage(error: BaseException) -> str | None:
    """What is damaged about the database, if that is what an error means."""
    if not isinstance(error, DBAPIError):
        return None
    said = str(error.orig).strip()
    corrupt = getattr(error.orig, "sqlite_errorcode", 0) & PRIMARY in _CORRUPT
    missing = isinstance(error, OperationalError) and said.startswith(_MISSING)
    return said if corrupt or missing else None


def is_outage(error: BaseException) -> bool:
    """Whether it is the database that fails, and not the statement."""
    return isinstance(error, OUTAGES) or damage(error) is not None
