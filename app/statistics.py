"""The statistics of a comparison: spreads over seeds, tests of differences, what more seeds would tell."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from app.answers import Spread

DRAWS: Final = 10_000
"""How often the means are drawn anew to see which is the highest: its error is at most half a percent."""

BORROWED: Final = 4.0
"""Degrees of freedom that the spreads of other samples count for at most."""

POWER: Final = 0.8
"""How likely a number of seeds is to settle a pair, if the difference is as large as it looks."""

MOST_SEEDS: Final = 100
"""More seeds than this are not recommended to anybody."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Second sample's mean minus the first's; `ci95` and `p` are None where no spread can be judged by."""

    mean: float
    ci95: tuple[float, float] | None
    p: float | None


def stdev(values: Sequence[float]) -> float:
    """The sample standard deviation (n - 1), exactly 0 for equal values.

    `statistics.stdev` reckons in fractions, which takes ten times as long.
    """
    if min(values) == max(values):
        return 0.0
    mean = fmean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


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


def paired(first: Sequence[float], second: Sequence[float]) -> Difference:
    """The paired t-test of two samples whose values belong together one by one, two-sided.

    "Student", "The probable error of a mean", Biometrika 6 (1908), section on the soporifics.
    """
    changes = [after - before for before, after in zip(first, second, strict=True)]
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


def probability_best(samples: Sequence[Sequence[float]]) -> list[float] | None:
    """For each sample how likely its true mean is the highest; None where one has a single value.

    A parametric bootstrap: each mean is drawn anew from Student's t around it, with the sample's spread
    moderated by those of the others: of three values alone a spread is known too badly, and claims would be
    right more often than they say. The draws have a fixed seed: equal samples get equal answers.
    """
    if not samples or min(len(sample) for sample in samples) < 2:  # noqa: PLR2004  # a spread needs two
        return None
    import numpy as np  # noqa: PLC0415  # only a comparison needs it

    chance = np.random.default_rng(0)
    means = np.empty((len(samples), DRAWS))
    for drawn, sample, (variance, freedom) in zip(means, samples, _moderated(samples), strict=True):
        drawn[:] = fmean(sample) + math.sqrt(variance / len(sample)) * chance.standard_t(freedom, DRAWS)
    highest = means == means.max(axis=0)  # several at once, where there is no spread
    return [float(share) for share in (highest / highest.sum(axis=0)).mean(axis=1)]


def _moderated(samples: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """Each sample's variance and its degrees of freedom, moderated by what the variances have in common.

    s̃² = (d₀ s₀² + d s²) / (d₀ + d) with d₀ + d degrees of freedom, d = n - 1. The more alike the variances
    are, the larger is d₀; it is 0 where they have nothing in common. G. K. Smyth, "Linear Models and
    Empirical Bayes Methods for Assessing Differential Expression", Statistical Applications in Genetics and
    Molecular Biology 3 (2004), section 6.2; d₀ is at most `BORROWED`, for few samples can't tell more.
    """
    from scipy.special import polygamma, psi  # noqa: PLC0415  # 24 MB that only a comparison needs

    own = [(stdev(sample) ** 2, len(sample) - 1) for sample in samples]
    spread_out = [(variance, d) for variance, d in own if variance]
    if len(spread_out) < 2:  # noqa: PLR2004  # one has nothing in common with others
        return [(variance, float(d)) for variance, d in own]
    logs = [math.log(variance) - float(psi(d / 2)) + math.log(d / 2) for variance, d in spread_out]
    excess = stdev(logs) ** 2 - fmean(float(polygamma(1, d / 2)) for _, d in spread_out)
    prior = BORROWED if excess <= 0 else min(BORROWED, 2 * _trigamma_inverse(excess))
    shared = math.exp(fmean(logs) + float(psi(prior / 2)) - math.log(prior / 2))
    return [((prior * shared + d * variance) / (prior + d), prior + d) for variance, d in own]


def _trigamma_inverse(y: float) -> float:
    """The x at which the trigamma function is y, by Newton's method on 1 / trigamma (Smyth, appendix)."""
    from scipy.special import polygamma  # noqa: PLC0415

    x = 0.5 + 1 / y
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / y) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-8 * x:  # as exact as anybody needs
            break
    return x


def seeds_to_settle(
    first: Sequence[float], second: Sequence[float], significance: float, *, in_pairs: bool = False
) -> int | None:
    """How many values each sample should have for a test to settle their difference, with `POWER`.

    The test is Welch's, or the paired one of values that belong together one by one. It supposes that
    difference and spreads are what they look like now; None without a spread or a difference, and beyond
    `MOST_SEEDS`. The smallest n with |d| / √((s₁² + s₂²) / n) ≥ t(1 - significance / 2) + t(power), at the
    Welch-Satterthwaite degrees of freedom, or in pairs with the variance of the differences alone and n - 1:
    S.-C. Chow et al., "Sample Size Calculations in Clinical Research", 3rd ed., section 3.2.
    """
    if min(len(first), len(second)) < 2:  # noqa: PLR2004  # a spread needs two values
        return None
    difference = abs(fmean(second) - fmean(first))
    spread_of = [[b - a for a, b in zip(first, second, strict=True)]] if in_pairs else [first, second]
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
