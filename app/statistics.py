"""Statistics of a comparison: spreads over seeds, tests of differences, sample sizes."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from app.schemas.comparison import Spread

SIGNIFICANCE: Final = 0.05
"""Two groups count as different if their corrected p is below this."""

_EXACT: Final = 12
"""Decimals to which differences of accuracies (fractions of some thousand images) are exact."""

POWER: Final = 0.8
"""Probability that the recommended seeds settle a pair, if the difference is as large as observed."""

MOST_SEEDS: Final = 100
"""The maximum number of seeds that is recommended."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Second sample's mean minus the first's; `ci95` and `p` are None without a spread."""

    mean: float
    ci95: tuple[float, float] | None
    p: float | None


def stdev(values: Sequence[float]) -> float:
    """The sample standard deviation (n - 1), exactly 0 for equal values.

    `statistics.stdev` computes with fractions, which takes ten times as long.
    """
    if min(values) == max(values):
        return 0.0
    mean = fmean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def spread(values: Sequence[float]) -> Spread:
    """Mean, sample standard deviation (n - 1), extremes and the 95 % interval of the mean.

    The interval is Student's, mean ± t(0.975, n - 1) · s / √n; at n = 1 the interval and `std` are None.
    """
    mean = fmean(values)
    if len(values) == 1:
        return Spread(mean=mean, std=None, min=mean, max=mean, ci95=None)
    deviation = stdev(values)
    margin = _student_quantile(len(values) - 1) * deviation / math.sqrt(len(values))
    return Spread(
        mean=mean, std=deviation, min=min(values), max=max(values), ci95=(mean - margin, mean + margin)
    )


def welch(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Welch's unequal-variances t-test of two means, two-sided.

    B. L. Welch, "The generalization of 'Student's' problem when several different population variances
    are involved", Biometrika 34 (1947), with the Welch-Satterthwaite degrees of freedom.
    """
    difference = fmean(second) - fmean(first)
    if min(len(first), len(second)) < 2:  # noqa: PLR2004  # a spread needs two values
        return Difference(difference, None, None)
    parts = [stdev(sample) ** 2 / len(sample) for sample in (first, second)]
    error = math.sqrt(sum(parts))
    if error == 0.0:
        return Difference(difference, None, None)
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(sample) - 1) for part, sample in zip(parts, (first, second), strict=True)
    )
    margin = _student_quantile(freedom) * error
    return Difference(
        difference,
        (difference - margin, difference + margin),
        2 * _student_cdf(freedom, -abs(difference) / error),
    )


def paired(first: Sequence[float], second: Sequence[float]) -> Difference:
    """The paired t-test of two samples, matched value by value, two-sided.

    "Student", "The probable error of a mean", Biometrika 6 (1908), section on the soporifics.
    """
    changes = in_pairs(first, second)
    difference = fmean(changes)
    if len(changes) < 2:  # noqa: PLR2004  # a spread needs two values
        return Difference(difference, None, None)
    error = stdev(changes) / math.sqrt(len(changes))
    if error == 0.0:
        return Difference(difference, None, None)
    freedom = len(changes) - 1
    margin = _student_quantile(freedom) * error
    return Difference(
        difference,
        (difference - margin, difference + margin),
        2 * _student_cdf(freedom, -abs(difference) / error),
    )


def in_pairs(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Second minus first value of each pair, rounded so that equal differences are equal."""
    return [round(after - before, _EXACT) for before, after in zip(first, second, strict=True)]


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm-adjusted p values: comparing each with 0.05 limits the chance of any false "different" to 5 %.

    Missing values stay missing and do not count. S. Holm, "A simple sequentially rejective multiple test
    procedure", Scandinavian Journal of Statistics 6 (1979).
    """
    tested = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(tested):
        largest = max(largest, min(1.0, p * (len(tested) - rank)))
        adjusted[index] = largest
    return adjusted


def seeds_to_settle(
    first: Sequence[float], second: Sequence[float], significance: float, *, by_pairs: bool = False
) -> int | None:
    """How many values each sample needs for a test to settle their difference, with `POWER`.

    The test is Welch's, or the paired one with `by_pairs`. It assumes the observed difference and spreads.
    Returns None without a spread or a difference, and above `MOST_SEEDS`. The smallest n with
    |d| / √((s₁² + s₂²) / n) ≥ t(1 - significance / 2) + t(power), at the Welch-Satterthwaite degrees of
    freedom, or in pairs with the variance of the differences alone and n - 1:
    S.-C. Chow et al., "Sample Size Calculations in Clinical Research", 3rd ed., section 3.2.
    """
    if min(len(first), len(second)) < 2:  # noqa: PLR2004  # a spread needs two values
        return None
    difference = abs(fmean(second) - fmean(first))
    spread_of = [in_pairs(first, second)] if by_pairs else [first, second]
    variances = [stdev(values) ** 2 for values in spread_of]
    if not difference or not sum(variances):
        return None

    def settles(n: int) -> bool:
        freedom = (n - 1) * sum(variances) ** 2 / sum(variance**2 for variance in variances)
        wanted = _student_quantile(freedom, 1 - significance / 2) + _student_quantile(freedom, POWER)
        return difference / math.sqrt(sum(variances) / n) >= wanted

    fewest = max(2, len(first), len(second))
    found = bisect_left(range(fewest, MOST_SEEDS + 1), x=True, key=settles) + fewest
    return found if found <= MOST_SEEDS else None


def _student_quantile(freedom: float, probability: float = 0.975) -> float:
    """A quantile of Student's t."""
    from scipy.special import stdtrit  # noqa: PLC0415  # 24 MB that only a comparison needs

    return float(stdtrit(freedom, probability))


def _student_cdf(freedom: float, t: float) -> float:
    from scipy.special import stdtr  # noqa: PLC0415  # 24 MB that only a comparison needs

    return float(stdtr(freedom, t))
