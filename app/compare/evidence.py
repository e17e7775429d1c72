"""The sentences behind a verdict: tested pairs, overfitting, missing spreads."""

from collections.abc import Collection, Sequence
from itertools import combinations, pairwise
from statistics import fmean

from app.compare.groups import Group
from app.compare.pairs import train_differences
from app.compare.ties import equal, leaders
from app.formats import plural
from app.prose import in_points, listed, probability, seeds
from app.schemas.comparison import Pair
from app.statistics import SIGNIFICANCE, Difference


def others_of(group: Group, pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs of a group with every other group."""
    return [pair for pair in pairs if group.id in pair.ids]


def evidence(groups: Sequence[Group], pairs: Sequence[Pair]) -> list[str]:
    """The sentences that support a verdict on these groups."""
    if len(groups) <= 1:
        return []
    tests = sum(pair.p is not None for pair in pairs)
    by_ids = {pair.ids: pair for pair in pairs}
    shown = shown_pairs(groups)
    sentences = [_pair_sentence(by_ids[first.id, second.id], first, second, tests) for first, second in shown]
    sentences += _unlisted(pairs, {(first.id, second.id) for first, second in shown})
    sentences += _overfitting(groups, by_ids)
    sentences += _saturated(groups)
    if any(pair.ci95 for pair in pairs):
        corrected = ", and are not corrected for multiple comparisons" if tests > 1 else ""
        sentences.append(
            f"Intervals cover variation over seeds, not over test images{corrected}. Another test set could "
            "rank the groups differently."
        )
    return sentences


def _unlisted(pairs: Sequence[Pair], listed_ids: Collection[tuple[str, str]]) -> list[str]:
    """A sentence on the number of tested pairs without a sentence of their own, if any."""
    count = sum(pair.p is not None and pair.ids not in listed_ids for pair in pairs)
    if not count:
        return []
    are, them = ("is", "it") if count == 1 else ("are", "all of them")
    return [f"{plural(count, 'further pair')} {are} tested but not listed; the JSON has {them}."]


def shown_pairs(groups: Sequence[Group]) -> list[tuple[Group, Group]]:
    """Neighbours, then the pairs of the best group, or of each tied one, with the others.

    Groups of several data sets have no best group.
    """
    found = neighbours(groups)
    best = {group.id for group in leaders(groups)}
    return found + [
        (first, second)
        for first, second in combinations(groups, 2)
        if (first.id in best) != (second.id in best) and (first, second) not in found
    ]


def neighbours(groups: Sequence[Group]) -> list[tuple[Group, Group]]:
    """Pair each group with the next one of the same data that differs in a single part of the key.

    With keys of one part, this is the next group. If no two groups differ in a single part, each group is
    paired with the next one.
    """
    names = list(groups[0].key)
    found = []
    for name in names:
        for place, group in enumerate(groups):
            rest = {key: value for key, value in group.key.items() if key != name}
            following = (
                other
                for other in groups[place + 1 :]
                if other.datasets == group.datasets
                and {key: value for key, value in other.key.items() if key != name} == rest
            )
            if (other := next(following, None)) is not None:
                found.append((group, other))
    return found or list(pairwise(groups))


def _pair_sentence(pair: Pair, first: Group, second: Group, tests: int) -> str:
    against = first.label if first.depth is None else str(first.depth)
    claim = f"{second.label} against {against}: {in_points(pair.difference)} test accuracy"
    if pair.ci95 is None or pair.p is None:
        return f"{claim}; {pair.untested}."
    low, high = pair.ci95
    corrected = f" after correction for {plural(tests, 'comparison')}" if tests > 1 else ""
    by_seed = ", seed by seed" if pair.paired else ""
    shown = f"95 % CI {in_points(low)} to {in_points(high)}{by_seed}; {probability(pair.p)}{corrected}"
    fewest = seeds(min(len(first.runs), len(second.runs)))
    judgement = f"no significant difference with {fewest}"
    if pair.different:
        judgement = "a significant difference"
        if in_points(pair.difference) == in_points(0.0):
            judgement += ", of less than 0.01 pp"
    settled = (
        f"; about {plural(pair.more_seeds, 'more seed')} each would likely show whether they differ"
        if pair.more_seeds
        else ""
    )
    return f"{claim} ({shown}): {judgement}{settled}."


def _overfitting(groups: Sequence[Group], pairs: dict[tuple[str, str], Pair]) -> list[str]:
    """A sentence about overfitting, for the deepest group that fits its training images better.

    It claims overfitting only if train accuracy rises and test accuracy falls, both significantly after
    Holm's correction for all pairs.
    """
    top = next(iter(leaders(groups)), None)
    if top is None or top.depth is None:
        return []
    fits = train_differences(groups)
    for deeper in reversed(groups[groups.index(top) + 1 :]):
        pair = pairs[top.id, deeper.id]
        if pair.different is None or not _rises(top, deeper, fits[top.id, deeper.id]):
            continue
        rise = in_points(fmean(deeper.train_accuracies) - fmean(top.train_accuracies))
        step = f"From {top.label} to {deeper.label} train accuracy still rises ({rise})"
        if pair.different and not equal(fmean(top.test_accuracies), fmean(deeper.test_accuracies)):
            fall = f"while test accuracy falls ({in_points(pair.difference)})"
            return [f"{step} {fall}: more depth buys overfitting here."]
        return [f"{step}, but no gain in test accuracy can be shown ({in_points(pair.difference)})."]
    return []


def _rises(top: Group, deeper: Group, train: Difference) -> bool:
    """Whether train accuracy rises significantly, or without any spread."""
    if min(len(top.runs), len(deeper.runs)) == 1 or top.mixed or deeper.mixed:
        return False
    return train.mean > 0 and (train.p is None or train.p < SIGNIFICANCE)


def _saturated(groups: Sequence[Group]) -> list[str]:
    """A sentence naming the groups that classify every training image correctly."""
    full = [group for group in groups if min(group.train_accuracies) == 1.0]
    if not full:
        return []
    with_every = " with every seed" if any(len(group.runs) > 1 for group in full) else ""
    names = listed([group.label for group in full])
    correct = f"{names} classify every training image correctly{with_every}"
    return [f"{correct}, so train accuracy has no spread to test."]
