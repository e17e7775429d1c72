"""Marks of groups: no two look alike, and each part of a mark means one thing."""

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Any

import pytest

from app.compare.marks import COLORS, Mark, marks

RATES = (0.05, 0.1, 0.2)


def grid(**values: Sequence[Any]) -> list[dict[str, Any]]:
    """The keys of all groups of a grid, in order."""
    return [dict(zip(values, key, strict=True)) for key in product(*values.values())]


def by(keys: Sequence[dict[str, Any]], name: str, part: str) -> list[set[Any]]:
    """The parts of marks that each value of this name has."""
    found: dict[Any, set[Any]] = {}
    for key, mark in zip(keys, marks(keys), strict=True):
        found.setdefault(key[name], set()).add(getattr(mark, part))
    return list(found.values())


@pytest.mark.parametrize(
    "keys",
    [
        grid(depth=range(1, 6), lr=RATES),
        grid(depth=range(1, 4), lr=RATES, batch_size=(64, 256, 1024)),
        grid(depth=range(1, 11), lr=range(12), width=(1, 2, 3)),
        grid(depth=(1, 2), lr=range(12), width=range(7), seed=(0, 1)),
        grid(lr=range(27)),
        grid(lr=range(1800)),
        grid(lr=range(25), optimizer=("adam", "sgd"), patience=(None, 3)),
    ],
    ids=lambda keys: f"{len(keys)} by {', '.join(keys[0])}",
)
def test_marks_of_groups_are_unique(keys: Sequence[dict[str, Any]]) -> None:
    assert len(set(marks(keys))) == len(keys)


def test_points_are_distinguishable_without_lines() -> None:
    for keys in (grid(depth=range(1, 6), lr=RATES), grid(depth=(1, 2, 3), lr=RATES, width=(8, 9, 10))):
        assert len({(mark.shade, mark.symbol) for mark in marks(keys)}) == len(keys)


def test_the_first_key_has_the_colour_and_the_second_dash_and_marker() -> None:
    keys = grid(depth=range(1, 6), lr=RATES)
    assert by(keys, "depth", "shade") == [{1}, {2}, {3}, {4}, {5}]
    assert by(keys, "lr", "dash") == [{"solid"}, {"dash"}, {"dot"}]
    assert by(keys, "lr", "symbol") == [{"circle"}, {"square"}, {"diamond"}]


def test_the_third_key_has_the_filling_of_markers() -> None:
    keys = grid(depth=range(1, 4), lr=RATES, batch_size=(64, 256, 1024))
    assert by(keys, "lr", "dash") == [{"solid"}, {"dash"}, {"dot"}]
    shapes = [{symbol.partition("-")[0] for symbol in each} for each in by(keys, "lr", "symbol")]
    fillings = [{symbol.partition("-")[2] for symbol in each} for each in by(keys, "batch_size", "symbol")]
    assert shapes == [{"circle"}, {"square"}, {"diamond"}]
    assert fillings == [{""}, {"open"}, {"cross-open"}]


def test_values_that_all_groups_share_do_not_affect_marks() -> None:
    assert marks(grid(depth=(3,), lr=RATES)) == [Mark(1), Mark(2), Mark(3)]
    assert marks(grid(depth=(3, 5), lr=(0.1,))) == [Mark(3), Mark(5)]
    assert marks(grid(depth=(3,), lr=(0.1,))) == [Mark(3)]
    assert marks([]) == []


def test_surplus_values_share_colors_with_their_neighbors() -> None:
    found = marks(grid(lr=range(15)))
    assert [mark.shade for mark in found] == sorted(mark.shade for mark in found)
    assert {mark.shade for mark in found} == set(range(1, COLORS + 1))
    assert all((one.shade, one.dash) != (two.shade, two.dash) for one, two in pairwise(found))
