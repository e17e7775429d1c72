"""Spreads over seeds, and quantiles."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Final

from app.schemas.compare.comparison import Spread

SIGNIFICANCE: Final = 0.05
"""The level of tests that concern a single run or two runs."""

NORMAL: Final = math.inf
"""Degrees of freedom of a known variance."""

_NORMAL_975: Final = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


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


def share_interval(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a binomial share: `count` successes in `of` trials.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927).
    """
    share, z2 = count / of, _NORMAL_975**2 / of
    center = (share + z2 / 2) / (1 + z2)
    margin = math.sqrt(z2 * (share * (1 - share) + z2 / 4)) / (1 + z2)
    return max(0.0, center - margin), min(1.0, center + margin)


def student_quantile(freedom: float, probability: float = 0.975) -> float:
    """A quantile of Student's t; with `NORMAL` degrees of freedom, of the normal distribution."""
    from scipy.special import ndtri, stdtrit  # noqa: PLC0415  # 24 MB that only a comparison needs

    return float(ndtri(probability) if freedom == NORMAL else stdtrit(freedom, probability))


def chi_square_quantile(freedom: float, probability: float) -> float:
    """A quantile of the chi-square distribution."""
    from scipy.special import chdtri  # noqa: PLC0415  # 24 MB that only a comparison needs

    return float(chdtri(freedom, 1 - probability))
