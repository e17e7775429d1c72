"""The statistics of a comparison: spreads over seeds, Welch's test, and Holm's correction."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from app.answers import Spread


@dataclass(frozen=True, slots=True)
class Difference:
    """Second sample's mean minus the first's; `ci95` and `p` are None where no spread can be judged by."""

    mean: float
    ci95: tuple[float, float] | None
    p: float | None


def spread(values: Sequence[float]) -> Spread:
    """Mean, sample standard deviation (n - 1), extremes and the 95 % interval of the mean.

    The interval is Student's, mean ± t(0.975, n - 1) · s / √n; at n = 1 neither it nor `std` exists.
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


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm-adjusted p values: comparing each with 0.05 keeps the chance of any false "different" at 5 %.

    Missing ones stay missing and do not count. S. Holm, "A simple sequentially rejective multiple test
    procedure", Scandinavian Journal of Statistics 6 (1979).
    """
    tested = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(tested):
        largest = max(largest, min(1.0, p * (len(tested) - rank)))
        adjusted[index] = largest
    return adjusted


def _student_quantile(freedom: float) -> float:
    """The 0.975 quantile of Student's t."""
    from scipy.special import stdtrit  # noqa: PLC0415  # 24 MB that only a comparison needs

    return float(stdtrit(freedom, 0.975))


def _student_cdf(freedom: float, t: float) -> float:
    from scipy.special import stdtr  # noqa: PLC0415  # 24 MB that only a comparison needs

    return float(stdtr(freedom, t))
