"""The statistics on simulated studies whose truth is known: what they claim is how often they are right."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from app.compare import ranking
from app.compare.evidence import evidence
from app.compare.pairs import compare_pairs
from app.compare.ranking import probability_best
from app.schemas.comparison import Pair
from app.statistics import seeds_to_settle, spread, welch
from tests.app.compare.judged import of_depth

pytestmark = pytest.mark.slow

STUDIES = 800
JUDGED = 250
"""Studies of each kind whose best depth is guessed."""

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
    return compare_pairs([of_depth(depth, list(map(float, test))) for depth, test in enumerate(study, 1)])


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
def test_at_most_5_percent_of_studies_of_equal_depths_find_a_difference(n: int) -> None:
    chance = np.random.default_rng(n)
    wrong = [
        any(pair.different for pair in pairs_of(study))
        for study in studies(chance, np.full(DEPTHS, 0.978), n)
    ]
    assert fmean(wrong) <= 0.05


def wide(chance: np.random.Generator, count: int) -> Accuracies:
    """Depths that truly differ by several times the spread over seeds."""
    return chance.uniform(0.970, 0.985, (count, DEPTHS))


def near(chance: np.random.Generator, count: int) -> Accuracies:
    """Near ties: all five within two and a half times the spread over seeds."""
    return chance.uniform(0.977, 0.980, (count, DEPTHS))


def saturating(chance: np.random.Generator, count: int) -> Accuracies:
    """As on MNIST: the first layers buy much; how far the others lie apart is drawn, from 0.02 to 0.5 pp."""
    curve = np.array([0.9220, 0.9735, 0.9785, 0.9790, 0.9785])
    apart = np.exp(chance.uniform(math.log(0.0002), math.log(0.005), (count, 1)))
    return curve + apart * chance.standard_normal((count, DEPTHS))


def equal(_chance: np.random.Generator, count: int) -> Accuracies:
    """All depths with the same spread over seeds."""
    return np.full((count, DEPTHS), SPREAD)


def unequal(chance: np.random.Generator, count: int) -> Accuracies:
    """A spread of each depth's own: two of three within a factor of 1.8, the extremes within one of six."""
    found: Accuracies = SPREAD * np.exp(chance.normal(0, 0.6, (count, DEPTHS)))
    return found


@dataclass
class Claims:
    """How likely each depth was said to be the best, and whether it was."""

    claimed: list[float]
    right: list[bool]

    def __add__(self, other: "Claims") -> "Claims":
        return Claims(self.claimed + other.claimed, self.right + other.right)

    def check(self, tolerance: float) -> None:
        """In each band with enough cases the best was found as often as claimed."""
        bands = np.digitize(self.claimed, [0.1, 0.3, 0.5, 0.7, 0.9])
        for band in range(6):
            among = np.flatnonzero(bands == band)
            if len(among) > 50:
                claim = fmean(self.claimed[index] for index in among)
                truth = fmean(self.right[index] for index in among)
                noise = 2 * math.sqrt(claim * (1 - claim) / len(among))
                assert abs(truth - claim) <= tolerance + noise, (claim, truth)


Draw = Callable[[np.random.Generator, int], Accuracies]


def claims(spacing: Draw, spreads: Draw, n: int) -> Claims:
    """What is claimed of simulated studies with n seeds."""
    chance = np.random.default_rng(n)
    means, deviations = spacing(chance, JUDGED), spreads(chance, JUDGED)
    drawn = np.round(chance.normal(means[..., None], deviations[..., None], (JUDGED, DEPTHS, n)), 4)
    found = Claims([], [])
    for study, truth in zip(drawn, means, strict=True):
        likely = probability_best([list(map(float, sample)) for sample in study])
        if likely is None:  # a depth without any spread
            continue
        assert sum(likely) == pytest.approx(1)
        found += Claims(likely, (truth == truth.max()).tolist())
    return found


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for studies by the hundred."""
    monkeypatch.setattr(ranking, "DRAWS", 1_000)


@pytest.mark.parametrize("spreads", [equal, unequal])
@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_the_probability_of_being_best_is_calibrated(n: int, spreads: Draw) -> None:
    """Over studies like real ones: with depths far apart, near ties, and all in between.

    No prior is right for every truth. Where all studies are of one kind, claims are a little too modest for
    depths far apart and a little too bold for near ties whose spreads differ as well.
    """
    kinds = {spacing: claims(spacing, spreads, n) for spacing in (wide, near, saturating)}
    (kinds[wide] + kinds[near] + kinds[saturating]).check(0.05)
    for spacing, found in kinds.items():
        found.check(0.1 if spacing is near and spreads is unequal else 0.05)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_at_most_5_percent_of_studies_of_equal_depths_find_overfitting(n: int) -> None:
    """Whatever train accuracy does: here it rises for sure."""
    chance = np.random.default_rng(n)
    train = np.array([0.95, 0.97, 0.98, 0.99, 0.999])[:, None] + chance.normal(0, 1e-4, (DEPTHS, n))
    said = []
    for study in studies(chance, np.full(DEPTHS, 0.978), n)[: STUDIES // 4]:
        groups = [
            of_depth(depth, list(map(float, test)), list(map(float, fit)))
            for depth, (test, fit) in enumerate(zip(study, train, strict=True), 1)
        ]
        said.append(any("overfitting" in each for each in evidence(groups, compare_pairs(groups))))
    assert fmean(said) <= 0.05


@pytest.mark.parametrize("difference", [0.0015, 0.003])
def test_the_suggested_seeds_settle_a_pair_as_often_as_stated(difference: float) -> None:
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
