"""What it means when the database does not answer, or can't be written."""

from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError

OUTAGES: Final = (OperationalError, InterfaceError, InternalError)
"""Errors that are not the statement's fault: the same one may succeed later."""

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
