"""Spreads over seeds, and quantiles."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Final

from app.schemas.comparison import Spread

SIGNIFICANCE: Final = 0.05
"""The level of tests that concern a single run or two runs."""

NORMAL: Final = math.inf
"""Degrees of freedom of a known variance."""


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
    margin = student_quantile(len(values) - 1) * deviation / math.sqrt(len(values))
    return Spread(
        mean=mean, std=deviation, min=min(values), max=max(values), ci95=(mean - margin, mean + margin)
    )


def student_quantile(freedom: float, probability: float = 0.975) -> float:
    """A quantile of Student's t; with `NORMAL` degrees of freedom, of the normal distribution."""
    from scipy.special import ndtri, stdtrit  # noqa: PLC0415  # 24 MB that only a comparison needs

    return float(ndtri(probability) if freedom == NORMAL else stdtrit(freedom, probability))


def chi_square_quantile(freedom: float, probability: float) -> float:
    """A quantile of the chi-square distribution."""
    from scipy.special import chdtri  # noqa: PLC0415  # 24 MB that only a comparison needs

    return float(chdtri(freedom, 1 - probability))
