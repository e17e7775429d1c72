"""Spreads and quantiles, judged by SciPy and by hand."""

import math
import statistics
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from app.statistics import NORMAL, chi_square_quantile, share_interval, spread, stdev, student_quantile

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
    assert found.std == pytest.approx(statistics.stdev(values))
    if found.std == 0:
        assert found.ci95 == pytest.approx((found.mean, found.mean))
        return
    expected = stats.t.interval(
        0.95, len(values) - 1, loc=fmean(values), scale=statistics.stdev(values) / math.sqrt(len(values))
    )
    assert found.ci95 == pytest.approx(expected)


def test_equal_values_have_no_spread_whatever_rounding_makes_of_their_mean() -> None:
    assert stdev([0.1] * 10) == 0.0
    assert spread([0.1] * 10).std == 0.0


@given(FRACTIONS)
def test_a_deviation_is_that_of_the_sample(values: list[float]) -> None:
    assert stdev(values) == pytest.approx(statistics.stdev(values))


@pytest.mark.parametrize("freedom", [1, 2.5, 4, 30, 1e6])
@pytest.mark.parametrize("probability", [0.5, 0.8, 0.975, 0.9995])
def test_quantiles_of_student_are_scipys(freedom: float, probability: float) -> None:
    assert student_quantile(freedom, probability) == pytest.approx(
        stats.t.ppf(probability, freedom), rel=1e-6, abs=1e-9
    )


def test_a_known_variance_has_the_quantiles_of_the_normal_distribution() -> None:
    assert student_quantile(NORMAL) == pytest.approx(1.959964, abs=1e-6)
    assert student_quantile(NORMAL, 0.8) == pytest.approx(stats.norm.ppf(0.8))
    assert student_quantile(2) == pytest.approx(4.302653, abs=1e-6)


@pytest.mark.parametrize(("freedom", "probability"), [(2, 0.1), (2, 0.9), (19, 0.1), (19, 0.5)])
def test_quantiles_of_chi_square_are_scipys(freedom: float, probability: float) -> None:
    assert chi_square_quantile(freedom, probability) == pytest.approx(stats.chi2.ppf(probability, freedom))


def test_the_interval_of_a_share_is_wilsons() -> None:
    for count, of in ((0, 10), (7, 10), (9031, 10_000), (10_000, 10_000)):
        expected = stats.binomtest(count, of).proportion_ci(method="wilson")
        assert share_interval(count, of) == pytest.approx((expected.low, expected.high), abs=1e-12)
