"""Sample sizes: enough for the promised power, and no smaller total does."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from app.compare.inference.differences import Difference, Spread
from app.compare.inference.judgement import Rule
from app.compare.inference.power import (
    MOST,
    Unit,
    Wanted,
    detectable,
    needed_range,
    seeds_needed,
    within_reach,
)

RULE = Rule(0.01, 3, margin=0.0025)


def units(*parts: tuple[int, float]) -> list[Unit]:
    """Groups with n seeds and a standard deviation in percentage points."""
    return [Unit((str(place),), n, (points / 100) ** 2) for place, (n, points) in enumerate(parts)]


def suffices(given: list[Unit], wanted: list[Wanted], counts: tuple[int, ...]) -> bool:
    found = dict(enumerate(counts))
    return all(detectable(pair.difference(given, found), RULE) <= RULE.margin for pair in wanted)


def test_what_is_detectable_is_found_with_80_percent_power() -> None:
    difference = Difference(0.0, (Spread(4e-7, 9), Spread(4e-7, 9)), 1e-7)
    size = detectable(difference, RULE)
    chance = np.random.default_rng(0)
    estimates = [4e-7 * chance.chisquare(9, 20_000) / 9 for _ in range(2)]
    observed = chance.normal(size, math.sqrt(9e-7), 20_000)
    freedom = (estimates[0] + estimates[1]) ** 2 / ((estimates[0] ** 2 + estimates[1] ** 2) / 10) - 1
    t, z = stats.t.ppf(1 - RULE.of_pair / 2, freedom), stats.norm.ppf(1 - RULE.of_pair / 2)
    found = observed > np.sqrt(t**2 * (estimates[0] + estimates[1]) + z**2 * 1e-7)
    assert found.mean() == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(
    "given",
    [
        units((3, 0.1), (3, 0.1)),
        units((20, 0.1), (3, 0.1)),
        units((3, 0.02), (3, 0.2)),
        units((5, 0.05), (3, 0.15)),
    ],
)
def test_two_groups_get_the_least_total_that_suffices(given: list[Unit]) -> None:
    wanted = [Wanted((0, 1), 1e-8)]
    found = seeds_needed(given, wanted, RULE)
    assert found is not None
    assert suffices(given, wanted, tuple(found))
    starts = [unit.n for unit in given]
    smaller = (
        counts
        for counts in itertools.product(*(range(start, 70) for start in starts))
        if sum(counts) < sum(found)
    )
    assert not any(suffices(given, wanted, counts) for counts in smaller)


def test_three_groups_get_at_most_a_few_percent_more_than_the_least_total() -> None:
    given = units((3, 0.05), (3, 0.1), (4, 0.15))
    wanted = [Wanted(pair, 1e-8) for pair in ((0, 1), (0, 2), (1, 2))]
    found = seeds_needed(given, wanted, RULE)
    assert found is not None
    assert suffices(given, wanted, tuple(found))
    ranges = (range(max(unit.n, count - 8), count + 9) for unit, count in zip(given, found, strict=True))
    least = min(sum(counts) for counts in itertools.product(*ranges) if suffices(given, wanted, counts))
    assert sum(found) <= 1.05 * least


def test_groups_that_need_none_get_none() -> None:
    assert seeds_needed(units((30, 0.02), (30, 0.02), (3, 1.0)), [Wanted((0, 1), 0.0)], RULE) == [30, 30, 3]


def test_paired_runs_need_the_spread_of_their_differences() -> None:
    unit = Unit(("a", "b"), 3, (0.2 / 100) ** 2)
    found = seeds_needed([unit], [Wanted((0, 0), 1e-8, (0.05 / 100) ** 2)], RULE)
    assert found is not None
    assert found[0] < 15


def test_too_much_is_not_asked_for() -> None:
    assert seeds_needed(units((3, 3.0), (3, 3.0)), [Wanted((0, 1), 0.0)], RULE) is None
    assert seeds_needed(units((3, 0.01), (3, 0.01)), [Wanted((0, 1), 1e-6)], RULE) is None


def test_a_range_contains_the_number_and_widens_with_fewer_seeds() -> None:
    few, many = units((3, 0.1), (3, 0.1)), units((10, 0.1), (10, 0.1))
    wanted = [Wanted((0, 1), 1e-8)]
    found = seeds_needed(few, wanted, RULE)
    assert found is not None
    low, high = needed_range(few, wanted, RULE)
    assert high is not None
    assert low <= sum(found) - 6 <= high <= 2 * MOST
    least, most = needed_range(many, wanted, RULE)
    assert most is not None
    assert most - least < high - low


def test_images_alone_can_be_too_few_for_the_margin() -> None:
    assert within_reach(1e-7, RULE)
    assert not within_reach(1e-6, RULE)
    assert within_reach(0.0, RULE)


@pytest.mark.parametrize("share", [0.9, 0.999, 1.001, 1.1])
def test_a_margin_is_within_reach_if_it_is_detectable_without_spread_over_seeds(share: float) -> None:
    z = float(stats.norm.ppf(1 - RULE.of_pair / 2) + stats.norm.ppf(0.8))
    images = share * (RULE.margin / z) ** 2
    assert within_reach(images, RULE) == (share < 1)
    assert (detectable(Difference(0.0, (), images), RULE) < RULE.margin) == (share < 1)
