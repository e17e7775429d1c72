"""Whether more epochs could change an answer."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from app.compare.inference.judgement import Rule
from app.compare.inference.trend import ENDED, UNKNOWN, Slope, slope, trend
from app.schemas.compare.comparison import Interval

RULE = Rule(0.03, 1, margin=0.0025)
BETTER = (0.004, 0.006)
EQUIVALENT = (-0.001, 0.001)
UNDECIDED = (-0.01, 0.01)


def of(curves: Sequence[Sequence[float]]) -> Slope:
    found = slope(curves)
    assert found is not None
    return found


def rising(per_epoch: float, noise: float = 0.0, epochs: int = 10) -> Slope:
    """Two runs that rise so fast; single epochs lie off the line by the noise, in turn above and below."""
    off = [noise * (1, -1, -1, 1)[epoch % 4] for epoch in range(epochs)]
    return of([[0.9 + per_epoch * epoch + by for epoch, by in enumerate(off)]] * 2)


def flat(chance: np.random.Generator, n: int, epochs: int) -> Slope:
    """Runs whose test accuracy only scatters, by 0.1 percentage points an epoch."""
    return of((0.97 + chance.normal(0, 0.001, (n, epochs))).tolist())


FLAT = rising(0.0)


def test_a_slope_is_the_mean_over_runs_of_least_squares() -> None:
    found = of([[0.9, 0.92, 0.91, 0.95], [0.8, 0.8, 0.8, 0.8]])
    lines = [np.polyfit(range(4), curve, 1) for curve in ([0.9, 0.92, 0.91, 0.95], [0.8] * 4)]
    assert found.value == pytest.approx((lines[0][0] + lines[1][0]) / 2)
    assert found.horizon == 4


def test_the_error_of_a_slope_is_that_of_ordinary_least_squares() -> None:
    curve = [0.9, 0.92, 0.91, 0.95, 0.93]
    found = of([curve])
    places = np.arange(5) - 2
    residuals = np.array(curve) - np.polyval(np.polyfit(places, curve, 1), places)
    assert found.error.freedom == 3
    assert found.error.variance == pytest.approx((residuals**2).sum() / 3 / (places**2).sum())
    assert of([curve] * 3).error.variance == pytest.approx(found.error.variance / 3)


def test_two_groups_that_rise_alike_and_little_keep_their_answer() -> None:
    assert trend(BETTER, rising(0.0003), rising(0.0003), RULE) == "steady"


def test_curves_that_rise_steeply_side_by_side_may_part() -> None:
    assert trend(BETTER, rising(0.01), rising(0.01), RULE) == "improving"
    assert trend(UNDECIDED, rising(0.001), rising(0.001), RULE) == "improving"


def test_a_lead_that_shrinks_fast_enough_to_vanish_could_change() -> None:
    assert trend(BETTER, rising(0.001), FLAT, RULE) == "improving"
    assert trend(BETTER, rising(0.0002), FLAT, RULE) == "steady"


def test_a_difference_that_changes_because_a_group_falls_is_not_called_improving() -> None:
    assert trend(BETTER, FLAT, rising(-0.001), RULE) == "changing"
    assert trend(UNDECIDED, FLAT, rising(-0.001), RULE) == "changing"


def test_noisy_epochs_leave_open_whether_a_narrow_answer_would_change() -> None:
    assert trend(EQUIVALENT, rising(0.0, 0.002), rising(0.0, 0.002), RULE) == "unclear"
    assert trend((0.1, 0.2), rising(0.0, 0.002), rising(0.0, 0.002), RULE) == "steady"
    assert trend(EQUIVALENT, rising(0.0002, 0.002), rising(0.0, 0.002), RULE) == "unclear"
    assert trend(UNDECIDED, rising(0.0, 0.002), rising(0.0, 0.002), RULE) == "steady"


def test_an_undecided_pair_counts_only_if_it_moves_by_much() -> None:
    assert trend(UNDECIDED, rising(0.001), FLAT, RULE) == "improving"
    assert trend(UNDECIDED, rising(0.0001), FLAT, RULE) == "steady"


def test_equivalent_groups_that_part_could_change() -> None:
    assert trend(EQUIVALENT, FLAT, rising(0.0003), RULE) == "improving"


def test_single_runs_count_by_their_difference() -> None:
    alone = of([[0.9, 0.91, 0.92, 0.93]])
    assert trend((0.01, 0.01), alone, of([[0.95] * 4]), RULE) == "improving"
    assert trend((0.09, 0.09), alone, of([[0.95] * 4]), RULE) == "steady"


@pytest.mark.parametrize("epochs", [1, 2])
def test_after_one_or_two_epochs_the_trend_is_unknown(epochs: int) -> None:
    assert slope([[0.9] * epochs] * 2) == UNKNOWN
    assert trend(BETTER, UNKNOWN, FLAT, RULE) == "unknown"


def test_a_group_whose_learning_rate_has_ended_stays_while_the_other_goes_on() -> None:
    assert trend(BETTER, ENDED, ENDED, RULE) == "steady"
    assert trend(BETTER, ENDED, rising(0.001), RULE) == "improving"
    assert trend(BETTER, ENDED, FLAT, RULE) == "steady"


def test_runs_without_epochs_have_no_trend() -> None:
    assert slope([]) is None
    assert slope([[0.9, 0.91, 0.92], []]) is None
    assert trend(BETTER, None, FLAT, RULE) == "steady"


@pytest.mark.parametrize("epochs", [4, 5, 50])
@pytest.mark.parametrize("n", [1, 3, 5])
@pytest.mark.parametrize("interval", [EQUIVALENT, (-0.002, 0.002), (0.001, 0.003), UNDECIDED])
def test_flat_curves_are_rarely_called_improving(interval: Interval, n: int, epochs: int) -> None:
    chance = np.random.default_rng([n, epochs])
    found = [trend(interval, flat(chance, n, epochs), flat(chance, n, epochs), RULE) for _ in range(200)]
    share = sum(each in {"improving", "changing"} for each in found) / len(found)
    assert share <= 0.1 + 2 * math.sqrt(0.1 * 0.9 / len(found))
