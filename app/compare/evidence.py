"""The sentences behind a verdict: tested pairs, overfitting, missing spreads."""

from collections.abc import Sequence
from itertools import combinations, pairwise
from statistics import fmean

from app.compare.pairs import Sample, several_datasets, train_differences
from app.compare.ties import equal, leaders
from app.formats import plural
from app.prose import in_points, listed, probability, seeds
from app.schemas.comparison import Pair
from app.statistics import SIGNIFICANCE, Difference


def others_of(sample: Sample, pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs of a sample with each other one."""
    return [pair for pair in pairs if sample.id in pair.ids]


def evidence(samples: Sequence[Sample], pairs: Sequence[Pair]) -> list[str]:
    """The sentences behind a verdict on these samples."""
    if len(samples) <= 1:
        return []
    tests = sum(pair.p is not None for pair in pairs)
    by_ids = {pair.ids: pair for pair in pairs}
    sentences = [
        _pair_sentence(by_ids[first.id, second.id], first, second, tests)
        for first, second in shown_pairs(samples)
    ]
    sentences += _overfitting(samples, by_ids)
    sentences += _saturated(samples)
    if any(pair.ci95 for pair in pairs):
        where = "each on its one test set" if several_datasets(samples) else "on this one test set"
        each = ", and each stands for its pair alone" if tests > 1 else ""
        sentences.append(f"Intervals are over seeds, {where}{each}; another test set could rank otherwise.")
    return sentences


def shown_pairs(samples: Sequence[Sample]) -> list[tuple[Sample, Sample]]:
    """Neighbours, then the best sample, or each that ties for it, with each other one.

    Of several data sets none is the best.
    """
    found = neighbours(samples)
    best = {sample.id for sample in leaders(samples)}
    return found + [
        (first, second)
        for first, second in combinations(samples, 2)
        if (first.id in best) != (second.id in best) and (first, second) not in found
    ]


def neighbours(samples: Sequence[Sample]) -> list[tuple[Sample, Sample]]:
    """Each sample with the next one that differs from it in a single part of its key and has the same data.

    Where keys have one part that is the next of all; where no two differ in a single part, too.
    """
    names = list(samples[0].key)
    found = []
    for name in names:
        for place, sample in enumerate(samples):
            rest = {key: value for key, value in sample.key.items() if key != name}
            following = (
                other
                for other in samples[place + 1 :]
                if other.datasets == sample.datasets
                and {key: value for key, value in other.key.items() if key != name} == rest
            )
            if (other := next(following, None)) is not None:
                found.append((sample, other))
    return found or list(pairwise(samples))


def _pair_sentence(pair: Pair, first: Sample, second: Sample, tests: int) -> str:
    against = first.label if first.depth is None else str(first.depth)
    claim = f"{second.label} against {against}: {in_points(pair.difference)} test accuracy"
    if pair.ci95 is None or pair.p is None:
        return f"{claim}; {pair.untested}."
    low, high = pair.ci95
    corrected = f" after correction for {plural(tests, 'comparison')}" if tests > 1 else ""
    by_seed = ", seed by seed" if pair.paired else ""
    shown = f"95 % CI {in_points(low)} to {in_points(high)}{by_seed}; {probability(pair.p)}{corrected}"
    fewest = seeds(min(len(first.test), len(second.test)))
    judgement = f"not distinguishable with {fewest}"
    if pair.different:
        judgement = "a real difference"
        if in_points(pair.difference) == in_points(0.0):
            judgement += ", of less than 0.01 pp"
    settled = (
        f"; about {plural(pair.more_seeds, 'more seed')} each would likely settle it"
        if pair.more_seeds
        else ""
    )
    return f"{claim} ({shown}): {judgement}{settled}."


def _overfitting(samples: Sequence[Sample], pairs: dict[tuple[str, str], Pair]) -> list[str]:
    """What a deeper sample's better fit to its training images is worth: of the deepest that fits better.

    Overfitting is claimed only if train accuracy rises and test accuracy falls, each by more than chance
    after Holm's correction for all pairs.
    """
    top = next(iter(leaders(samples)), None)
    if top is None or top.depth is None:
        return []
    fits = train_differences(samples)
    for deeper in reversed(samples[samples.index(top) + 1 :]):
        pair = pairs[top.id, deeper.id]
        if pair.different is None or not _rises(top, deeper, fits[top.id, deeper.id]):
            continue
        rise = in_points(fmean(deeper.train) - fmean(top.train))
        step = f"From {top.label} to {deeper.label} train accuracy still rises ({rise})"
        if pair.different and not equal(fmean(top.test), fmean(deeper.test)):
            fall = f"while test accuracy falls ({in_points(pair.difference)})"
            return [f"{step} {fall}: more depth buys overfitting here."]
        return [f"{step}, but no gain in test accuracy can be shown ({in_points(pair.difference)})."]
    return []


def _rises(top: Sample, deeper: Sample, train: Difference) -> bool:
    """Whether train accuracy rises by more than chance, or without any spread at all."""
    if min(len(top.train), len(deeper.train)) == 1 or top.mixed or deeper.mixed:
        return False
    return train.mean > 0 and (train.p is None or train.p < SIGNIFICANCE)


def _saturated(samples: Sequence[Sample]) -> list[str]:
    """Which samples have nothing left to learn from their training images."""
    full = [sample for sample in samples if min(sample.train) == 1.0]
    if not full:
        return []
    with_every = " with every seed" if any(len(sample.train) > 1 for sample in full) else ""
    names = listed([sample.label for sample in full])
    correct = f"{names} classify every training image correctly{with_every}"
    return [f"{correct}, so train accuracy has no spread to test."]
