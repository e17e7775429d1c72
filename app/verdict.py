"""The verdict: a comparison of depths as plain sentences, and the pairs behind them."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

from app.answers import Pair, Verdict
from app.statistics import holm, spread, welch

SIGNIFICANCE: Final = 0.05


def verdict(samples: Mapping[int, Sequence[float]]) -> Verdict:
    """Which depths differ in test accuracy, by how much, and what cannot be said.

    `samples` holds the final test accuracies of each depth, shallow to deep. Two depths count as
    different only if Welch's p, Holm-adjusted over all pairs, is below 0.05.
    """
    couples = list(combinations(samples, 2))
    differences = [welch(samples[shallow], samples[deep]) for shallow, deep in couples]
    adjusted = holm([difference.p for difference in differences])
    pairs = [
        Pair(
            depths=couple,
            difference=difference.mean,
            ci95=difference.ci95,
            p=p,
            different=None if p is None else p < SIGNIFICANCE,
        )
        for couple, difference, p in zip(couples, differences, adjusted, strict=True)
    ]
    return Verdict(sentences=_sentences(samples, pairs), pairs=pairs)


def _sentences(samples: Mapping[int, Sequence[float]], pairs: Sequence[Pair]) -> list[str]:
    if not samples:
        return ["No run has finished yet, so there is nothing to judge."]
    means = {depth: spread(values).mean for depth, values in samples.items()}
    best = max(means, key=lambda depth: means[depth])
    n = seeds(len(samples[best]))
    first = f"{layers(best)} reached {percent(means[best])} test accuracy on average ({n})"
    if len(samples) == 1:
        return [f"{first}; with only one depth there is nothing to compare it with."]
    sentences = [f"{first}, the highest of {len(samples)} depths."]
    neighbours = set(zip(samples, list(samples)[1:], strict=False))
    tests = sum(pair.p is not None for pair in pairs)
    sentences += [_pair_sentence(pair, samples, tests) for pair in pairs if pair.depths in neighbours]
    if all(len(values) == 1 for values in samples.values()):
        sentences.append("With one seed per depth nobody can tell these differences from luck: add seeds.")
    else:
        sentences.append("Intervals are over seeds, on this one test set.")
    return sentences


def _pair_sentence(pair: Pair, samples: Mapping[int, Sequence[float]], tests: int) -> str:
    shallow, deep = pair.depths
    claim = f"{layers(deep)} against {shallow}: {points(pair.difference)} test accuracy"
    n = min(len(samples[shallow]), len(samples[deep]))
    if n == 1:
        return f"{claim}, from a single seed on one side: no test is possible."
    if pair.ci95 is None or pair.p is None:
        return f"{claim}; the seeds show no spread at all, so there is no test to make."
    low, high = pair.ci95
    corrected = f" after correction for {tests} comparisons" if tests > 1 else ""
    evidence = f"95 % CI {points(low)} to {points(high)}; {_probability(pair.p)}{corrected}"
    judgement = "a real difference" if pair.different else f"not distinguishable with {seeds(n)}"
    return f"{claim} ({evidence}): {judgement}."


def _probability(p: float) -> str:
    if p < 0.001:  # noqa: PLR2004  # smaller ones tell no more
        return "p < 0.001"
    return f"p = {p:.2g}" if p < SIGNIFICANCE else f"p = {p:.2f}"


def layers(depth: int) -> str:
    """A depth in words."""
    return "1 layer" if depth == 1 else f"{depth} layers"


def seeds(count: int) -> str:
    """A number of seeds in words."""
    return "1 seed" if count == 1 else f"{count} seeds"


def percent(fraction: float) -> str:
    """A fraction as a percentage with two decimals."""
    return f"{fraction * 100:.2f} %"


def points(fraction: float) -> str:
    """A difference of fractions in percentage points, with its sign."""
    return f"{fraction * 100:+.2f} pp".replace("-", "−")
