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
"""How often the means are drawn anew to see which is the highest: its error is at most half a percent."""

_VALUES: Final = 150_000
"""How many values are drawn at most: of very many samples no single one is likely."""

BORROWED: Final = 2.0
"""Degrees of freedom that the spreads of other samples count for at most."""

IN_REACH: Final = 6.0
"""Standard errors below the best up to which a sample tells how close to each other true means lie."""

_STEPS: Final = 32
"""How many sizes of true differences are tried."""

_REMEMBERED: Final = 64
"""How many answers are kept: one for each comparison that somebody looks at."""

_NO_SPREAD: Final = 1e-18
"""Variances below this are those of equal values and of rounding."""


@dataclass(frozen=True)
class _Errors:
    """What the sample means may be off by.

    `own` are variances of each mean, in ascending order of the samples; `covariance` holds them and what
    samples with common seeds share. Errors of one `family` follow Student's t together, with `freedom`.
    """

    own: "Values"
    covariance: "Values"
    freedom: "Values"
    family: "NDArray[np.int64]"

    def of(self, chosen: "NDArray[np.bool_]") -> "_Errors":
        """Those of these samples."""
        return _Errors(
            self.own[chosen],
            self.covariance[chosen][:, chosen],
            self.freedom[chosen],
            self.family[chosen],
        )


def probability_best(
    samples: Sequence[Sequence[float]], families: Sequence[Sequence[int]] = ()
) -> list[float] | None:
    """For each sample how likely its true mean is the highest; None where a spread is missing or zero.

    `families` are the places of samples whose values belong together one by one, as runs with the same seeds.

    Draws from the posterior of a hierarchical model: true means are normal around a common one with a
    standard deviation τ that is not known, so that means which lie close together are drawn towards each
    other as far as they may be luck: D. B. Rubin, "Estimation in Parallel Randomized Experiments", Journal of
    Educational Statistics 6 (1981), and A. Gelman et al., "Bayesian Data Analysis", 3rd ed., section 5.4. The
    prior of τ is the uniform shrinkage prior: M. J. Daniels, "A prior for the variance in hierarchical
    models", Canadian Journal of Statistics 27 (1999). Samples out of reach of the best say nothing of how
    close the others lie and are drawn alone. The draws have a fixed seed: equal samples, equal answers.
    """
    if not samples or min(len(sample) for sample in samples) < 2:  # noqa: PLR2004  # a spread needs two
        return None
    found = _shares_of_draws(tuple(map(tuple, samples)), tuple(map(tuple, families)))
    return None if found is None else list(found)


@lru_cache(maxsize=_REMEMBERED)
def _shares_of_draws(
    samples: tuple[tuple[float, ...], ...], families: tuple[tuple[int, ...], ...]
) -> tuple[float, ...] | None:
    """The same; an open page asks whenever a run changes, and few changes concern what was measured."""
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
    """Draws (samples, draws) of each true mean by its own sample."""
    import numpy as np  # noqa: PLC0415

    noise = _tails(errors, draws, chance) * chance.standard_normal((len(means), draws))
    drawn: Values = means[:, None] + np.sqrt(errors.own)[:, None] * noise
    return drawn


def _drawn_together(means: "Values", errors: _Errors, draws: int, chance: "Generator") -> "Values":
    """Draws (samples, draws) of the true means, given that they are normal around a common one.

    For each τ, with A = Σ + τ² I and weights W = A⁻¹: the common mean is μ̂ = Σ W y / Σ W ± 1 / √Σ W, and the
    true ones y - Σ W (y - μ) with covariance Σ - Σ W Σ, here with the tails of Student's t. How likely a τ is
    follows from the means with the common one integrated out.
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
    """How likely each τ is, by the means; one that lies apart counts as Student's t has it."""
    import numpy as np  # noqa: PLC0415

    misfit = np.maximum(away * np.einsum("tij,tj->ti", weights, away), 0)
    penalty = ((freedom + 1) / 2 * np.log1p(misfit / freedom)).sum(axis=1)
    logs = 0.5 * np.linalg.slogdet(weights)[1] - 0.5 * np.log(total) - penalty
    likely = np.exp(logs - logs.max())
    shares: Values = likely / likely.sum()
    return shares


def _tails(errors: _Errors, draws: int, chance: "Generator") -> "Values":
    """Factors (samples, draws) that give normal errors the tails of Student's t, one for each family."""
    import numpy as np  # noqa: PLC0415

    families, first = np.unique(errors.family, return_index=True)
    freedom = errors.freedom[first][:, None]
    factors: Values = np.sqrt(freedom / chance.chisquare(freedom, (len(families), draws)))
    spread_out: Values = factors[np.searchsorted(families, errors.family)]
    return spread_out


def _errors(samples: Sequence[Sequence[float]], families: Sequence[Sequence[int]]) -> _Errors | None:
    """How far each mean may be off; None where that can't be told because something has no spread.

    Samples with common seeds are split into what a seed does to all of them and the rest, as in a randomized
    block design: W. G. Cochran and G. M. Cox, "Experimental Designs", 2nd ed. (1957), section 4.2.
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
    """What values vary by: within seeds, with its degrees of freedom, and from seed to seed."""

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
    """Variances and their degrees of freedom, moderated by what the variances have in common.

    s̃² = (d₀ s₀² + d s²) / (d₀ + d) with d₀ + d degrees of freedom, d = n - 1. The more alike the variances
    are, the larger is d₀; it is 0 where they have nothing in common. G. K. Smyth, "Linear Models and
    Empirical Bayes Methods for Assessing Differential Expression", Statistical Applications in Genetics and
    Molecular Biology 3 (2004), section 6.2; d₀ is at most `BORROWED`, for few samples can't tell more.
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
