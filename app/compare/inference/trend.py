"""Whether a difference still changes at the end of training, so that more epochs could change the answer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from app.compare.inference.differences import Difference, Spread
from app.compare.inference.judgement import Rule
from app.schemas.compare.comparison import Interval, Trend

FEWEST: Final = 3
"""The fewest epochs that a slope and its error are fitted to."""

_LEVEL: Final = 0.05
"""Error probability of the intervals of all slopes of a comparison together."""


@dataclass(frozen=True, slots=True)
class Slope:
    """How fast a group's mean test accuracy rises per epoch at the end of training.

    `error` is the error of these runs' mean slope, from how far single epochs lie off the line. `horizon` is
    the number of epochs that the slope is carried on over. `value` is None if there are too few epochs.
    """

    value: float | None
    error: Spread
    horizon: float

    def rises(self, rule: Rule) -> bool:
        """Whether the group surely rises."""
        if self.value is None:
            return False
        return self.value > Difference(0.0, (self.error,)).half_width(_level(rule))


UNKNOWN: Final = Slope(None, Spread(0.0, math.inf), 0.0)
"""The slope of runs with too few epochs."""

ENDED: Final = Slope(0.0, Spread(0.0, math.inf), math.inf)
"""The slope of runs that more epochs would not continue: their learning rate has decayed to 0, say."""


def slope(curves: Sequence[Sequence[float]]) -> Slope | None:
    """The mean of the least-squares slopes of each run's last test accuracies; None if a run has none.

    It is carried on over as many epochs as it was fitted to.
    """
    shortest = min(map(len, curves), default=0)
    if not shortest:
        return None
    if shortest < FEWEST:
        return UNKNOWN
    values, off_line, freedom, spread = [], 0.0, 0, 0.0
    for curve in curves:
        places = [place - (len(curve) - 1) / 2 for place in range(len(curve))]
        mean, squares = fmean(curve), math.fsum(place**2 for place in places)
        value = math.fsum(place * (each - mean) for place, each in zip(places, curve, strict=True)) / squares
        off_line += math.fsum(
            (each - mean - value * place) ** 2 for place, each in zip(places, curve, strict=True)
        )
        freedom += len(curve) - 2
        spread += 1 / squares
        values.append(value)
    return Slope(fmean(values), Spread(off_line / freedom * spread / len(curves) ** 2, freedom), shortest)


def trend(interval: Interval, first: Slope | None, second: Slope | None, rule: Rule) -> Trend:
    """Whether the answer could change if both groups went on as they did over their last epochs.

    The difference of the slopes moves the interval. Curves that rise side by side may part later, so the
    answer could also change if a group by itself rises by the interval's distance from another answer. An
    undecided pair counts if its difference moves by more than half the margin, or a group rises by more than
    the margin. All of that counts if it exceeds the slopes' error; if only the error leaves the answer open,
    the trend is unclear. The errors hold jointly, by Bonferroni's correction for the pairs. With too few
    epochs for a slope, the trend is unknown.
    """
    if first is None or second is None:
        return "steady"
    if first.value is None or second.value is None:
        return "unknown"
    epochs = min(first.horizon, second.horizon)
    if math.isinf(epochs):
        return "steady"
    shift = (second.value - first.value) * epochs
    error = Difference(0.0, (first.error, second.error)).half_width(_level(rule)) * epochs
    highest = max(first.value, second.value) * epochs
    rising = [each.value for each in (first, second) if each.value and each.rises(rule)]
    rise = max(rising, default=0.0) * epochs
    changes: Trend = "improving" if rising else "changing"
    answer = rule.answer(interval)
    if answer == "undecided":
        is_moving = abs(shift) > max(error, rule.margin / 2) or rise > rule.margin
        return changes if is_moving else "steady"
    moved = [
        rule.answer((interval[0] + by, interval[1] + by)) for by in (shift, shift - error, shift + error)
    ]
    distance = rule.distance(interval)
    if rise >= distance or (abs(shift) > error and moved[0] != answer):
        return changes
    return "unclear" if highest >= distance or set(moved) != {answer} else "steady"


def _level(rule: Rule) -> float:
    return _LEVEL / max(1, rule.pairs)
