"""How many runs would resolve differences as large as the margin."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.compare.inference.differences import Difference, Spread
from app.compare.inference.judgement import Rule
from app.statistics import NORMAL, chi_square_quantile, student_quantile

POWER: Final = 0.8
"""Probability that the runs resolve a difference exactly as large as the margin."""

MOST: Final = 100
"""The maximum number of seeds of a group."""

_RANGE: Final = 0.8
"""Probability that the range of needed runs contains the number that the true spreads need."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Groups that get new seeds together: a single group, or several whose runs pair seed by seed.

    `n` is the number of seeds so far, and `variance` that of a group's accuracies over seeds.
    """

    groups: tuple[str, ...]
    n: int
    variance: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """A pair to resolve: the places of both groups' units, and the variance due to images.

    For runs that pair, both places are equal, and `paired` is the variance of their differences over seeds.
    `target` is the difference to detect; by default it is the margin.
    """

    units: tuple[int, int]
    images: float
    paired: float | None = None
    target: float | None = None

    def difference(self, units: Sequence[Unit], counts: Mapping[int, int]) -> Difference:
        """The errors of the difference with these numbers of seeds."""
        if self.paired is not None:
            n = counts[self.units[0]]
            return Difference(0.0, (Spread(self.paired / n, n - 1),), self.images)
        spreads = tuple(
            Spread(units[place].variance / counts[place], counts[place] - 1) for place in self.units
        )
        return Difference(0.0, spreads, self.images)


def detectable(difference: Difference, rule: Rule) -> float:
    """The true difference whose interval excludes 0 with probability `POWER`."""
    error = math.sqrt(difference.variance)
    return difference.half_width(rule.of_pair) + student_quantile(difference.freedom, POWER) * error


def within_reach(images: float, rule: Rule) -> bool:
    """Whether enough seeds could detect a difference as large as the margin despite the error over images."""
    return _left(images, rule.margin, rule) > 0


def _left(images: float, target: float, rule: Rule) -> float:
    """The variance over seeds that detecting a difference leaves beside the variance over images."""
    z = student_quantile(NORMAL, 1 - rule.of_pair / 2) + student_quantile(NORMAL, POWER)
    return (target / z) ** 2 - images


def seeds_needed(units: Sequence[Unit], wanted: Sequence[Wanted], rule: Rule) -> list[int] | None:
    """The seeds that each unit needs in all so that each wanted pair's `detectable` is at most its target.

    One seed at a time goes to the unit that helps the worst pair most per run. None if a unit would need more
    than `MOST`.
    """
    counts = {
        place: max(unit.n, 2) if _is_wanted(place, wanted) else unit.n for place, unit in enumerate(units)
    }
    for pair in wanted:
        for place in set(pair.units):
            fewest = _fewest(units[place].variance if pair.paired is None else pair.paired, pair, rule)
            if fewest is None:
                return None
            counts[place] = max(counts[place], fewest)

    def reach(pair: Wanted, more: int | None = None) -> float:
        """The detectable difference as a multiple of the target."""
        after = counts if more is None else counts | {more: counts[more] + 1}
        return detectable(pair.difference(units, after), rule) / (pair.target or rule.margin)

    reached = [reach(pair) for pair in wanted]
    while reached and max(reached) > 1:
        worst = wanted[reached.index(max(reached))]
        chosen = min(
            sorted(set(worst.units)),
            key=lambda place: (reach(worst, place) - max(reached)) / len(units[place].groups),
        )
        counts[chosen] += 1
        if counts[chosen] > MOST:
            return None
        reached = [
            reach(pair) if chosen in pair.units else old for pair, old in zip(wanted, reached, strict=True)
        ]
    return [counts[place] for place in range(len(units))]


def needed_range(units: Sequence[Unit], wanted: Sequence[Wanted], rule: Rule) -> tuple[int, int | None]:
    """The range of the number of runs to add, because spreads over few seeds are estimates.

    Each bound takes all variances at the corresponding end of their 80 % interval. The upper one is None if a
    group would need more than `MOST` seeds.
    """
    low, high = (
        seeds_needed(
            [replace(unit, variance=unit.variance * _factor(unit.n, share)) for unit in units],
            [
                replace(pair, paired=pair.paired * _factor(units[pair.units[0]].n, share))
                if pair.paired
                else pair
                for pair in wanted
            ],
            rule,
        )
        for share in ((1 + _RANGE) / 2, (1 - _RANGE) / 2)
    )
    return max(1, _added(units, low or [])), _added(units, high) if high else None


def _is_wanted(place: int, wanted: Sequence[Wanted]) -> bool:
    return any(place in pair.units for pair in wanted)


def _factor(n: int, share: float) -> float:
    """The true variance as a multiple of the estimate, at this share of the chi-square distribution."""
    return (n - 1) / chi_square_quantile(n - 1, share) if n > 1 else 1.0


def _added(units: Sequence[Unit], counts: Sequence[int]) -> int:
    """The number of runs that these numbers of seeds add."""
    return sum(max(0, count - unit.n) * len(unit.groups) for unit, count in zip(units, counts, strict=False))


def _fewest(variance: float, pair: Wanted, rule: Rule) -> int | None:
    """A lower bound of the seeds: with fewer, one group's part of the pair's error is too large."""
    left = _left(pair.images, pair.target or rule.margin, rule)
    if left <= 0:
        return None
    fewest = math.ceil(variance / left)
    return max(2, fewest) if fewest <= MOST else None
