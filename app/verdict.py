"""The verdict: a comparison of groups of runs as plain sentences, and the pairs behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import fmean
from typing import Final

from app.answers import Pair, Verdict
from app.formats import plural
from app.statistics import (
    MOST_SEEDS,
    Difference,
    holm,
    paired,
    probability_best,
    seeds_to_settle,
    spread,
    welch,
)

SIGNIFICANCE: Final = 0.05
_SURE: Final = 0.995
_SEEDS_FOR_A_TEST: Final = 2
_NAMED: Final = 6
"""How many groups a sentence names."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A group's name and its runs' final accuracies.

    `seeds` are those of its runs, in the same order, if all of them have one architecture, `layer_sizes`:
    groups of the same architecture and seeds started from the same weights, and are compared seed by seed.
    """

    label: str
    test: Sequence[float]
    train: Sequence[float]
    depth: int | None = None
    layer_sizes: Sequence[int] = ()
    seeds: Sequence[int] = ()

    def pairs_with(self, other: "Sample") -> bool:
        """Whether each run here has its twin in the other group."""
        return (
            bool(self.layer_sizes)
            and self.layer_sizes == other.layer_sizes
            and sorted(self.seeds) == sorted(other.seeds)
            and len(set(self.seeds)) == len(self.seeds)
        )

    def in_order(self, values: Sequence[float]) -> list[float]:
        """These values, one a run, in the order of the seeds."""
        return [value for _, value in sorted(zip(self.seeds, values, strict=True))]


def verdict(samples: Sequence[Sample], noun: str = "depth") -> Verdict:
    """Which groups differ in test accuracy, by how much, and what can't be said.

    `noun` is what the groups are. Two count as different only if p, of Welch's test or between runs of one
    architecture and the same seeds of the paired test, is below 0.05 after Holm's correction for all pairs.
    The first sentences are the answer; the others are what it rests on.
    """
    pairs = compare_pairs(samples)
    best = probability_best([sample.test for sample in samples])
    return Verdict(
        answer=_answer(samples, pairs, best, noun),
        evidence=_evidence(samples, pairs),
        pairs=pairs,
        probability_best=best,
        more_seeds=_seeds_for_the_best(samples, pairs, best),
    )


def compare_pairs(samples: Sequence[Sample]) -> list[Pair]:
    """Every two samples: how far their test accuracies are apart, and whether by more than chance."""
    couples = list(combinations(samples, 2))
    differences = [_difference(first, second) for first, second in couples]
    adjusted = holm([difference.p for difference in differences])
    tests = sum(p is not None for p in adjusted)
    return [
        Pair(
            depths=None if first.depth is None or second.depth is None else (first.depth, second.depth),
            groups=(first.label, second.label),
            difference=difference.mean,
            ci95=difference.ci95,
            p=p,
            paired=first.pairs_with(second),
            different=None if p is None else p < SIGNIFICANCE,
            more_seeds=None if p is None or p < SIGNIFICANCE else _more_seeds(first, second, tests),
        )
        for (first, second), difference, p in zip(couples, differences, adjusted, strict=True)
    ]


def _difference(first: Sample, second: Sample) -> Difference:
    if first.pairs_with(second):
        return paired(first.in_order(first.test), second.in_order(second.test))
    return welch(first.test, second.test)


def _more_seeds(first: Sample, second: Sample, tests: int) -> int | None:
    if first.pairs_with(second):
        one, other = first.in_order(first.test), second.in_order(second.test)
        wanted = seeds_to_settle(one, other, SIGNIFICANCE / tests, in_pairs=True)
    else:
        wanted = seeds_to_settle(first.test, second.test, SIGNIFICANCE / tests)
    return None if wanted is None else max(1, wanted - min(len(first.test), len(second.test)))


def _answer(
    samples: Sequence[Sample], pairs: Sequence[Pair], probabilities: Sequence[float] | None, noun: str
) -> list[str]:
    """Who is best, how sure that is, and from whom it can be told apart."""
    if not samples:
        return ["No run has finished yet, so there is nothing to judge."]
    means = [spread(sample.test).mean for sample in samples]
    best = max(range(len(samples)), key=means.__getitem__)
    top = samples[best]
    first = f"{top.label} reached {percent(means[best])} test accuracy on average ({seeds(len(top.test))})"
    if len(samples) == 1:
        return [f"{first}; with only one {noun} there is nothing to compare it with."]
    first += f", the highest of {plural(len(samples), noun)}"
    if probabilities is None:
        unsure = "With one seed nobody can tell these differences from luck: add seeds."
        if any(len(sample.test) > 1 for sample in samples):
            unsure = f"How likely it is to be the best can't be said while a {noun} has a single seed."
            return [f"{first}.", *_apart(top, pairs), unsure]
        return [f"{first}.", unsure]
    if probabilities[best] > _SURE:
        first += "; that it is the best is as good as certain."
    else:
        first += f"; that it truly is the best is {round(probabilities[best] * 100)} % likely."
    return [first, *_apart(top, pairs)]


def _seeds_for_the_best(
    samples: Sequence[Sample], pairs: Sequence[Pair], probabilities: Sequence[float] | None
) -> int | None:
    """The fewest seeds that would likely tell the best sample from another; two where a test needs them."""
    if not pairs:
        return None
    if probabilities is None:
        return _SEEDS_FOR_A_TEST
    top = _best(samples)
    return min(
        (pair.more_seeds for pair in pairs if pair.more_seeds and top.label in pair.groups), default=None
    )


def _best(samples: Sequence[Sample]) -> Sample:
    return max(samples, key=lambda sample: fmean(sample.test))


def _apart(top: Sample, pairs: Sequence[Pair]) -> list[str]:
    """From which groups the best one differs, and from which it can't be told apart."""
    mine = [(pair, _other(pair, top.label)) for pair in pairs if top.label in pair.groups]
    better = _listed([other for pair, other in mine if pair.different])
    undecided = [(pair, other) for pair, other in mine if pair.different is False]
    open_ = _listed([other for _, other in undecided])
    if not undecided:
        return [f"It differs from {better} by more than chance."] if better else []
    if better:
        first = f"It differs from {better} by more than chance, but not from {open_}."
    else:
        first = f"These seeds can't tell it from {open_}: the differences may be luck."
    return [first, _what_would_settle([(pair.more_seeds, other) for pair, other in undecided])]


def _other(pair: Pair, label: str) -> str:
    first, second = pair.groups
    return second if first == label else first


def _what_would_settle(open_pairs: Sequence[tuple[int | None, str]]) -> str:
    known = [(more, other) for more, other in open_pairs if more is not None]
    if not known:
        return f"As small as these differences look, not even {MOST_SEEDS} seeds would likely settle them."
    more, other = min(known)
    return (
        f"About {plural(more, 'more seed')} each would likely settle it against {other}, if the difference "
        "is as large as it looks."
    )


def _evidence(samples: Sequence[Sample], pairs: Sequence[Pair]) -> list[str]:
    if len(samples) <= 1:
        return []
    tests = sum(pair.p is not None for pair in pairs)
    by_groups = {pair.groups: pair for pair in pairs}
    sentences = [
        _pair_sentence(by_groups[shallow.label, deep.label], shallow, deep, tests)
        for shallow, deep in pairwise(samples)
    ]
    sentences += _overfitting(samples, by_groups)
    sentences += _saturated(samples)
    if any(len(sample.test) > 1 for sample in samples):
        sentences.append("Intervals are over seeds, on this one test set; another could rank them otherwise.")
    return sentences


def _pair_sentence(pair: Pair, shallow: Sample, deep: Sample, tests: int) -> str:
    against = shallow.label if shallow.depth is None else str(shallow.depth)
    claim = f"{deep.label} against {against}: {points(pair.difference)} test accuracy"
    n = min(len(shallow.test), len(deep.test))
    if n == 1:
        return f"{claim}, from a single seed on one side: no test is possible."
    if pair.ci95 is None or pair.p is None:
        return f"{claim}; the seeds show no spread at all, so there is no test to make."
    low, high = pair.ci95
    corrected = f" after correction for {tests} comparisons" if tests > 1 else ""
    by_seed = ", seed by seed" if pair.paired else ""
    evidence = f"95 % CI {points(low)} to {points(high)}{by_seed}; {_probability(pair.p)}{corrected}"
    judgement = "a real difference" if pair.different else f"not distinguishable with {seeds(n)}"
    return f"{claim} ({evidence}): {judgement}."


def _overfitting(samples: Sequence[Sample], pairs: dict[tuple[str, str], Pair]) -> list[str]:
    """Whether the last of the samples fits its training images better than the best one, and no others."""
    deepest = samples[-1]
    top = _best(samples)
    if top is deepest or deepest.depth is None:
        return []
    train = welch(top.train, deepest.train)
    certain = train.p is not None and train.p < SIGNIFICANCE
    constant = train.p is None and min(len(top.train), len(deepest.train)) > 1
    if train.mean <= 0 or not (certain or constant):
        return []
    test = pairs[top.label, deepest.label].difference
    sentence = (
        f"From {top.label} to {deepest.label} train accuracy still rises ({points(train.mean)}) while test "
        f"accuracy does not ({points(test)}): more depth buys overfitting here."
    )
    return [sentence]


def _saturated(samples: Sequence[Sample]) -> list[str]:
    """Which samples have nothing left to learn from their training images."""
    full = [sample.label for sample in samples if min(sample.train) == 1.0]
    if not full:
        return []
    return [f"{_listed(full)} read every training image with every seed: there is no spread there to test."]


def _probability(p: float) -> str:
    if p < 0.001:  # noqa: PLR2004  # smaller ones tell no more
        return "p < 0.001"
    return f"p = {p:.2g}" if p < SIGNIFICANCE else f"p = {p:.2f}"


def _listed(labels: Sequence[str]) -> str:
    """Names in a sentence, depths as `1, 2 and 3 layers`; nothing if there are none."""
    if not labels:
        return ""
    shown = [*labels[:_NAMED], f"{len(labels) - _NAMED} more"] if len(labels) > _NAMED else list(labels)
    if len(shown) > 1 and all(label.endswith((" layer", " layers")) for label in shown):
        shown = [label.partition(" ")[0] for label in shown[:-1]] + [shown[-1]]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def seeds(count: int) -> str:
    """A number of seeds in words."""
    return plural(count, "seed")


def percent(fraction: float) -> str:
    """A fraction as a percentage with two decimals."""
    return f"{fraction * 100:.2f} %"


def points(fraction: float) -> str:
    """A difference of fractions in percentage points, with its sign."""
    return f"{fraction * 100:+.2f} pp".replace("-", "−")
