"""The search syntax: filters by field, such as `lr>0.1 -tag:draft`, between texts to search for."""

import dataclasses
import re
from dataclasses import dataclass
from typing import Final, NoReturn

from app.runs.listing import fields, values
from app.runs.listing.errors import QueryError
from app.runs.listing.fields import Field
from app.runs.listing.values import ARCHIVED_VALUES, MAX_PARTS, Values

MAX_TEXT: Final = 10_000
"""Maximum number of characters of a search: as many as in a note."""

SEARCH: Final = "q"
ARCHIVED: Final = "archived"

_FILTER: Final = re.compile(
    r"(?P<not>[-!]?)(?P<name>[A-Za-z_]\w*)(?P<space>\s*)(?P<sign>!=|>=|<=|>|<|=|:|~)(?!//)"
)
_SPACED_RANGE: Final = re.compile(r"(?P<not>[-!]?)(?P<name>[A-Za-z_]\w*)\s+(?P<values>[^\s\"]*\.\.[^\s\"]*)")
_ONE: Final = r'(?:[<>]=?\s*)?(?:~?"(?:[^"\\]|\\.)*"?|[^\s,]+)'
_VALUES: Final = re.compile(rf"(?:{_ONE}(?:,\s*{_ONE})*)?,*", re.DOTALL)
_QUOTED: Final = re.compile(r'(?P<not>-?)"(?P<text>(?:[^"\\]|\\.)*)"?', re.DOTALL)
_EXCLUDED: Final = re.compile(r"-(?P<text>[^\W\d_]\S*)")
_WORD: Final = re.compile(r"\S+")
_SPACE: Final = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Term:
    """One condition of a query; `field` is empty for a text to search for.

    `place` is where it stands in the search text: its start and its end.
    """

    field: str
    values: Values
    negated: bool = False
    place: tuple[int, int] = dataclasses.field(default=(0, 0), compare=False)


def parse(text: str) -> list[Term]:
    """Parse a search text into terms, all of which must hold.

    Adjacent words without quotes are one text. A filter without a value counts as missing.

    Raises:
        QueryError: a filter is malformed; `part` is its place.
    """
    if len(text) > MAX_TEXT:
        raise QueryError(SEARCH, f"at most {MAX_TEXT:,} characters are allowed, not {len(text):,}")
    if "\0" in text:
        raise QueryError(SEARCH, "must not contain a NUL character")
    found: list[Term] = []
    words: tuple[int, int] | None = None
    place = _after_space(text, 0)
    while place < len(text):
        term, end = _term(text, place)
        if term is None and end == place:
            word = _WORD.match(text, place)
            end = word.end() if word else len(text)
            words = (words[0] if words else place, end)
        else:
            found += _text_at(text, words)
            words = None
            found += [term] if term else []
        place = _after_space(text, end)
    found += _text_at(text, words)
    if len(found) > MAX_PARTS:
        raise QueryError(SEARCH, f"at most {MAX_PARTS} filters and texts are allowed, not {len(found)}")
    return found


def _after_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place


def _text_at(text: str, words: tuple[int, int] | None) -> list[Term]:
    return [Term("", Values(parts=(text[slice(*words)],)), place=words)] if words else []


def _term(text: str, place: int) -> tuple[Term | None, int]:
    """The term that starts here and its end; no term and the same place before a word without quotes."""
    if quoted := _QUOTED.match(text, place):
        return _excluding(values.unescaped(quoted["text"]), bool(quoted["not"]), quoted)
    if match := _SPACED_RANGE.match(text, place):
        known = fields.named(match["name"])
        if known and known.kind not in ("word", "text", "choice", "flag"):
            return _filter(match["name"], bool(match["not"]), "", match["values"], (place, match.end()))
    match = _FILTER.match(text, place)
    if match and not (match["space"] and (match["sign"] in ":~" or not fields.named(match["name"]))):
        start = _after_space(text, match.end())
        if start > match.end() and _FILTER.match(text, start):
            start = match.end()  # a filter follows, so this one has no value
        written = _VALUES.match(text, start) if start < len(text) else None
        end = written.end() if written else len(text)
        if start == match.end() and start < len(text) and text[start].isspace():
            end = start
        negated = bool(match["not"]) != (match["sign"] == "!=")
        sign = match["sign"].removeprefix("!")
        return _filter(match["name"], negated, sign, text[start:end], (place, end))
    if excluded := _EXCLUDED.match(text, place):
        return _excluding(excluded["text"], bool(excluded), excluded)
    return None, place


def _excluding(words: str, negated: bool, match: re.Match[str]) -> tuple[Term | None, int]:  # noqa: FBT001
    if not words:
        return None, match.end()
    return Term("", Values(parts=(words,)), negated, match.span()), match.end()


def _filter(
    name: str,
    negated: bool,  # noqa: FBT001
    sign: str,
    written: str,
    place: tuple[int, int],
) -> tuple[Term | None, int]:
    if name.lower() == ARCHIVED:
        known = Field(ARCHIVED, "Archived", "choice", ARCHIVED_VALUES)
    else:
        known = fields.named(name) or _unknown(name, place)
    if not written.strip(" ,\t\n"):
        return None, place[1]
    if sign in ("<", "<=", ">", ">="):
        written = sign + written
    elif sign == "~" and known.kind in ("word", "text"):
        written = written if written.startswith("~") else f"~{written}"
    try:
        if sign not in ("", ":", "=") and known.kind in ("word", "text") and sign != "~":
            raise QueryError(SEARCH, f"texts have no order; write {known.name}:{written.lstrip('<>=')[:40]}")  # noqa: TRY301
        found = values.parse(SEARCH, known, written, loose=sign == ":")
    except QueryError as error:
        raise QueryError(SEARCH, f"{known.name}: {error}", place) from None
    return Term(known.name, found, negated, place), place[1]


def _unknown(name: str, place: tuple[int, int]) -> NoReturn:
    alike = fields.resembling(name)
    meant = f"did you mean {' or '.join(alike)}? To" if alike else "to"
    raise QueryError(
        SEARCH, f"there is no field {name[:40]!r}; {meant} search for this text, put it in quotes", place
    )
