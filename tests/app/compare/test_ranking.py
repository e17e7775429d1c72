"""How likely each sample truly has the highest mean."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from app.compare.ranking import BORROWED, moderated, probability_best, trigamma_inverse


def test_a_sample_with_a_large_spread_does_not_blur_the_ranking() -> None:
    samples = [[0.882, 0.883, 0.884], [0.893, 0.894, 0.894], [0.886, 0.888, 0.887], [0.33, 0.39, 0.46]]
    found = probability_best(samples)
    assert found is not None
    assert found[1] > 0.98


def test_equal_samples_get_equal_probabilities_reproducibly() -> None:
    found = probability_best([[0.9, 0.91, 0.92]] * 2)
    assert found == pytest.approx([0.5, 0.5], abs=0.01)
    assert probability_best([[0.9, 0.91, 0.92]] * 2) == found


@pytest.mark.parametrize("samples", [[[0.9, 0.9], [0.8, 0.8]], [[0.9, 0.9, 0.9], [0.8, 0.81, 0.79]]])
def test_there_is_no_probability_of_being_best_if_a_sample_has_no_spread(samples: list[list[float]]) -> None:
    assert probability_best(samples) is None


def test_there_is_no_probability_of_being_best_if_a_sample_has_one_value() -> None:
    assert probability_best([[0.9, 0.91], [0.8]]) is None
    assert probability_best([]) is None


def test_paired_samples_are_ranked_by_their_differences() -> None:
    first, second = [0.90, 0.95, 0.93, 0.94], [0.912, 0.961, 0.94, 0.952]
    found = probability_best([first, second], [[0, 1]])
    alone = probability_best([first, second])
    assert found is not None
    assert alone is not None
    assert found[1] == pytest.approx(1 - stats.ttest_rel(first, second).pvalue / 2, abs=0.01)
    assert alone[1] < 0.8


def test_pairs_of_equal_differences_say_nothing() -> None:
    assert probability_best([[0.91, 0.92, 0.93], [0.92, 0.93, 0.94]], [[0, 1]]) is None


def test_paired_and_unpaired_samples_are_ranked_together() -> None:
    one, twin = [0.970, 0.974, 0.978], [0.972, 0.976, 0.981]
    found = probability_best([one, twin, [0.973, 0.979, 0.971]], [[0, 1]])
    assert found is not None
    assert sum(found) == pytest.approx(1)
    assert found[0] < found[2] < found[1]


def test_close_means_are_shrunk_towards_each_other() -> None:
    """The middle of three alike is likely the best by more than its lone sample would have it."""
    close = probability_best([[0.979, 0.980, 0.981], [0.980, 0.981, 0.982]])
    beside = probability_best([[0.979, 0.980, 0.981], [0.980, 0.981, 0.982], [0.921, 0.922, 0.923]])
    assert close is not None
    assert beside is not None
    assert 0.5 < close[1] < 1 - stats.ttest_ind([0.979, 0.980, 0.981], [0.980, 0.981, 0.982]).pvalue / 2
    assert beside[2] < 0.001


def test_very_many_samples_are_ranked() -> None:
    found = probability_best([[0.9 + place / 1e4, 0.901 + place / 1e4] for place in range(100)])
    assert found is not None
    assert sum(found) == pytest.approx(1)


@given(st.floats(1e-3, 1e3))
def test_the_inverse_of_trigamma_is_one(y: float) -> None:
    assert special.polygamma(1, trigamma_inverse(y)) == pytest.approx(y, rel=1e-6)


def test_variances_are_shrunk_towards_a_common_one_by_degrees_of_freedom() -> None:
    shared = math.exp(math.log(2) - special.psi(2) + special.psi(BORROWED / 2) - math.log(BORROWED / 2))
    expected = (BORROWED * shared + 4 * 1.0) / (BORROWED + 4)
    assert moderated([(1.0, 4)] * 3) == [pytest.approx((expected, BORROWED + 4))] * 3
    assert moderated([(1.0, 4)]) == [(1.0, 4.0)]
