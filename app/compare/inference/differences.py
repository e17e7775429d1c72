"""Differences of mean test accuracies, with errors over seeds and over test images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING, Final

from app.statistics import NORMAL, stdev, student_quantile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Correct = NDArray[np.bool_]
    Shares = NDArray[np.float32]

_SHIFT: Final = 1
"""The constant in the formula for degrees of freedom; simulated studies decide (docs/decisions.md)."""

_NOISE_FREEDOM: Final = 2
"""Factor for the degrees of freedom of the noise of paired runs, which many images estimate."""

_EXACT: Final = 12
"""Decimals to which differences of accuracies (fractions of some thousand images) are exact."""


@dataclass(frozen=True, eq=False)
class Sample:
    """The runs of a group: their test accuracies, and which test images each classifies correctly.

    `correct` is `bool` (runs, images), None if predictions are missing. Samples of one `family` have the
    same architecture and the same seeds, in the same order: their runs pair one by one.
    """

    accuracies: Sequence[float]
    correct: "Correct | None" = None
    family: object = None

    @cached_property
    def variance(self) -> float:
        """The sample variance of the accuracies (n - 1); 0 for one run."""
        return stdev(self.accuracies) ** 2 if len(self.accuracies) > 1 else 0.0

    @cached_property
    def noise(self) -> float:
        """The variance of the mean accuracy that seeds cause by classifying single images differently.

        The variance over seeds can't be smaller; over a few seeds its estimate can. 0 without predictions.
        """
        if self.correct is None or len(self.correct) < 2:  # noqa: PLR2004  # a variance needs two
            return 0.0
        runs, images = len(self.correct), len(self.correct[0])
        shares = self.correct.mean(axis=0)
        noise = float((shares * (1 - shares)).mean())
        return noise / ((runs - 1) * images)

    @property
    def spread(self) -> "Spread":
        """The variance of the mean accuracy over seeds."""
        n = len(self.accuracies)
        return Spread(max(self.variance / n, self.noise), n - 1)

    def pairs_with(self, other: "Sample") -> bool:
        """Whether the runs of both pair one by one."""
        return self.family is not None and self.family == other.family


@dataclass(frozen=True, slots=True)
class Spread:
    """A variance of a difference due to seeds, with its degrees of freedom."""

    variance: float
    freedom: float


@dataclass(frozen=True, slots=True)
class Difference:
    """The second sample's mean test accuracy minus the first's.

    `seeds` are the variances due to seeds: one per sample, or for paired runs the noise and the rest.
    `images` is the variance due to the test images, None without predictions.
    """

    mean: float
    seeds: tuple[Spread, ...]
    images: float | None = None

    @property
    def variance(self) -> float:
        """The variance for new seeds, and for new test images of the same kind if `images` is known."""
        return sum(spread.variance for spread in self.seeds) + (self.images or 0.0)

    @property
    def freedom(self) -> float:
        """The degrees of freedom of the seeds' variance: B. L. Welch, Biometrika 34 (1947).

        Between Welch's two formulas: without `_SHIFT` intervals of few seeds are too wide, with 2 too narrow.
        """
        total = sum(spread.variance for spread in self.seeds)
        parts = sum(spread.variance**2 / (spread.freedom + _SHIFT) for spread in self.seeds)
        return total**2 / parts - _SHIFT if parts else math.inf

    def half_width(self, level: float) -> float:
        """Half the width of the two-sided interval that misses the true difference with probability `level`.

        The square root of (t · error over seeds)² + (z · error over images)²: W. G. Howe, "Approximate
        Confidence Limits on the Mean of X + Y Where X and Y Are Two Tabled Independent Random Variables",
        Journal of the American Statistical Association 69 (1974). Student's t has the `freedom` of the
        seeds alone, because thousands of images say nothing about the spread over three seeds.
        """
        over_seeds = sum(spread.variance for spread in self.seeds)
        t, z = student_quantile(self.freedom, 1 - level / 2), student_quantile(NORMAL, 1 - level / 2)
        return math.sqrt(t**2 * over_seeds + z**2 * (self.images or 0.0))

    def interval(self, level: float) -> tuple[float, float]:
        """The two-sided interval that misses the true difference with probability `level`."""
        half = self.half_width(level)
        return self.mean - half, self.mean + half

    @property
    def of_these_images(self) -> "Difference":
        """The same difference on these test images alone, with the errors over seeds."""
        return Difference(self.mean, self.seeds)


def differences(samples: Sequence[Sample]) -> dict[tuple[int, int], Difference | None]:
    """The differences of all pairs, by the places of both samples; None where a sample has a single run.

    A pair has an error over images if both samples have predictions for the same number of test images.
    """
    images = _image_variances(samples)
    return {
        (first, second): _difference(samples[first], samples[second], images.get((first, second)))
        for first, second in combinations(range(len(samples)), 2)
    }


def _difference(first: Sample, second: Sample, images: float | None) -> Difference | None:
    if min(len(first.accuracies), len(second.accuracies)) == 1:
        return None
    mean = round(fmean(second.accuracies) - fmean(first.accuracies), _EXACT)
    if not first.pairs_with(second):
        return Difference(mean, (first.spread, second.spread), images)
    changes = [
        round(after - before, _EXACT)
        for before, after in zip(first.accuracies, second.accuracies, strict=True)
    ]
    n = len(changes)
    noise = _noise(first.correct, second.correct)
    rest = max(0.0, stdev(changes) ** 2 / n - noise)
    return Difference(mean, (Spread(rest, n - 1), Spread(noise, _NOISE_FREEDOM * (n - 1))), images)


def _noise(first: "Correct | None", second: "Correct | None") -> float:
    """`Sample.noise` of the differences of paired runs: they can't vary less than single images do."""
    if first is None or second is None or first.shape != second.shape:
        return 0.0
    changes = second.astype("int8") - first
    return float(changes.var(axis=0, ddof=1).mean()) / changes.size


def _image_variances(samples: Sequence[Sample]) -> dict[tuple[int, int], float]:
    """The variance of each pair's difference due to the choice of test images.

    q(i) is the share of a sample's n runs that classify image i correctly. The variance of q_B(i) - q_A(i)
    over the images contains the sampling error of the shares, on average q(1 - q) / (n - 1) each (less the
    covariance of paired runs): it is subtracted, and the rest is divided by the number of images. Runs and
    images are crossed random effects: J. Cornfield and J. W. Tukey, "Average Values of Mean Squares in
    Factorials", Annals of Mathematical Statistics 27 (1956).
    """
    import numpy as np  # noqa: PLC0415  # only a comparison needs it

    by_count: dict[int, list[tuple[int, Correct]]] = {}
    for place, sample in enumerate(samples):
        if sample.correct is not None and len(sample.correct) > 1:
            by_count.setdefault(sample.correct.shape[1], []).append((place, sample.correct))
    found: dict[tuple[int, int], float] = {}
    for images, known in by_count.items():
        shares = np.stack([correct.mean(axis=0, dtype=np.float32) for _, correct in known])
        centered = shares - shares.mean(axis=1, keepdims=True, dtype=np.float64)
        covariance = centered @ centered.T / (images - 1)
        for (i, (first, one)), (j, (second, other)) in combinations(enumerate(known), 2):
            noise = (samples[first].noise + samples[second].noise) * images
            total = covariance[i, i] + covariance[j, j] - 2 * covariance[i, j] - noise
            if samples[first].pairs_with(samples[second]):
                total += 2 * _common(one, other, shares[i], shares[j])
            found[first, second] = max(0.0, float(total)) / images
    return found


def _common(first: "Correct", second: "Correct", one: "Shares", other: "Shares") -> float:
    """The mean sampling covariance of the shares of paired runs."""
    both = float((first & second).mean(dtype="float64"))
    return (both - float((one * other).mean(dtype="float64"))) / (len(first) - 1)
