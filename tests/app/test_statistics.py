"""Spreads, Welch's test and Holm's correction, judged by SciPy and by hand."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from app.statistics import holm, paired, seeds_to_settle, spread, welch

FRACTIONS = st.lists(st.integers(0, 10_000).map(lambda hits: hits / 10_000), min_size=2, max_size=12)


def test_one_value_has_no_spread() -> None:
    found = spread([0.9])
    assert (found.mean, found.min, found.max, found.std, found.ci95) == (0.9, 0.9, 0.9, None, None)


@given(FRACTIONS)
def test_the_interval_of_a_mean_is_students(values: list[float]) -> None:
    found = spread(values)
    assert (found.min, found.max) == (min(values), max(values))
    assert found.std is not None
    assert found.ci95 is not None
    assert found.mean == pytest.approx(fmean(values))
    assert found.std == pytest.approx(stdev(values))
    if found.std == 0:
        assert found.ci95 == pytest.approx((found.mean, found.mean))
        return
    expected = stats.t.interval(
        0.95, len(values) - 1, loc=fmean(values), scale=stdev(values) / math.sqrt(len(values))
    )
    assert found.ci95 == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")  # SciPy's, of samples with equal values
@given(FRACTIONS, FRACTIONS)
def test_two_means_are_compared_as_scipy_does(first: list[float], second: list[float]) -> None:
    found = welch(first, second)
    assert found.mean == pytest.approx(fmean(second) - fmean(first), abs=1e-12)
    if stdev(first) == stdev(second) == 0:
        assert (found.p, found.ci95) == (None, None)
        return
    expected = stats.ttest_ind(second, first, equal_var=False)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-9)
    assert found.ci95 == pytest.approx(tuple(expected.confidence_interval()), abs=1e-9)


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")
@given(st.lists(st.tuples(*[st.integers(0, 10_000).map(lambda hits: hits / 10_000)] * 2), min_size=2))
def test_paired_values_are_compared_as_scipy_does(pairs: list[tuple[float, float]]) -> None:
    first, second = zip(*pairs, strict=True)
    found = paired(first, second)
    assert found.mean == pytest.approx(fmean(second) - fmean(first), abs=1e-9)
    if found.p is None:
        return
    expected = stats.ttest_rel(second, first)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-6)
    assert found.ci95 == pytest.approx(tuple(expected.confidence_interval()), abs=1e-9)


@pytest.mark.parametrize(("first", "second"), [([0.9], [0.8, 0.7]), ([0.9, 0.8], [0.7]), ([0.9], [0.9])])
def test_a_group_with_one_value_is_not_tested(first: Sequence[float], second: Sequence[float]) -> None:
    found = welch(first, second)
    assert found.mean == pytest.approx(fmean(second) - fmean(first))
    assert (found.p, found.ci95) == (None, None)


def test_samples_without_spread_are_not_tested() -> None:
    assert welch([0.9, 0.9, 0.9], [0.8, 0.8]).p is None


def test_a_pair_is_tested_if_one_group_has_spread() -> None:
    assert welch([0.9, 0.9, 0.9], [0.7, 0.8]).p is not None


@pytest.mark.parametrize(
    ("raw", "adjusted"),
    [
        ([], []),
        ([None], [None]),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # 3 x 0.01, 2 x 0.03, and never below the one before
        ([0.04, None, 0.01], [0.04, None, 0.02]),
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.02, 0.02], [0.04, 0.04]),
    ],
)
def test_holm_by_hand(raw: list[float | None], adjusted: list[float | None]) -> None:
    found = holm(raw)
    assert [p is None for p in found] == [p is None for p in adjusted]
    assert [p for p in found if p is not None] == pytest.approx([p for p in adjusted if p is not None])


def test_rounding_errors_in_equal_differences_are_not_a_spread() -> None:
    found = paired([0.91, 0.92, 0.93], [0.92, 0.93, 0.94])
    assert found.mean == pytest.approx(0.01)
    assert (found.ci95, found.p) == (None, None)


def test_pairs_settle_what_is_the_same_for_both_with_fewer_values() -> None:
    first = [0.90, 0.95, 0.93, 0.91]
    second = [0.905, 0.9558, 0.9351, 0.9146]
    assert seeds_to_settle(first, second, 0.05) is None
    assert seeds_to_settle(first, second, 0.05, by_pairs=True) == 4


@pytest.mark.parametrize("significance", [0.05, 0.005])
def test_the_seeds_that_settle_are_the_fewest_of_the_formula(significance: float) -> None:
    """Both spreads are the same: n seeds have 2 (n - 1) degrees of freedom."""
    first, second = [0.970, 0.973, 0.976], [0.972, 0.975, 0.978]
    found = seeds_to_settle(first, second, significance)
    assert found is not None
    for n, settles in ((found - 1, False), (found, True)):
        wanted = stats.t.ppf([1 - significance / 2, 0.8], 2 * (n - 1)).sum()
        assert bool(0.002 / math.sqrt(2 * 0.003**2 / n) >= wanted) is settles


@pytest.mark.parametrize(
    "samples", [([0.9, 0.91], [0.9, 0.91]), ([0.9], [0.8, 0.7]), ([0.9, 0.9], [0.8, 0.8])]
)
def test_no_number_of_seeds_is_suggested_without_difference_or_spread(
    samples: tuple[list[float], list[float]],
) -> None:
    assert seeds_to_settle(*samples, 0.05) is None
