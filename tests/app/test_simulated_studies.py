"""The statistics on simulated studies whose truth is known: what they claim is how often they are right."""

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from app.answers import Pair
from app.statistics import probability_best, seeds_to_settle, spread, welch
from app.verdict import Sample, compare_pairs

STUDIES = 2_000
DEPTHS = 5
SPREAD = 0.0012
"""The standard deviation over seeds that real studies show, as a fraction of the test images."""

Accuracies = NDArray[np.float64]


def studies(
    chance: np.random.Generator, means: Accuracies, n: int, spreads: Sequence[float] = (SPREAD,) * DEPTHS
) -> Accuracies:
    """Test accuracies (studies, depths, n) around these true means, in whole images out of 10,000."""
    return np.round(chance.normal(means[..., None], np.array(spreads)[:, None], (STUDIES, DEPTHS, n)), 4)


def pairs_of(study: Accuracies) -> list[Pair]:
    """What the verdict on a study says of every two depths."""
    samples = [list(map(float, sample)) for sample in study]
    return compare_pairs([Sample(f"{depth}", sample, sample, depth) for depth, sample in enumerate(samples)])


@pytest.mark.parametrize("n", [3, 5, 10])
def test_95_percent_intervals_cover_the_truth_in_93_to_98_percent(n: int) -> None:
    chance = np.random.default_rng(n)
    means = np.array([0.9220, 0.9730, 0.9780, 0.9785, 0.9780])
    of_means, of_differences = [], []
    for study in studies(chance, means, n):
        samples = [list(map(float, sample)) for sample in study]
        for sample, mean in zip(samples, means, strict=True):
            low, high = spread(sample).ci95 or (math.nan, math.nan)
            of_means.append(low <= mean <= high)
        difference = welch(samples[1], samples[2])
        low, high = difference.ci95 or (math.nan, math.nan)
        of_differences.append(low <= means[2] - means[1] <= high)
    assert 0.93 <= fmean(of_means) <= 0.98
    assert 0.93 <= fmean(of_differences) <= 0.98


@pytest.mark.parametrize("n", [3, 5, 10])
def test_where_depths_do_not_differ_at_most_5_percent_of_studies_say_that_two_do(n: int) -> None:
    chance = np.random.default_rng(n)
    wrong = [
        any(pair.different for pair in pairs_of(study))
        for study in studies(chance, np.full(DEPTHS, 0.978), n)
    ]
    assert fmean(wrong) <= 0.05


@pytest.mark.parametrize("spreads", [(SPREAD,) * DEPTHS, (0.0003, 0.0008, 0.0012, 0.0016, 0.0024)])
@pytest.mark.parametrize("n", [3, 5, 10])
def test_what_is_called_best_with_some_probability_is_the_best_so_often(
    n: int, spreads: Sequence[float]
) -> None:
    """Over studies whose depths truly differ by about as much as seeds do, or more."""
    chance = np.random.default_rng(n)
    means = chance.uniform(0.970, 0.985, (STUDIES, DEPTHS))
    claimed, right = [], []
    drawn = studies(chance, means, n, spreads)[: STUDIES // 2]
    for study, best in zip(drawn, means.argmax(axis=1), strict=False):
        probabilities = probability_best([list(map(float, sample)) for sample in study])
        assert probabilities is not None
        assert sum(probabilities) == pytest.approx(1)
        claimed += probabilities
        right += [depth == best for depth in range(DEPTHS)]
    bands = np.digitize(claimed, [0.1, 0.3, 0.5, 0.7, 0.9])
    for band in range(6):
        among = [index for index, found in enumerate(bands) if found == band]
        assert len(among) > 50
        claim, truth = fmean(claimed[index] for index in among), fmean(right[index] for index in among)
        noise = 2 * math.sqrt(claim * (1 - claim) / len(among))
        assert abs(truth - claim) <= 0.04 + noise, (claim, truth)


@pytest.mark.parametrize("difference", [0.0015, 0.003])
def test_the_seeds_that_are_said_to_settle_a_pair_do_so_about_as_often_as_promised(difference: float) -> None:
    """The promise is for a difference and spreads that are known exactly; here they are."""
    shape = np.array([-1.0, 0.0, 1.0])
    first = list(map(float, 0.975 + SPREAD * shape))
    second = list(map(float, 0.975 + difference + SPREAD * shape))
    n = seeds_to_settle(first, second, 0.05)
    assert n is not None
    chance = np.random.default_rng(0)
    settled = [
        float(stats.ttest_ind(one, two, equal_var=False).pvalue) < 0.05
        for one, two in zip(
            chance.normal(0.975, SPREAD, (STUDIES, n)),
            chance.normal(0.975 + difference, SPREAD, (STUDIES, n)),
            strict=True,
        )
    ]
    assert 0.77 <= fmean(settled) <= 0.92
