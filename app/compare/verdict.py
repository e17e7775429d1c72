"""The verdict on groups of runs, in one or two sentences."""

from collections.abc import Sequence
from statistics import fmean
from typing import Final

from app.compare.evidence import evidence, others_of
from app.compare.groups import Group
from app.compare.pairs import compare_pairs, several_datasets
from app.compare.ranking import probability_best
from app.compare.ties import leaders
from app.formats import plural, sentence
from app.prose import DEPTHS, Noun, in_percent, listed
from app.schemas.comparison import Pair, Verdict
from app.schemas.configurations import titles
from app.statistics import MOST_SEEDS

_SURE: Final = 0.995
_SEEDS_FOR_A_TEST: Final = 2
_TWO: Final = 2
_NONE_LEARNT: Final = "None of these runs is better than guessing, so they can't be ranked."


def verdict(
    groups: Sequence[Group],
    noun: Noun = DEPTHS,
    *,
    unfinished: bool = False,
    nothing: str = "There are no results to compare.",
) -> Verdict:
    """Judge which groups differ in test accuracy, by how much, and what remains open.

    Two groups differ only if p is below 0.05 after Holm's correction for all pairs. p is from the paired test
    for runs of one architecture and the same seeds, else from Welch's test. Groups whose displayed means are
    equal tie: none of them is the highest. `unfinished` says that runs have not ended yet. `nothing` is the
    answer if there are no groups.
    """
    pairs = compare_pairs(groups)
    likely = _probabilities(groups)
    wanted, where = _seeds_for_the_best(groups, pairs)
    best = [] if _all_guess(groups) else leaders(groups)
    return Verdict(
        answer=_answer(groups, pairs, likely, noun, unfinished=unfinished) or [nothing],
        outlook=_outlook(groups, pairs, likely, noun),
        evidence=evidence(groups, pairs),
        pairs=pairs,
        best=[group.id for group in best],
        probability_best=likely,
        more_seeds=wanted,
        more_seeds_for=[label for _, label in where],
        more_seeds_ids=[group_id for group_id, _ in where],
    )


def _all_guess(groups: Sequence[Group]) -> bool:
    """Whether every run of every group is guessing."""
    return bool(groups) and all(group.guessing == len(group.runs) for group in groups)


def _probabilities(groups: Sequence[Group]) -> list[float] | None:
    """Each group's probability of being the best; None if it can't be estimated."""
    if any(group.mixed for group in groups) or several_datasets(groups):
        return None
    families: dict[object, list[int]] = {}
    for place, group in enumerate(groups):
        if group.family is not None:
            families.setdefault(group.family, []).append(place)
    together = [places for places in families.values() if len(places) > 1]
    in_pairs = {place for places in together for place in places}
    return probability_best(
        [
            group.in_order(group.test_accuracies) if place in in_pairs else group.test_accuracies
            for place, group in enumerate(groups)
        ],
        together,
    )


def _answer(
    groups: Sequence[Group],
    pairs: Sequence[Pair],
    probabilities: Sequence[float] | None,
    noun: Noun,
    *,
    unfinished: bool,
) -> list[str]:
    """The best group, its probability and its tests against the others, in up to two sentences."""
    if not groups:
        return []
    if names := several_datasets(groups):
        what = f"These runs used different images ({listed(names)}), so they can't be ranked"
        return [f"{what}: compare runs of one data set."]
    best = leaders(groups)
    first = f"{'So far ' if unfinished else ''}{_reached(best)}"
    if _all_guess(groups):
        return [f"{first}.", _NONE_LEARNT]
    if len(groups) == 1:
        return [f"{first}; with only one {noun.one} there is nothing to compare it with."]
    if len(best) == len(groups):
        return [f"{first}: the means are equal."]
    first += f", the highest of {plural(len(groups), noun.one, noun.many)}"
    if len(best) > 1:
        first += ": a tie"
    elif probabilities is not None:
        first += _how_likely(probabilities[groups.index(best[0])])
    return [f"{first}.", *_second(groups, best, pairs)]


def _reached(best: Sequence[Group]) -> str:
    """The mean test accuracy of the best or tied groups, and their number of runs, in words."""
    accuracy = in_percent(fmean(best[0].test_accuracies))
    names = listed([group.label for group in best])
    if len(best) == 1:
        alone = len(best[0].runs) == 1
        how = "with its only seed" if alone else f"on average ({best[0].size})"
        return f"{names} reached {accuracy} test accuracy {how}"
    together = "both" if len(best) == _TWO else "all"
    sizes = {group.size for group in best}
    if all(len(group.runs) == 1 for group in best):
        how = "with one seed each"
    else:
        how = f"on average ({sizes.pop()} each)" if len(sizes) == 1 else "on average"
    return f"{names} {together} reached {accuracy} test accuracy {how}"


def _how_likely(chance: float) -> str:
    """The probability of being the best in words, never rounded to 100 %."""
    shown = "> 99" if chance > _SURE else str(round(chance * 100))
    return f"; {shown} % likely to be the best"


def _second(groups: Sequence[Group], best: Sequence[Group], pairs: Sequence[Pair]) -> list[str]:
    """The groups from which the best differ significantly and the others, or why there is no test."""
    if mixed := [group for group in groups if group.mixed]:
        names = titles(name for group in mixed for name in group.mixed)
        why = f"the runs of {listed([group.label for group in mixed])} differ in {names}"
        return [f"No test is possible, because {why}: split by {names}."]
    if all(len(group.runs) == 1 for group in groups):
        return ["With one seed each, the differences can't be tested: add seeds."]
    tied = len(best) > 1
    ids = {group.id for group in best}
    judged: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    for other in groups:
        if other.id not in ids:
            found = {pair.different for pair in others_of(other, pairs) if ids & set(pair.ids)}
            judged[False if False in found else None if None in found else True].append(other.label)
    better, open_, untested = (listed(judged[key]) for key in (True, False, None))
    found = []
    if better:
        found.append(f"{'each differs' if tied else 'it differs'} significantly from {better}")
    if open_ and tied:
        found.append(f"at least one of them has no significant difference from {open_}")
    elif open_:
        found.append(f"there is no significant difference from {open_}")
    if untested and tied:
        found.append(f"not every pair with {untested} can be tested")
    elif untested:
        found.append(f"no test against {untested} is possible")
    return [sentence("; ".join(found))]


def _open(groups: Sequence[Group], pairs: Sequence[Pair]) -> list[Pair]:
    """The undecided pairs of the best group, or of those tied for it."""
    best = leaders(groups)
    ids = {group.id for group in best}
    return [
        pair
        for top in best
        for pair in others_of(top, pairs)
        if pair.different is False and not ids.issuperset(pair.ids)
    ]


def _outlook(
    groups: Sequence[Group], pairs: Sequence[Pair], probabilities: Sequence[float] | None, noun: Noun
) -> list[str]:
    """The open questions, and the number of seeds that would likely settle them."""
    if not _can_be_settled(groups):
        return []
    found = []
    alone = len(leaders(groups)) == 1
    if alone and probabilities is None and any(len(group.runs) > 1 for group in groups):
        found.append(_why_not_likely(groups, noun))
    undecided = _open(groups, pairs)
    if nearest := _nearest(undecided or pairs):
        found.append(_what_would_settle(nearest, noun))
    elif undecided:
        found.append(
            f"The differences are so small that even {MOST_SEEDS} seeds would probably not show them."
        )
    return found


def _can_be_settled(groups: Sequence[Group]) -> bool:
    """Whether more seeds could settle the differences between these groups."""
    if len(groups) <= 1 or several_datasets(groups) or any(group.mixed for group in groups):
        return False
    return not _all_guess(groups)


def _why_not_likely(groups: Sequence[Group], noun: Noun) -> str:
    unsaid = "P(best) can't be computed"
    if any(len(group.runs) == 1 for group in groups):
        return f"{unsaid}: a {noun.one} has a single seed."
    return f"{unsaid}: the test accuracies of some {noun.many} do not vary over seeds."


def _what_would_settle(pair: Pair, noun: Noun) -> str:
    return (
        f"About {plural(pair.more_seeds or 0, 'more seed')} per {noun.one} would likely show whether "
        f"{listed(pair.groups)} differ, if the true difference equals the observed one."
    )


def _seeds_for_the_best(
    groups: Sequence[Group], pairs: Sequence[Pair]
) -> tuple[int | None, list[tuple[str, str]]]:
    """The number of seeds needed, and the ids and labels of the groups that need them.

    These are the groups with a single seed. If there are none, they are the best group and its nearest
    undecided rival. Without a rival, they are the pair nearest to a decision.
    """
    if not _can_be_settled(groups):
        return None, []
    if single := [(group.id, group.label) for group in groups if len(group.runs) == 1]:
        return _SEEDS_FOR_A_TEST, single
    nearest = _nearest(_open(groups, pairs) or pairs)
    if nearest is None:
        return None, []
    return nearest.more_seeds, list(zip(nearest.ids, nearest.groups, strict=True))


def _nearest(pairs: Sequence[Pair]) -> Pair | None:
    """The undecided pair that needs the fewest seeds."""
    known = (pair for pair in pairs if pair.more_seeds)
    return min(known, key=lambda pair: pair.more_seeds or 0, default=None)
