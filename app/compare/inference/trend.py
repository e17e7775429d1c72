"""Whether a difference still changes at the end of training, so that more epochs could change the answer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from app.compare.inference.differences import Difference, Spread
from app.compare.inference.judgement import Rule
from app.schemas.comparison import Interval
from app.statistics import stdev

FEWEST: Final = 3
"""The fewest epochs that a slope is fitted to."""


@dataclass(frozen=True, slots=True)
class Slopes:
    """How fast each run's test accuracy rises per epoch over its last quarter of epochs.

    `horizon` is the number of epochs of that quarter: the slope is carried on as far.
    """

    values: Sequence[float]
    horizon: float


def slopes(curves: Sequence[Sequence[float]]) -> Slopes | None:
    """Least-squares slopes of the test accuracies of each run's last quarter of epochs.

    None if a run has no epochs. With fewer epochs than `FEWEST`, accuracy is taken to rise by an unknown
    amount.
    """
    if not curves or not min(map(len, curves)):
        return None
    if min(map(len, curves)) < FEWEST:
        return Slopes([], 0.0)
    return Slopes([_slope(curve) for curve in curves], min(map(len, curves)))


def _slope(curve: Sequence[float]) -> float:
    middle, mean = (len(curve) - 1) / 2, fmean(curve)
    above = math.fsum((place - middle) * (value - mean) for place, value in enumerate(curve))
    return above / math.fsum((place - middle) ** 2 for place in range(len(curve)))


def could_change(interval: Interval, first: Slopes | None, second: Slopes | None, rule: Rule) -> bool:
    """Whether the answer could change if both groups trained for another quarter of their epochs.

    The difference of the slopes is carried on over that time, with its 95 % interval over seeds, and moves
    the interval. Curves that rise side by side may part later, so the answer could also change if a group
    alone rises by more than the interval's distance from another answer. An undecided pair counts if its
    difference surely moves by more than half the margin, or if a group rises by more than the margin.
    """
    if first is None or second is None:
        return False
    if not first.values or not second.values:
        return True
    epochs = min(first.horizon, second.horizon)
    rises = [fmean(slopes.values) * epochs for slopes in (first, second)]
    shift, rise = rises[1] - rises[0], max(0.0, *rises)
    error = _error(first.values, second.values) * epochs
    low, high = interval
    answer = rule.answer(interval)
    if answer == "undecided":
        return abs(shift) > max(error, rule.margin / 2) or rise > rule.margin
    farthest = (low + shift - error, high + shift - error), (low + shift + error, high + shift + error)
    return rise >= rule.distance(interval) or any(rule.answer(moved) != answer for moved in farthest)


def _error(first: Sequence[float], second: Sequence[float]) -> float:
    """Half of Welch's 95 % interval of the difference of two mean slopes."""
    spreads = (Spread(stdev(values) ** 2 / len(values), len(values) - 1) for values in (first, second))
    return Difference(0.0, tuple(spreads)).margin(0.05)
