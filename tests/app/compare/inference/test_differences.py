"""Differences of mean test accuracies and their errors, against formulas written out here."""

import math
from statistics import variance

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from app.compare.inference.differences import Difference, Sample, Spread, differences


def runs(seed: int, n: int, images: int = 300, share: float = 0.8) -> NDArray[np.bool_]:
    """Which images n random runs classify correctly."""
    return np.random.default_rng(seed).random((n, images)) < share


def sample(correct: NDArray[np.bool_], family: object = None) -> Sample:
    return Sample([float(run.mean()) for run in correct], correct, family)


def test_errors_over_seeds_and_images_are_the_formula_of_each() -> None:
    one, other = runs(1, 3), runs(2, 5, share=0.85)
    (found,) = differences([sample(one), sample(other)]).values()
    assert found is not None
    a, b = ([float(run.mean()) for run in correct] for correct in (one, other))
    q_a, q_b = one.mean(axis=0), other.mean(axis=0)
    assert found.mean == pytest.approx(sum(b) / 5 - sum(a) / 3)
    noise = [float(np.mean(q * (1 - q))) / (n - 1) / 300 for q, n in ((q_a, 3), (q_b, 5))]
    expected = [max(variance(a) / 3, noise[0]), max(variance(b) / 5, noise[1])]
    assert [spread.variance for spread in found.seeds] == pytest.approx(expected)
    assert [spread.freedom for spread in found.seeds] == [2, 4]
    of_shares = np.mean(q_a * (1 - q_a) / 2 + q_b * (1 - q_b) / 4)
    of_images = max(0.0, float(np.var(q_b - q_a, ddof=1) - of_shares)) / 300
    assert found.images == pytest.approx(of_images, abs=1e-9)


def test_paired_runs_vary_at_least_as_much_as_single_images_do() -> None:
    """Gains that agree by chance do not make an interval narrow."""
    one, other = runs(1, 3), runs(2, 3, share=0.85)
    alike = [0.90, 0.91, 0.92]
    first, second = Sample(alike, one, "same"), Sample([value + 0.02 for value in alike], other, "same")
    (found,) = differences([first, second]).values()
    assert found is not None
    changes = other.astype(int) - one
    rest, noise = found.seeds
    assert (rest.variance, noise.freedom) == (0.0, 4)
    assert noise.variance == pytest.approx(changes.var(axis=0, ddof=1).mean() / 3 / 300)


def test_paired_runs_have_the_errors_of_their_differences() -> None:
    chance = np.random.default_rng(3)
    one = runs(4, 4)
    other = one ^ (chance.random(one.shape) < 0.1)
    other[:, :40] = True
    (found,) = differences([sample(one, "seeds"), sample(other, "seeds")]).values()
    assert found is not None
    changes = other.mean(axis=1) - one.mean(axis=1)
    each = other.astype(int) - one.astype(int)
    rest, noise = found.seeds
    assert noise.variance == pytest.approx(each.var(axis=0, ddof=1).mean() / 4 / 300)
    assert rest.variance == pytest.approx(max(0.0, float(np.var(changes, ddof=1)) / 4 - noise.variance))
    assert (rest.freedom, noise.freedom) == (3, 6)
    expected = (np.var(each.mean(axis=0), ddof=1) - np.mean(np.var(each, axis=0, ddof=1) / 4)) / 300
    assert found.images == pytest.approx(max(0.0, float(expected)), abs=1e-9)
    assert found.images


def test_an_interval_is_the_root_of_both_margins_squared() -> None:
    found = Difference(0.01, (Spread(4e-6, 2), Spread(1e-6, 4)), 9e-6)
    freedom = (5e-6) ** 2 / ((4e-6) ** 2 / 3 + (1e-6) ** 2 / 5) - 1
    t, z = stats.t.ppf(0.995, freedom), stats.norm.ppf(0.995)
    margin = math.sqrt(t**2 * 5e-6 + z**2 * 9e-6)
    assert found.interval(0.01) == pytest.approx((0.01 - margin, 0.01 + margin))


def test_without_spread_over_seeds_the_interval_is_that_of_the_images() -> None:
    (found,) = differences([sample(np.repeat(runs(seed, 1), 3, axis=0)) for seed in (5, 6)]).values()
    assert found is not None
    assert found.images is not None
    low, high = found.interval(0.05)
    assert high - low == pytest.approx(2 * stats.norm.ppf(0.975) * math.sqrt(found.images))
    assert high > low


def test_a_single_run_has_no_difference_with_an_error() -> None:
    assert differences([sample(runs(1, 1)), sample(runs(2, 3))]) == {(0, 1): None}


@pytest.mark.parametrize("images", [None, 200])
def test_without_the_same_images_nothing_is_known_of_new_ones(images: int | None) -> None:
    other = Sample([0.8, 0.81, 0.79], None if images is None else runs(9, 3, images))
    (found,) = differences([sample(runs(1, 3)), other]).values()
    assert found is not None
    assert found.images is None
    assert found.interval(0.05) == found.of_these_images.interval(0.05)


def test_images_that_all_runs_agree_on_add_no_error_over_images() -> None:
    correct = runs(7, 3)
    (found,) = differences([sample(correct), sample(correct.copy())]).values()
    assert found is not None
    assert found.images == 0.0


def test_seeds_of_equal_accuracy_that_read_different_images_leave_an_interval() -> None:
    """Three seeds that agree by chance are no proof that all would."""
    one = np.array([np.roll(np.arange(24) < 20, shift) for shift in (0, 8, 16)])
    other = np.array([np.roll(np.arange(24) < 21, shift) for shift in (0, 8, 16)])
    (found,) = differences([sample(one), sample(other)]).values()
    assert found is not None
    low, high = found.interval(0.03)
    assert low < 0 < found.mean < high
