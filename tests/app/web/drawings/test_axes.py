"""Ranges and ticks of drawings."""

import math

import pytest

from app.web.drawings import axes

UP = (348.0, 14.0)


@pytest.mark.parametrize(
    ("extent", "most", "found"),
    [
        ((0, 10), 5, [0, 2, 4, 6, 8, 10]),
        ((0, 200), 8, [0, 25, 50, 75, 100, 125, 150, 175, 200]),
        ((97.31, 98.4), 6, [97.4, 97.6, 97.8, 98, 98.2, 98.4]),
        ((0, 0.0003), 3, [0, 0.0001, 0.0002, 0.0003]),
        ((1e21, 1.1e22), 5, [2e21, 4e21, 6e21, 8e21, 1e22]),
    ],
)
def test_ticks_are_at_round_numbers(extent: axes.Extent, most: int, found: list[float]) -> None:
    assert axes.ticks(extent, most) == found


def test_an_axis_places_values_and_labels_ticks() -> None:
    axis = axes.linear("Accuracy (%)", (90, 100), UP, most=5)
    assert [axis.place(value) for value in (90, 95, 100)] == [348, 181, 14]
    assert [axis.marks[0], axis.marks[-1]] == [(348, "90"), (14, "100")]


@pytest.mark.parametrize(
    ("last", "labels"), [(0, "0 1 2"), (3, "0 1 2 3"), (10_000, "0 2,000 4,000 6,000 8,000 10,000")]
)
def test_epochs_have_whole_ticks(last: int, labels: str) -> None:
    assert " ".join(axes.epochs(last, (0, 700)).labels) == labels


def test_values_that_are_not_finite_have_no_extent() -> None:
    assert axes.extent_of([math.nan, 2, math.inf, 1]) == (1, 2)
    assert axes.extent_of([math.nan]) is None


def test_a_range_leaves_out_what_would_flatten_the_others() -> None:
    usual = [(0.1, 2.0)] * 3
    assert axes.within([*usual, (0.1, 1e22)], 3, (0, math.inf)) == pytest.approx((0, 2.114))
    assert axes.within([*usual, (0.1, 5.0)], 3, (0, math.inf)) == pytest.approx((0, 5.294))
    assert axes.within([(0.0, 9.8)] + [(97.0, 99.0)] * 3, 0.1, (0, 100), downward=True) == pytest.approx(
        (96.88, 99.12)
    )


def test_a_range_of_one_value_has_a_height() -> None:
    low, high = axes.within([(0.5, 0.5)], 0, (0, math.inf))
    assert low < 0.5 < high
    low, high = axes.within([(100, 100)], 0, (0, 100))
    assert low < 100 == high
