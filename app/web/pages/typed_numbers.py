"""Numbers as people type them into forms: an ambiguous text is rejected with its possible meanings.

Countries use different separators for thousands and decimals, so a comma between two digits can be either of
them, or separate two values. A semicolon, or a comma next to a space, always separates values.
"""

import operator
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from app.schemas import grid
from app.schemas.grid import GridError, Value
from trainer.config import TrainConfig

_BETWEEN_VALUES: Final = re.compile(r"\s*;\s*|\s+,\s*|,\s+|,{2,}|,$")
_BETWEEN_DIGITS: Final = re.compile(r"[,\s]+")
_DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_ALIKE: Final = {
    **dict.fromkeys(_DASHES, "-"),
    "\N{ARABIC COMMA}": ",",
    "\N{ARABIC SEMICOLON}": ";",
    "\N{IDEOGRAPHIC COMMA}": ", ",
    "\N{ARABIC DECIMAL SEPARATOR}": ".",
    "\N{ARABIC THOUSANDS SEPARATOR}": "'",
}
"""Equivalents of ASCII characters."""

_FULLWIDTH: Final = range(0xFF01, 0xFF5F)
_THOUSANDS: Final = {
    separators: re.compile(rf"(?<![\d.])(?:[1-9]\d{{0,2}}(?:[{separators}]\d{{3}})+{lakh})(?!\d)")
    for separators, lakh in (
        (",", r"|[1-9]\d?(?:,\d{2})+,\d{3}"),  # 12,34,567 in India
        (".", ""),
        (r"\s", ""),
        ("'_`\u00b4\u02bc\u2018\u2019", ""),
    )
}
"""Patterns of whole numbers, by their thousands separators."""

_DECIMAL_COMMA: Final = re.compile(r"([+-]?\d*),(\d+(?:[eE][+-]?\d+)?)")
_RANGE: Final = re.compile(r"(\d{1,18})(?:-|\.\.)(\d{1,18})")
_COMMA: Final = re.compile(r"(?<![\d,])(?<!\d\.)(\d*),(\d+)(?!\d|,|\.\d)")
_WRITTEN_RANGE: Final = re.compile(r"\.\.|/|log|(?<=\d)-(?=\d)")
_DIGITS: Final = re.compile(r"\d+(?:,\d+)+")
_EXACT: Final = 2**53
_MOST_SHOWN: Final = 60
_MOST_DIGITS: Final = 9


@dataclass(frozen=True)
class _Reading:
    """One reading of a text: the values of each part, and an unambiguous notation."""

    values: tuple[Sequence[Value], ...]
    written: str

    @property
    def count(self) -> int:
        """The number of values."""
        return sum(map(len, self.values))


def parse(name: str, text: str) -> list[Value]:
    """Parse the values of one hyperparameter, as `grid.parse` does.

    Raises:
        GridError: the text is invalid, as in `grid.parse`, or ambiguous; the message says how to write each
            meaning.
    """
    kind = TrainConfig.model_fields[name].annotation
    if kind not in (int, float):
        return grid.parse(name, text.replace(";", ","))
    items = [item for item in _BETWEEN_VALUES.split(_in_ascii(text).strip()) if item.strip()]
    if not items:
        raise GridError("a value is needed")
    return [value for item in items for value in _read(name, grid.compact(item))]


def whole_number(text: str, expected: str = "expected a whole number, such as 0") -> int:
    """Parse one whole number.

    Raises:
        GridError: the text is not digits alone; the message says how to write the number that it resembles,
            or else what was `expected`.
    """
    typed = _in_ascii(text).strip()
    if re.fullmatch(rf"[+-]?\d{{1,{_MOST_DIGITS}}}", typed):
        return int(typed)
    for pattern in _THOUSANDS.values():
        joined = re.sub(r"\D", "", typed)
        if pattern.fullmatch(typed.lstrip("+-")) and len(joined) <= _MOST_DIGITS:
            raise GridError(_suggestion(text, typed[: typed.startswith("-")] + joined))
    raise GridError(expected)


def _in_ascii(text: str) -> str:
    """Convert digits and signs of any script to ASCII, and remove invisible characters."""
    return "".join(_ascii(character) for character in text)


def _ascii(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if ord(character) in _FULLWIDTH:
        return unicodedata.normalize("NFKC", character)
    if unicodedata.category(character) == "Cf":
        return ""
    return _ALIKE.get(character, character)


def _read(name: str, item: str) -> Sequence[Value]:
    """The values of an item; raises `GridError` if it is ambiguous."""
    found: dict[tuple[Sequence[Value], ...], _Reading] = {}
    for text in _ways(name, item):
        if reading := _reading(name, text):
            found.setdefault(reading.values, reading)
    if len(found) > 1:
        raise GridError(_question(name, item, list(found.values())))
    if found and not _reading(name, item):
        (reading,) = found.values()
        raise GridError(_suggestion(_as_typed(item), reading.written))
    if not found and TrainConfig.model_fields[name].annotation is float:
        item = _with_points(item)  # the message is then about the number that is meant
    return grid.parse(name, item)


def _ways(name: str, item: str) -> Iterator[str]:
    """The item itself, and its conversions from the notations of other countries."""
    yield item
    is_decimal = TrainConfig.model_fields[name].annotation is float
    if is_decimal:
        yield _with_points(item)
    else:
        yield _as_whole(item)
    for separators, pattern in _THOUSANDS.items():
        joined = pattern.sub(lambda number: re.sub(r"\D", "", number[0]), item)
        if joined == item or (separators == "." and is_decimal and not _plausible(name, item, joined)):
            continue
        if separators != ",":
            joined = _with_points(joined)
        yield joined if is_decimal else _as_whole(joined)


def _with_points(text: str) -> str:
    """Replace decimal commas by points: of one number, or of several separated by commas, such as 0,1,0,2."""
    words = []
    for word in text.split():
        parts = word.split(",")
        if _WRITTEN_RANGE.search(word):
            words.append(_COMMA.sub(lambda number: f"{number[1] or '0'}.{number[2]}", word))
        elif _DIGITS.fullmatch(word) and len(parts) % 2 == 0:
            words += [f"{whole}.{fraction}" for whole, fraction in list(pairwise(parts))[::2]]
        else:
            comma = _DECIMAL_COMMA.fullmatch(word)
            words.append(f"{comma[1] or '0'}.{comma[2]}" if comma else word)
    return " ".join(words)


def _as_whole(text: str) -> str:
    """Convert whole numbers with a decimal point or exponent, such as 5.0 or 1e3, to digits."""
    return " ".join(_digits(word) for word in text.split())


def _digits(word: str) -> str:
    try:
        number = float(word)
    except ValueError:
        return word
    is_written_so = re.fullmatch(r"[+-]?[\d.]+(?:[eE][+-]?\d+)?", word)
    return str(int(number)) if is_written_so and number.is_integer() and abs(number) <= _EXACT else word


def _reading(name: str, text: str) -> _Reading | None:
    words = [word for word in _BETWEEN_DIGITS.split(text) if word]
    values = [_values(name, word) for word in words]
    known = tuple(each for each in values if each)
    if len(known) < len(values):
        return None
    return _Reading(known, ", ".join(map(_as_typed, words)))


def _as_typed(word: str) -> str:
    """A part without leading zeros, and with the spaces of a logarithmic range."""
    return re.sub(r"^([+-]?)0+(?=\d)", r"\1", word).replace("log", " log ")


def _values(name: str, word: str) -> Sequence[Value]:
    """The values of one part, none if it is invalid; a range may be longer than the limit."""
    try:
        return tuple(grid.parse(name, word))
    except GridError:
        ends = _RANGE.fullmatch(word)
        return range(int(ends[1]), int(ends[2]) + 1) if ends else ()


def _plausible(name: str, item: str, joined: str) -> bool:
    """Whether points can separate thousands in a decimal field, where each can also be a decimal point.

    They can if the item also has a comma, or if the field allows numbers that large.
    """
    reading = _reading(name, joined)
    bounds = TrainConfig.model_fields[name].metadata
    most = min(getattr(bound, "le", getattr(bound, "lt", float("inf"))) for bound in bounds)
    numbers = [value for values in reading.values for value in values] if reading else []
    return "," in item or all(isinstance(value, float) and value <= most for value in numbers)


def _allowed(name: str, reading: _Reading) -> bool:
    """Whether the field allows all values of a reading."""
    bounds = TrainConfig.model_fields[name].metadata
    ends = [end for values in reading.values for end in (values[0], values[-1])]
    return all(
        compare(end, getattr(bound, limit))
        for bound in bounds
        for limit, compare in (
            ("ge", operator.ge),
            ("gt", operator.gt),
            ("le", operator.le),
            ("lt", operator.lt),
        )
        if hasattr(bound, limit)
        for end in ends
    )


def _question(name: str, item: str, readings: Sequence[_Reading]) -> str:
    """Ask which meaning is intended, and say how to write those that the field allows."""
    counts = sorted({reading.count for reading in readings})
    ways: dict[int, list[str]] = {}
    for reading in [reading for reading in readings if _allowed(name, reading)] or readings:
        ways.setdefault(reading.count, []).append(_cut(reading.written))
    if len(counts) == 1:
        texts = " or ".join(_cut(reading.written) for reading in readings)
        return f"“{_cut(item)}” is ambiguous: it could mean {texts}. Write {' or '.join(*ways.values())}"
    cures = [
        f"for {f'{count:,} values' if count > 1 else 'one number'}, write {' or '.join(ways[count])}"
        for count in sorted(ways)
    ]
    return f"“{_cut(item)}” is ambiguous: {'; '.join(cures)}"


def _suggestion(item: str, written: str) -> str:
    return f"“{_cut(item)}” is not a valid number. Did you mean {written}?"


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
