"""Writes query strings that select runs, quotes their values, and reads them."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from app.runs.listing.query import NO_FILTERS


def filter_of(parameters: Sequence[tuple[str, str]], key: dict[str, Any] | None = None) -> str:
    """The query string that selects the runs of a query, or those of one of its groups.

    It always has a filter: without another one, `archived=false`.
    """
    own = dict(_parameter(name, value) for name, value in (key or {}).items())
    kept = [
        (name, text)
        for name, text in parameters
        if text.strip() and name not in NO_FILTERS and name not in own
    ]
    found = [*kept, *own.items()]
    if not any(name == "archived" for name, _ in found):
        found.append(("archived", "false"))
    return urlencode(found, safe=",:*")


def pairs_of(query: str) -> list[tuple[str, str]]:
    """The parameters of a query string, with or without its question mark."""
    return parse_qsl(query.removeprefix("?"), keep_blank_values=True)


def _parameter(name: str, value: Any) -> tuple[str, str]:  # noqa: ANN401
    """The parameter that selects the runs with this value of a field."""
    if value is None:
        return f"-{name}", "*"
    if isinstance(value, bool):
        return name, str(value).lower()
    if isinstance(value, str):
        return name, quoted(value)
    return name, repr(value)


def quoted(text: str, *, in_search: bool = False) -> str:
    """A text as a value of a filter, in quotes if it would be read differently without them.

    In a search text, spaces need quotes, too.
    """
    separators = '", \t\n' if in_search else '",'
    if text and text == text.strip() and not any(sign in text for sign in separators) and text[0] not in "~*":
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
