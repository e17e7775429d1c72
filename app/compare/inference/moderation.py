"""Moderates the variances of groups by what they have in common."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Final

from app.statistics import stdev

BORROWED: Final = 0.75
"""The most degrees of freedom that a variance borrows from the others. With more, simulated studies of groups
whose spreads differ by a factor of nine claim too much."""

FEWEST: Final = 3
"""The fewest groups that are moderated: two say nothing about what variances have in common."""


def moderated(variances: Sequence[tuple[float, int]]) -> list[tuple[float, float]]:
    """Moderated variances and their degrees of freedom, from variances with d degrees of freedom each.

    s̃² = (d₀ s₀² + d s²) / (d₀ + d) with d₀ + d degrees of freedom. The more similar the variances, the larger
    d₀, up to `BORROWED`; it is 0 if they have nothing in common. G. K. Smyth, "Linear Models and Empirical
    Bayes Methods for Assessing Differential Expression", Statistical Applications in Genetics and Molecular
    Biology 3 (2004), section 6.2. A variance of 0 borrows, but says nothing about the others.
    """
    known = [(variance, d) for variance, d in variances if d > 0 and variance > 0]
    if len(known) < FEWEST:
        return [(variance, float(d)) for variance, d in variances]
    prior, shared = _prior(known)
    return [
        ((prior * shared + d * variance) / (prior + d), prior + d) if d > 0 else (variance, float(d))
        for variance, d in variances
    ]


def _prior(variances: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """The degrees of freedom d₀, at most `BORROWED`, and the variance s₀² that they have in common."""
    from scipy.special import polygamma, psi  # noqa: PLC0415  # 24 MB that only a comparison needs

    logs = [math.log(variance) - float(psi(d / 2)) + math.log(d / 2) for variance, d in variances]
    excess = stdev(logs) ** 2 - fmean(float(polygamma(1, d / 2)) for _, d in variances)
    if excess <= 0:
        return BORROWED, math.exp(fmean(logs))
    prior = 2 * trigamma_inverse(excess)
    return min(BORROWED, prior), math.exp(fmean(logs) + float(psi(prior / 2)) - math.log(prior / 2))


def trigamma_inverse(y: float) -> float:
    """Solve trigamma(x) = y for x by Newton's method on 1 / trigamma (Smyth, appendix)."""
    from scipy.special import polygamma  # noqa: PLC0415  # 24 MB that only a comparison needs

    x = 0.5 + 1 / y
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / y) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-8 * x:
            break
    return x
