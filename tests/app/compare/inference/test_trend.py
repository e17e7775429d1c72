"""Whether more epochs could change an answer."""

import pytest

from app.compare.inference.judgement import Rule
from app.compare.inference.trend import Slopes, could_change, slopes

RULE = Rule(0.03, 1, margin=0.0025)
BETTER = (0.004, 0.006)


def rising(*per_epoch: float, epochs: int = 10) -> Slopes:
    found = slopes([[0.9 + each * epoch for epoch in range(epochs)] for each in per_epoch])
    assert found is not None
    return found


def test_a_slope_is_fitted_to_each_run() -> None:
    found = rising(0.001, -0.002, epochs=5)
    assert found.values == pytest.approx([0.001, -0.002])
    assert found.horizon == 5


def test_two_groups_that_rise_alike_and_little_keep_their_answer() -> None:
    assert not could_change(BETTER, rising(0.0003, 0.0003), rising(0.0003, 0.0003), RULE)


def test_curves_that_rise_steeply_side_by_side_may_part() -> None:
    assert could_change(BETTER, rising(0.01, 0.01), rising(0.01, 0.01), RULE)
    assert could_change((-0.01, 0.01), rising(0.001, 0.001), rising(0.001, 0.001), RULE)


def test_a_lead_that_shrinks_fast_enough_to_vanish_could_change() -> None:
    assert could_change(BETTER, rising(0.001, 0.001), rising(0.0, 0.0), RULE)
    assert not could_change(BETTER, rising(0.0002, 0.0002), rising(0.0, 0.0), RULE)


def test_slopes_that_differ_between_seeds_leave_the_answer_open() -> None:
    assert could_change(BETTER, rising(0.0, 0.0), rising(-0.001, 0.001), RULE)


def test_an_undecided_pair_counts_only_if_its_difference_surely_moves() -> None:
    undecided = (-0.01, 0.01)
    assert could_change(undecided, rising(0.001, 0.001), rising(0.0, 0.0), RULE)
    assert not could_change(undecided, rising(0.0001, 0.0001), rising(0.0, 0.0), RULE)
    assert not could_change(undecided, rising(-0.002, 0.002), rising(0.0, 0.0), RULE)


def test_equivalent_groups_that_part_could_change() -> None:
    assert could_change((-0.001, 0.001), rising(0.0, 0.0), rising(0.0003, 0.0003), RULE)


def test_after_one_or_two_epochs_everything_could_change() -> None:
    assert could_change(BETTER, rising(0.0, 0.0, epochs=2), rising(0.0, 0.0), RULE)


def test_a_trend_that_is_not_known_changes_nothing() -> None:
    assert slopes([]) is None
    assert slopes([[0.9, 0.91, 0.92], []]) is None
    assert not could_change(BETTER, None, rising(0.0, 0.0), RULE)
