"""Parses lists and ranges as people type them (`1-5`, `0.01, 0.05`, `0.001-0.1 log 5`)."""

import itertools
import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from app.schemas.studies import MAX_GRID
from trainer.config import TrainConfig

_DECIMAL: Final = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?"
_INTEGER: Final = r"[0-9]{1,20}"
_WHOLE: Final = re.compile(rf"[+-]?{_INTEGER}")
_NUMBER: Final = re.compile(_DECIMAL)
_RANGES: Final = {
    kind: re.compile(
        rf"(?P<first>{number})(?:-|\.\.)(?P<last>{number})"
        rf"(?:[:/](?P<step>{_DECIMAL})|log(?P<count>[0-9]{{1,9}}))?",
        re.IGNORECASE,
    )
    for kind, number in ((int, _INTEGER), (float, _DECIMAL))
}
_BETWEEN: Final = re.compile(r"\s*(-|\.\.|:|/)\s*(?=\.?\d)|(?<=[\d.])\s*(log)\b\s*", re.IGNORECASE)
"""Signs within a range, with the spaces around them."""

_DIGITS: Final = 3
"""Significant digits of the values of a logarithmic range; more where two values would be the same."""

_MOST_DIGITS: Final = 17
"""A float has no more."""

_MOST_SHOWN: Final = 40

Value = int | float | str


class GridError(ValueError):
    """The text is not a list of values; the message says what was expected."""


def parse(name: str, text: str) -> list[Value]:
    """Parses the values of one hyperparameter.

    Items are separated by commas or spaces. Of numbers, `10-50/10` is a range with a step (also written
    `10..50/10` or `10-50:10`), and `0.001-0.1 log 5` has five values with a constant ratio. For integers,
    `1-5` is a range with step 1. This checks types; the request model checks bounds.

    Raises:
        GridError: the text is empty, an item has the wrong type, or a range counts down or is too long.
    """
    kind = TrainConfig.model_fields[name].annotation
    typed = compact(text) if kind in (int, float) else text
    items = [item for item in re.split(r"[,\s]+", typed) if item]
    if not items:
        raise GridError("a value is needed")
    return list(itertools.chain.from_iterable(_values(item, kind) for item in items))


def compact(text: str) -> str:
    """Removes the spaces within ranges, such as `1 - 5` or `0.001-0.1 log 5`."""
    return _BETWEEN.sub(lambda sign: (sign[1] or sign[2]).lower(), text.strip())


def _values(item: str, kind: object) -> Iterable[Value]:
    if kind is int:
        return _integers(item)
    if kind is float:
        return _decimals(item)
    return [item]


def _integers(item: str) -> Iterable[int]:
    if match := _RANGES[int].fullmatch(item):
        first, last = int(match["first"]), int(match["last"])
        if match["count"]:
            return dict.fromkeys(round(value) for value in _geometric(item, first, last, match["count"]))
        step = _whole_step(item, match["step"] or "1")
        if last < first or step == 0:
            raise GridError(f"{_cut(item)} is an empty range; put the lower number first, like 1-5")
        if (last - first) // step >= MAX_GRID:
            raise GridError(f"{_cut(item)} has more than {MAX_GRID:,} values")
        return range(first, last + 1, step)
    if item.lower().endswith("log"):
        raise GridError(_uncounted(item, "1-1000"))
    if not _WHOLE.fullmatch(item):
        raise GridError(
            f"{_cut(item)} is not a whole number; expected one like 3, a list 1, 2, 3 or a range 1-5"
        )
    return [int(item)]


def _whole_step(item: str, step: str) -> int:
    if not re.fullmatch(_INTEGER, step):
        raise GridError(f"the step of {_cut(item)} is not a whole number")
    return int(step)


def _decimals(item: str) -> Iterable[float]:
    if _NUMBER.fullmatch(item) and math.isfinite(number := float(item)):
        return [number]
    match = _RANGES[float].fullmatch(item)
    if match and all(math.isfinite(float(match[part] or 0)) for part in ("first", "last", "step")):
        if match["count"]:
            return _geometric(item, float(match["first"]), float(match["last"]), match["count"])
        if match["step"]:
            return _stepped(item, Decimal(match["first"]), Decimal(match["last"]), Decimal(match["step"]))
        raise GridError(f"{_cut(item)} needs a step, as in 0.1-0.5/0.1, or a count, as in 0.001-0.1 log 5")
    if item.lower().endswith("log"):
        raise GridError(_uncounted(item, "0.001-0.1"))
    raise GridError(f"{_cut(item)} is not a number; expected one like 0.05 or a list 0.01, 0.05")


def _stepped(item: str, first: Decimal, last: Decimal, step: Decimal) -> list[float]:
    """The values from `first` in steps as typed: 0.1, 0.2, 0.3, not 0.30000000000000004."""
    if last < first or step <= 0:
        raise GridError(f"{_cut(item)} is an empty range; put the lower number first, like 0.1-0.5/0.1")
    if (float(last) - float(first)) / (float(step) or math.ulp(0)) >= MAX_GRID:
        raise GridError(f"{_cut(item)} has more than {MAX_GRID:,} values")
    return [float(first + number * step) for number in range(int((last - first) / step) + 1)]


def _geometric(item: str, first: float, last: float, count: str) -> list[float]:
    """As many values with a constant ratio; between the ends they are rounded to a few digits."""
    many = int(count)
    if not 2 <= many <= MAX_GRID:  # noqa: PLR2004
        raise GridError(f"{_cut(item)} has {many:,} values; from 2 to {MAX_GRID:,} are allowed")
    if first <= 0:
        raise GridError(f"{_cut(item)} is logarithmic, so it must start above 0, as in 0.001-0.1 log 5")
    if last <= first:
        raise GridError(f"{_cut(item)} is an empty range; put the lower number first, like 0.001-0.1 log 5")
    low, high = math.log(first), math.log(last)
    exact = [math.exp(low + (high - low) * number / (many - 1)) for number in range(1, many - 1)]
    for digits in range(_DIGITS, _MOST_DIGITS + 1):
        values = [first, *(float(f"{value:.{digits}g}") for value in exact), last]
        if all(one < next_one for one, next_one in itertools.pairwise(values)):
            return values
    raise GridError(f"{_cut(item)} has fewer than {many:,} different values")


def _uncounted(item: str, example: str) -> str:
    return f"{_cut(item)} needs the number of values, as in {example} log 4"


def _cut(item: str) -> str:
    """An item as typed, in quotes and shortened."""
    return repr(item[:_MOST_SHOWN].replace("log", " log ").strip())
