"""Variances that borrow from each other."""

import math

import pytest
from scipy.special import polygamma

from app.compare.inference.moderation import BORROWED, moderated, trigamma_inverse


def test_similar_variances_borrow_the_most_and_move_together() -> None:
    found = moderated([(1.0, 2), (1.5, 2), (0.8, 2), (1.2, 2)])
    assert [freedom for _, freedom in found] == [2 + BORROWED] * 4
    variances = [variance for variance, _ in found]
    assert sorted(variances) == [variances[place] for place in (2, 0, 3, 1)]
    assert max(variances) - min(variances) == pytest.approx(0.7 * 2 / (2 + BORROWED))


def test_very_different_variances_with_many_degrees_of_freedom_stay_as_they_are() -> None:
    given = [(1.0, 500), (100.0, 500), (10_000.0, 500)]
    for (variance, d), (after, freedom) in zip(given, moderated(given), strict=True):
        assert after == pytest.approx(variance, rel=0.01)
        assert d <= freedom <= d + BORROWED


def test_two_groups_and_single_seeds_are_not_moderated() -> None:
    assert moderated([(1.0, 2), (2.0, 2)]) == [(1.0, 2.0), (2.0, 2.0)]
    assert moderated([(1.0, 2), (2.0, 2), (0.0, 0)]) == [(1.0, 2.0), (2.0, 2.0), (0.0, 0.0)]
    assert moderated([]) == []


def test_no_spread_over_three_seeds_is_not_taken_for_none() -> None:
    found = moderated([(1.0, 2), (1.5, 2), (0.8, 2), (0.0, 2)])
    assert 0 < found[3][0] < 0.8
    assert moderated([(0.0, 2)] * 4) == [(0.0, 2.0)] * 4


def test_it_is_the_formula_of_its_source() -> None:
    given = [(1.0, 4), (30.0, 4), (0.02, 4)]
    logs = [math.log(variance) - -0.5772156649015329 - 1 + math.log(2) for variance, _ in given]  # psi(2)
    middle = sum(logs) / 3
    excess = sum((each - middle) ** 2 for each in logs) / 2 - float(polygamma(1, 2))
    prior = min(BORROWED, 2 * trigamma_inverse(excess))
    assert [freedom for _, freedom in moderated(given)] == pytest.approx([4 + prior] * 3)


@pytest.mark.parametrize("y", [0.01, 0.5, 1.0, 7.0, 300.0])
def test_the_inverse_of_trigamma_is_one(y: float) -> None:
    assert float(polygamma(1, trigamma_inverse(y))) == pytest.approx(y, rel=1e-6)
