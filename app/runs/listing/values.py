"""Parses the values of a filter: lists, ranges, comparisons, dates, ages and durations."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from app.runs.listing.errors import QueryError
from app.runs.listing.fields import Field
from app.schemas.bodies import MAX_ID

MAX_VALUES: Final = 1_000
"""Maximum number of values of one filter: as many as a study has runs."""

MAX_PARTS: Final = 50
"""Maximum number of tags, ranges and parts of texts in one filter; each is a condition of its own."""

ANY: Final = "*"
"""Stands for any value: the field is set."""

CONTAINS: Final = "~"
ARCHIVED_VALUES: Final = ("false", "true", "all")
_WHOLE: Final = re.compile(r"-?[0-9]{1,19}")
_WHOLE_RANGE: Final = re.compile(r"([0-9]{1,19})-([0-9]{1,19})")
_COMPARED: Final = re.compile(r"(>=|<=|>|<)\s*(.*)", re.DOTALL)
_ITEM: Final = re.compile(r'\s*(?P<before>~?)"(?P<quoted>(?:[^"\\]|\\.)*)"?\s*(?=,|$)|[^,]*', re.DOTALL)
_LENGTH: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|sec|m|min|h|d|w)(?![a-z])\s*")
_UNITS: Final = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DAY: Final = 86_400.0
_DAYS: Final = {"today": 0.0, "yesterday": _DAY}
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Ago:
    """A moment before the time of the request, or before the start of its day in UTC."""

    seconds: float
    of_day: bool = False

    def at(self, now: float) -> float:
        """The moment in seconds since 1970."""
        return (now - now % _DAY if self.of_day else now) - self.seconds


Point = int | float | Ago


@dataclass(frozen=True, slots=True)
class Range:
    """Values from `low` to `high`; None is unbounded, and an open end is not included."""

    low: Point | None = None
    high: Point | None = None
    low_open: bool = False
    high_open: bool = False


@dataclass(frozen=True, slots=True)
class Values:
    """The values that a filter allows: one of these, in one of the ranges, or with one of the parts."""

    exact: tuple[Any, ...] = ()
    ranges: tuple[Range, ...] = ()
    parts: tuple[str, ...] = ()
    is_set: bool = False

    @property
    def count(self) -> int:
        """The number of alternatives."""
        return len(self.exact) + len(self.ranges) + len(self.parts) + self.is_set


@dataclass(frozen=True, slots=True)
class _Item:
    text: str
    raw: str
    is_quoted: bool
    is_part: bool


def parse(parameter: str, field: Field, text: str, *, loose: bool = False) -> Values:
    """Parse the values of a field, separated by commas.

    Texts match as a whole, or with `~` in front by a part in any case; if `loose`, always by a part.

    Raises:
        QueryError: a value is malformed; the message says what was expected.
    """
    items = _items(_plain(parameter, text))
    if len(items) > MAX_VALUES:
        raise QueryError(parameter, f"at most {MAX_VALUES:,} values are allowed, not {len(items):,}")
    is_set = any(item.text == ANY and not item.is_quoted for item in items)
    items = [item for item in items if item.text != ANY or item.is_quoted]
    if field.kind in ("word", "text"):
        found = _texts(
            items,
            uncut="" if field.name == "tag" else text.strip(),
            loose=loose and field.kind == "text",
            is_set=is_set,
        )
    else:
        found = _ordered(parameter, field, [item.text for item in items], is_set=is_set)
    if len(found.ranges) + len(found.parts) + (len(found.exact) if field.name == "tag" else 0) > MAX_PARTS:
        raise QueryError(parameter, f"at most {MAX_PARTS} values are allowed here")
    return found


def _items(text: str) -> list[_Item]:
    """Split a text at commas outside of quotes."""
    items = []
    place = 0
    while place <= len(text):
        match = _ITEM.match(text, place)
        if match is None:
            break
        raw = match[0].strip()
        if match["quoted"] is not None:
            items.append(
                _Item(unescaped(match["quoted"]), raw, is_quoted=True, is_part=bool(match["before"]))
            )
        elif raw:
            is_part = raw.startswith(CONTAINS) and len(raw) > 1
            text_of = raw.removeprefix(CONTAINS).lstrip() if is_part else raw
            items.append(_Item(text_of, raw, is_quoted=False, is_part=is_part))
        place = match.end() + 1
    return items


def unescaped(quoted: str) -> str:
    r"""The text between two quotes, in which `\"` is a quote and `\\` a backslash."""
    return re.sub(r'\\(["\\])', r"\1", quoted)


def _plain(parameter: str, text: str) -> str:
    if "\0" in text:
        raise QueryError(parameter, "must not contain a NUL character")
    return text


def _texts(items: list[_Item], *, uncut: str, loose: bool, is_set: bool) -> Values:
    """Texts as they are; a quoted text, or one with commas, is also tried with quotes and commas."""
    whole = [item for item in items if not (item.is_part or loose) or not item.text]
    exact = [way for item in whole for way in ((item.text, item.raw) if item.is_quoted else (item.text,))]
    if len(items) > 1 and whole and uncut:
        exact.append(uncut)
    parts = [item.text for item in items if (item.is_part or loose) and item.text]
    return Values(tuple(dict.fromkeys(exact)), (), tuple(parts), is_set)


def _ordered(parameter: str, field: Field, texts: list[str], *, is_set: bool) -> Values:
    """Values with an order, each one, a range or a comparison."""
    exact: list[Any] = []
    ranges: list[Range] = []
    for text in texts:
        if compared := _COMPARED.fullmatch(text):
            ranges.append(_comparison(parameter, field, compared[1], compared[2]))
        elif ".." in text and field.kind not in ("flag", "choice"):
            ranges.append(_range(parameter, field, *text.split("..", 1)))
        elif field.kind == "whole" and (dashed := _WHOLE_RANGE.fullmatch(text)):
            ranges.append(_range(parameter, field, dashed[1], dashed[2]))
        else:
            span = _span(parameter, field, text)
            if isinstance(span.low, Ago) and span.low == span.high:
                ranges.append(Range(low=span.low))  # "7d" means the last seven days
            elif span.low == span.high:
                exact.append(span.low)
            else:
                ranges.append(span)
    return Values(tuple(exact), tuple(ranges), (), is_set)


def _comparison(parameter: str, field: Field, sign: str, text: str) -> Range:
    if field.kind in ("flag", "choice"):
        raise QueryError(parameter, f"{sign} needs a number or a time; expected {_expected(field)}")
    span = _span(parameter, field, text)
    if sign == ">":
        return Range(low=span.high, low_open=not span.high_open)
    if sign == ">=":
        return Range(low=span.low)
    if sign == "<":
        return Range(high=span.low, high_open=True)
    return Range(high=span.high, high_open=span.high_open)


def _range(parameter: str, field: Field, start: str, end: str) -> Range:
    if not (start.strip() or end.strip()):
        raise QueryError(parameter, f"a range needs a start or an end, such as {_example(field)}")
    low = _span(parameter, field, start).low if start.strip() else None
    last = _span(parameter, field, end) if end.strip() else Range()
    high = last.high
    known = [point for point in (low, high) if isinstance(point, int | float)]
    if known != sorted(known):
        raise QueryError(
            parameter,
            f"the range {start.strip()[:_SHOWN]}..{end.strip()[:_SHOWN]} is empty; write the smaller first",
        )
    return Range(low=low, high=high, high_open=last.high_open)


def _span(parameter: str, field: Field, text: str) -> Range:
    """One value; a date is the range of its day."""
    text = text.strip()
    if field.kind == "time":
        return _time(parameter, text)
    value = _value(parameter, field, text)
    return Range(value, value)


def _value(parameter: str, field: Field, text: str) -> Any:  # noqa: ANN401  # the type depends on the field
    match field.kind:
        case "whole":
            return whole_number(parameter, text)
        case "duration":
            return _seconds(parameter, text)
        case "fraction":
            return _fraction(parameter, text)
        case "flag":
            return int(one_of(parameter, text, ("true", "false")) == "true")
        case "choice":
            return one_of(parameter, text, field.choices)
    return _decimal(parameter, text)


def whole_number(parameter: str, text: str) -> int:
    """Parse a whole number."""
    if not _WHOLE.fullmatch(text) or abs(int(text)) > MAX_ID:
        raise QueryError(parameter, f"{text[:_SHOWN]!r} is not a whole number")
    return int(text)


def whole_numbers(parameter: str, text: str) -> list[int]:
    """Parse whole numbers separated by commas."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) > MAX_VALUES:
        raise QueryError(parameter, f"at most {MAX_VALUES:,} values are allowed, not {len(parts):,}")
    return [whole_number(parameter, part) for part in parts]


def archived(parameter: str, text: str) -> str:
    """Parse whether archived ones are hidden, the only ones or included."""
    return one_of(parameter, text, ARCHIVED_VALUES)


def one_of(parameter: str, text: str, allowed: tuple[str, ...]) -> str:
    """Parse one of these words, in any case."""
    if text.lower() not in allowed:
        raise QueryError(parameter, f"{text[:_SHOWN]!r} is not one of {', '.join(allowed)}")
    return text.lower()


def _decimal(parameter: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or "_" in text:
        raise QueryError(parameter, f"{text[:_SHOWN]!r} is not a number")
    return number


def _fraction(parameter: str, text: str) -> float:
    """An accuracy: `0.97` or `97%`."""
    if text.endswith("%"):
        _decimal(parameter, text[:-1].strip())
        try:
            return float(Decimal(text[:-1].strip()) / 100)
        except InvalidOperation:
            raise QueryError(parameter, f"{text[:_SHOWN]!r} is not a percentage") from None
    number = _decimal(parameter, text)
    if abs(number) > 1:
        raise QueryError(
            parameter, f"accuracies are fractions from 0 to 1; write {number / 100:.10g} or {number:.10g}%"
        )
    return number


def _seconds(parameter: str, text: str) -> float:
    """A duration: seconds, or numbers with units, such as `90`, `5min` or `1h30min`."""
    length = _length(text)
    if length is not None:
        return length
    try:
        return _decimal(parameter, text)
    except QueryError:
        raise QueryError(
            parameter, f"{text[:_SHOWN]!r} is not a duration; expected seconds, or one like 5min or 1h30min"
        ) from None


def _length(text: str) -> float | None:
    """The seconds of numbers with units; None if the text is something else."""
    left, total = text.lower(), 0.0
    while match := _LENGTH.match(left):
        total += float(match[1]) * _UNITS[match[2]]
        left = left[match.end() :]
    return total if text and not left else None


def _time(parameter: str, text: str) -> Range:
    """A date, a time, `today`, `yesterday`, or an age such as `7d`."""
    if (before := _DAYS.get(text.lower())) is not None:
        return Range(Ago(before, of_day=True), Ago(before - _DAY, of_day=True), high_open=True)
    if (age := _length(text)) is not None:
        return Range(Ago(age), Ago(age))
    try:
        moment = datetime.fromisoformat(text)
        start = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        end = start + timedelta(days=1).total_seconds() if _DATE.fullmatch(text) else start
    except (ValueError, OverflowError):
        raise QueryError(
            parameter,
            f"{text[:_SHOWN]!r} is not a valid time; expected a date like 2026-01-31, a time like "
            "2026-01-31T12:00:00.000Z, today, yesterday, or an age like 7d or 12h",
        ) from None
    return Range(start, end, high_open=end > start)


def _expected(field: Field) -> str:
    return ", ".join(field.choices or ("true", "false"))


def _example(field: Field) -> str:
    examples = {
        "whole": "1..3",
        "fraction": "0.97..1",
        "time": "2026-01-01..2026-01-31",
        "duration": "1min..1h",
    }
    return examples.get(field.kind, "0.01..0.1")
