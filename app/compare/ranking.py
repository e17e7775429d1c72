"""The probability that each sample has the highest true mean."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean
from typing import TYPE_CHECKING, Final

from app.statistics import stdev

if TYPE_CHECKING:
    import numpy as np
    from numpy.random import Generator
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

DRAWS: Final = 10_000
"""Number of draws of the means; the standard error of a probability is at most half a percent."""

_VALUES: Final = 150_000
"""Maximum number of values to draw; among very many samples no single one is likely to be the best."""

BORROWED: Final = 2.0
"""Maximum degrees of freedom that a variance borrows from those of other samples."""

IN_REACH: Final = 6.0
"""Samples whose means are more standard errors below the best than this do not inform τ."""

_STEPS: Final = 32
"""Number of values of τ that are tried."""

_REMEMBERED: Final = 64
"""Number of cached results, about one per open comparison."""

_NO_SPREAD: Final = 1e-18
"""Smaller variances come from equal values and rounding errors."""


@dataclass(frozen=True)
class _Errors:
    """The errors of the sample means.

    `own` are the variances of the means, in the order of the samples, without the errors that samples with
    common seeds share. `covariance` contains both. Errors of one `family` follow a joint Student's t
    distribution with `freedom`.
    """

    own: "Values"
    covariance: "Values"
    freedom: "Values"
    family: "NDArray[np.int64]"

    def of(self, chosen: "NDArray[np.bool_]") -> "_Errors":
        """Select the errors of these samples."""
        return _Errors(
            self.own[chosen],
            self.covariance[chosen][:, chosen],
            self.freedom[chosen],
            self.family[chosen],
        )


def probability_best(
    samples: Sequence[Sequence[float]], families: Sequence[Sequence[int]] = ()
) -> list[float] | None:
    """The probability for each sample that its true mean is the highest; None if a spread is missing or zero.

    `families` are the positions of samples whose values are paired, such as runs with the same seeds.

    The probabilities are shares of draws from the posterior of a hierarchical model: true means are normal
    around a common mean with an unknown standard deviation τ. Means that are close together are therefore
    shrunk towards each other, as far as chance can explain their differences: D. B. Rubin, "Estimation in
    Parallel Randomized Experiments", Journal of Educational Statistics 6 (1981), and A. Gelman et al.,
    "Bayesian Data Analysis", 3rd ed., section 5.4. The prior of τ is the uniform shrinkage prior: M. J.
    Daniels, "A prior for the variance in hierarchical models", Canadian Journal of Statistics 27 (1999).
    Samples far below the best do not inform τ and are drawn independently. The random seed is fixed: equal
    samples give equal results.
    """
    if not samples or min(len(sample) for sample in samples) < 2:  # noqa: PLR2004  # a spread needs two
        return None
    found = _shares_of_draws(tuple(map(tuple, samples)), tuple(map(tuple, families)))
    return None if found is None else list(found)


@lru_cache(maxsize=_REMEMBERED)
def _shares_of_draws(
    samples: tuple[tuple[float, ...], ...], families: tuple[tuple[int, ...], ...]
) -> tuple[float, ...] | None:
    """Cached, because an open page asks whenever a run changes, and few changes affect the accuracies."""
    import numpy as np  # noqa: PLC0415  # only a comparison needs it

    errors = _errors(samples, families)
    if errors is None:
        return None
    chance = np.random.default_rng(0)
    means = np.array([math.fsum(sample) / len(sample) for sample in samples])
    best = means.argmax()
    close = means[best] - means <= IN_REACH * np.sqrt(errors.own + errors.own[best])
    drawn = np.empty((len(samples), min(DRAWS, _VALUES // len(samples))))
    for chosen in (close, ~close):
        alone = chosen is not close or close.sum() == 1
        draw = _drawn_alone if alone else _drawn_together
        drawn[chosen] = draw(means[chosen], errors.of(chosen), drawn.shape[1], chance)
    highest = drawn == drawn.max(axis=0)
    return tuple(float(share) for share in (highest / highest.sum(axis=0)).mean(axis=1))


def _drawn_alone(means: "Values", errors: _Errors, draws: int, chance: "Generator") -> "Values":
    """Draw (samples, draws) true means, each from its own sample."""
    import numpy as np  # noqa: PLC0415

    noise = _tails(errors, draws, chance) * chance.standard_normal((len(means), draws))
    drawn: Values = means[:, None] + np.sqrt(errors.own)[:, None] * noise
    return drawn


def _drawn_together(means: "Values", errors: _Errors, draws: int, chance: "Generator") -> "Values":
    """Draw (samples, draws) true means that are normal around a common mean.

    For each τ, with A = Σ + τ² I and weights W = A⁻¹: the common mean is μ̂ = Σ W y / Σ W ± 1 / √Σ W. The
    true means are y - Σ W (y - μ) with covariance Σ - Σ W Σ, here with the tails of Student's t. The
    probability of each τ follows from the sample means with the common mean integrated out.
    """
    import numpy as np  # noqa: PLC0415

    sigma = errors.covariance
    shrinkage = (np.arange(_STEPS) + 0.5) / _STEPS
    taus = np.sqrt(errors.own.mean() * (1 - shrinkage) / shrinkage)
    weights = np.linalg.inv(sigma + taus[:, None, None] ** 2 * np.eye(len(means)))
    total = weights.sum(axis=(1, 2))
    common = (weights @ means).sum(axis=1) / total
    away = means - common[:, None]
    pulled = np.einsum("ij,tjk->tik", sigma, weights)
    counts = chance.multinomial(draws, _likely(weights, total, away, errors.freedom))
    roots = np.linalg.cholesky(sigma - pulled @ sigma + 1e-9 * np.diag(errors.own))
    tails = _tails(errors, draws, chance)
    drawn = np.empty((len(means), draws))
    start = 0
    for step in np.flatnonzero(counts):
        part = slice(start, start := start + int(counts[step]))
        shift = chance.standard_normal(counts[step]) / math.sqrt(total[step])
        noise = roots[step] @ chance.standard_normal((len(means), counts[step]))
        middle = means - pulled[step] @ away[step]
        drawn[:, part] = middle[:, None] + pulled[step].sum(axis=1)[:, None] * shift + tails[:, part] * noise
    return drawn


def _likely(weights: "Values", total: "Values", away: "Values", freedom: "Values") -> "Values":
    """The probability of each τ given the sample means, whose errors have the tails of Student's t."""
    import numpy as np  # noqa: PLC0415

    misfit = np.maximum(away * np.einsum("tij,tj->ti", weights, away), 0)
    penalty = ((freedom + 1) / 2 * np.log1p(misfit / freedom)).sum(axis=1)
    logs = 0.5 * np.linalg.slogdet(weights)[1] - 0.5 * np.log(total) - penalty
    likely = np.exp(logs - logs.max())
    shares: Values = likely / likely.sum()
    return shares


def _tails(errors: _Errors, draws: int, chance: "Generator") -> "Values":
    """Factors (samples, draws) that turn normal errors into Student's t errors, one per family and draw."""
    import numpy as np  # noqa: PLC0415

    families, first = np.unique(errors.family, return_index=True)
    freedom = errors.freedom[first][:, None]
    factors: Values = np.sqrt(freedom / chance.chisquare(freedom, (len(families), draws)))
    spread_out: Values = factors[np.searchsorted(families, errors.family)]
    return spread_out


def _errors(samples: Sequence[Sequence[float]], families: Sequence[Sequence[int]]) -> _Errors | None:
    """The errors of the means; None if they can't be estimated because some values have no spread.

    Values with common seeds are split into the effect of the seed, which the samples share, and the rest, as
    in a randomized block design: W. G. Cochran and G. M. Cox, "Experimental Designs", 2nd ed. (1957), section
    4.2.
    """
    import numpy as np  # noqa: PLC0415

    count = len(samples)
    in_family = {place for places in families for place in places}
    blocks = [list(places) for places in families] + [[k] for k in range(count) if k not in in_family]
    parts = [_parts([samples[place] for place in places]) for places in blocks]
    if any(part.variance < _NO_SPREAD for part in parts):
        return None
    own, freedom, family = (np.zeros(count) for _ in range(3))
    covariance = np.zeros((count, count))
    moderate = moderated([(part.variance, part.freedom) for part in parts])
    for number, (places, part, (variance, degrees)) in enumerate(zip(blocks, parts, moderate, strict=True)):
        n = len(samples[places[0]])
        own[places] = variance / n
        freedom[places] = degrees
        family[places] = number
        covariance[np.ix_(places, places)] = part.of_seeds / n
    covariance += np.diag(own)
    return _Errors(own, covariance, freedom, family.astype(np.int64))


@dataclass(frozen=True)
class _Parts:
    """Variance within seeds with its degrees of freedom, and variance between seeds."""

    variance: float
    freedom: int
    of_seeds: float


def _parts(samples: Sequence[Sequence[float]]) -> _Parts:
    if len(samples) == 1:
        return _Parts(stdev(samples[0]) ** 2, len(samples[0]) - 1, 0.0)
    seeds = [fmean(values) for values in zip(*samples, strict=True)]
    overall = fmean(seeds)
    rest = [
        value - seed - fmean(sample) + overall
        for sample in samples
        for value, seed in zip(sample, seeds, strict=True)
    ]
    freedom = (len(samples) - 1) * (len(seeds) - 1)
    variance = math.fsum(value**2 for value in rest) / freedom
    return _Parts(variance, freedom, max(0.0, stdev(seeds) ** 2 - variance / len(samples)))


def moderated(own: Sequence[tuple[float, int]]) -> list[tuple[float, float]]:
    """Moderate variances and their degrees of freedom by what the variances have in common.

    s̃² = (d₀ s₀² + d s²) / (d₀ + d) with d₀ + d degrees of freedom, d = n - 1. The more similar the
    variances, the larger d₀; it is 0 if they have nothing in common. G. K. Smyth, "Linear Models and
    Empirical Bayes Methods for Assessing Differential Expression", Statistical Applications in Genetics and
    Molecular Biology 3 (2004), section 6.2. d₀ is at most `BORROWED`, because few samples can't support more.
    """
    from scipy.special import polygamma, psi  # noqa: PLC0415  # 24 MB that only a comparison needs

    if len(own) < 2:  # noqa: PLR2004  # one has nothing in common with others
        return [(variance, float(d)) for variance, d in own]
    logs = [math.log(variance) - float(psi(d / 2)) + math.log(d / 2) for variance, d in own]
    excess = stdev(logs) ** 2 - fmean(float(polygamma(1, d / 2)) for _, d in own)
    prior = BORROWED if excess <= 0 else min(BORROWED, 2 * trigamma_inverse(excess))
    shared = math.exp(fmean(logs) + float(psi(prior / 2)) - math.log(prior / 2))
    return [((prior * shared + d * variance) / (prior + d), prior + d) for variance, d in own]


def trigamma_inverse(y: float) -> float:
    """Solve trigamma(x) = y for x by Newton's method on 1 / trigamma (Smyth, appendix)."""
    from scipy.special import polygamma  # noqa: PLC0415

    x = 0.5 + 1 / y
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / y) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-8 * x:
            break
    return x
