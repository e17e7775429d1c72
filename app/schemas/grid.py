"""Parses lists and ranges as people type them (`1-5`, `0.01, 0.05`)."""

import itertools
import math
import re
from collections.abc import Iterable
from typing import Final

from app.schemas.requests import MAX_GRID
from trainer.config import TrainConfig

_RANGE: Final = re.compile(r"([0-9]{1,20})(?:-|\.\.)([0-9]{1,20})(?::([0-9]{1,20}))?")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,20}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

Value = int | float | str


class GridError(ValueError):
    """The text is not a list of values; the message says what was expected."""


def parse(name: str, text: str) -> list[Value]:
    """Parses the values of one hyperparameter.

    Items are separated by commas or spaces. For integers, `1-5` is a range and `0-100:20` a range with a
    step. This checks types; the request model checks bounds.

    Raises:
        GridError: the text is empty, an item has the wrong type, or a range counts down or is too long.
    """
    items = [
        item for item in re.split(r"[,\s]+", re.sub(r"\s*(-|\.\.|:)\s*(?=\d)", r"\1", text.strip())) if item
    ]
    if not items:
        raise GridError("a value is needed")
    kind = TrainConfig.model_fields[name].annotation
    return list(itertools.chain.from_iterable(_values(item, kind) for item in items))


def _values(item: str, kind: object) -> Iterable[Value]:
    if kind is int:
        return _integers(item)
    if kind is float:
        return [_number(item)]
    return [item]


def _integers(item: str) -> Iterable[int]:
    if match := _RANGE.fullmatch(item):
        first, last, step = int(match[1]), int(match[2]), int(match[3] or 1)
        if last < first or step == 0:
            raise GridError(f"{item!r} is an empty range; put the lower number first, like 1-5")
        if (last - first) // step >= MAX_GRID:
            raise GridError(f"{item!r} has more than {MAX_GRID:,} values")
        return range(first, last + 1, step)
    if not _WHOLE.fullmatch(item):
        raise GridError(
            f"{item[:40]!r} is not a whole number; expected one like 3, a list 1, 2, 3 or a range 1-5"
        )
    return [int(item)]


def _number(item: str) -> float:
    if _NUMBER.fullmatch(item) and math.isfinite(number := float(item)):
        return number
    raise GridError(f"{item[:40]!r} is not a number; expected one like 0.05 or a list 0.01, 0.05")
