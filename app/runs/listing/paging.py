"""Parses the order of a list, and how many entries its pages have."""

from collections.abc import Collection
from typing import Final

from app.runs.listing.errors import QueryError
from app.runs.listing.values import whole_number

MAX_LIMIT: Final = 500
_SHOWN: Final = 40


def order(parameter: str, text: str, fields: Collection[str]) -> str:
    """Parse one of these fields, with a leading - for descending order."""
    if text.removeprefix("-") not in fields:
        raise QueryError(
            parameter,
            f"can't sort by {text[:_SHOWN]!r}; expected one of {', '.join(fields)}; prefix with - to sort in "
            "descending order",
        )
    return text


def limit(parameter: str, text: str) -> int:
    """Parse the number of entries of a page."""
    entries = whole_number(parameter, text)
    if not 1 <= entries <= MAX_LIMIT:
        raise QueryError(parameter, f"must be from 1 to {MAX_LIMIT}, not {entries}")
    return entries
