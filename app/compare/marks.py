"""Assigns each group a color, a dash and a marker.

The color shows the first field in which groups differ, the dash and the marker's shape show the second, and
the marker's filling shows the third.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

COLORS: Final = 10
"""Number of steps of the color scale."""

DASHES: Final = ("solid", "dash", "dot", "longdashdot", "longdash", "dashdot")
SHAPES: Final = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "cross",
    "x",
    "triangle-down",
    "star",
    "pentagon",
    "triangle-left",
    "diamond-tall",
    "hexagram",
)
FILLINGS: Final = ("", "-open", "-cross-open", "-x-open")
_CROSSED: Final = 3
"""Number of shapes that can contain a cross. plotly.js' dots inside shapes are too small to see."""

_SYMBOLS: Final = (
    *(shape + filling for filling in FILLINGS[:2] for shape in SHAPES),
    *(shape + filling for filling in FILLINGS[2:] for shape in SHAPES[:_CROSSED]),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """How a group is drawn: a step of the color scale, and plotly.js' names of a dash and a symbol."""

    shade: int
    dash: str = DASHES[0]
    symbol: str = SHAPES[0]


def marks(keys: Sequence[Mapping[str, Any]]) -> list[Mark]:
    """A mark for each group; `keys` are the groups' values by field.

    A depth has the shade of its number; other values have the shade of their rank. All marks differ for up to
    1,800 groups by one field, and for up to 180 groups with the same value of the first of several fields.
    """
    if not keys:
        return []
    columns = {name: _places([key[name] for key in keys]) for name in keys[0]}
    first, *others = [name for name in columns if len(set(columns[name])) > 1] or list(columns)
    shades = [key["depth"] for key in keys] if first == "depth" else _shades(columns[first])
    within = _within(shades, columns[first])
    rest = [places for places in (within, *(columns[name] for name in others)) if len(set(places)) > 1]
    looks = _looks(list(zip(*rest, strict=True))) if rest else [(DASHES[0], SHAPES[0])] * len(keys)
    return [Mark(shade, *look) for shade, look in zip(shades, looks, strict=True)]


def _places(values: Sequence[Any]) -> list[int]:
    """Rank values from 0 in ascending order; equal values share a rank, and None comes first."""
    ascending = sorted(set(values), key=lambda value: (value is not None, value))
    order = {value: place for place, value in enumerate(ascending)}
    return [order[value] for value in values]


def _shades(places: Sequence[int]) -> list[int]:
    """The shades of these ranks; neighbors share a shade if there are more ranks than colors."""
    count = max(places) + 1
    return [place * min(COLORS, count) // count + 1 for place in places]


def _within(shades: Sequence[int], places: Sequence[int]) -> list[int]:
    """Rank each value among those with the same shade."""
    found = dict.fromkeys(sorted(zip(shades, places, strict=True)))
    counts: dict[int, int] = {}
    for shade, place in found:
        found[shade, place] = counts.get(shade, 0)
        counts[shade] = counts.get(shade, 0) + 1
    return [found[pair] or 0 for pair in zip(shades, places, strict=True)]


def _looks(rest: Sequence[tuple[int, ...]]) -> list[tuple[str, str]]:
    """The dash and symbol for the ranks in the remaining fields.

    If shape and filling can't represent the second and third field, groups take the symbols in turn. If there
    are more groups than symbols, they take the dashes in turn too.
    """
    by_two = {
        (one, other): shape + filling
        for one, shape in enumerate(SHAPES)
        for other, filling in enumerate(FILLINGS)
        if shape + filling in _SYMBOLS
    }
    if set(rest) <= set(by_two):
        return [(DASHES[one % len(DASHES)], by_two[one, other]) for one, other in rest]
    order = {places: number for number, places in enumerate(sorted(set(rest)))}
    found = []
    for places in rest:
        round_of_all, symbol = divmod(order[places], len(_SYMBOLS))
        dash = places[0] if len(order) <= len(_SYMBOLS) else order[places] + round_of_all
        found.append((DASHES[dash % len(DASHES)], _SYMBOLS[symbol]))
    return found
