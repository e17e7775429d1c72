"""The verdict on groups of runs, in one or two sentences."""

from collections.abc import Sequence
from statistics import fmean
from typing import Final

from app.compare.evidence import evidence, others_of
from app.compare.pairs import Sample, compare_pairs, several_datasets
from app.compare.ranking import probability_best
from app.compare.ties import leaders
from app.formats import plural
from app.prose import DEPTHS, Noun, in_percent, listed
from app.schemas.comparison import Pair, Verdict
from app.statistics import MOST_SEEDS

_SURE: Final = 0.995
_SEEDS_FOR_A_TEST: Final = 2
_TWO: Final = 2
_NONE_LEARNT: Final = "None of these runs is better than guessing, so they can't be ranked."


def verdict(
    samples: Sequence[Sample],
    noun: Noun = DEPTHS,
    *,
    unfinished: bool = False,
    nothing: str = "There are no results to compare.",
) -> Verdict:
    """Which groups differ in test accuracy, by how much, and what can't be said.

    Two count as different only if p, of Welch's test or between runs of one architecture and the same seeds
    of the paired test, is below 0.05 after Holm's correction for all pairs. Groups whose means are equal as
    shown tie: none of them is the highest. `unfinished` tells that runs are still to come, and `nothing` is
    the answer without any sample.
    """
    pairs = compare_pairs(samples)
    likely = _probabilities(samples)
    wanted, where = _seeds_for_the_best(samples, pairs)
    best = [] if _all_guess(samples) else leaders(samples)
    return Verdict(
        answer=_answer(samples, pairs, likely, noun, unfinished=unfinished) or [nothing],
        outlook=_outlook(samples, pairs, likely, noun),
        evidence=evidence(samples, pairs),
        pairs=pairs,
        best=[sample.id for sample in best],
        probability_best=likely,
        more_seeds=wanted,
        more_seeds_for=[label for _, label in where],
        more_seeds_ids=[group_id for group_id, _ in where],
    )


def _all_guess(samples: Sequence[Sample]) -> bool:
    """Whether no run of any sample is better than guessing."""
    return bool(samples) and all(sample.guessing == len(sample.test) for sample in samples)


def _probabilities(samples: Sequence[Sample]) -> list[float] | None:
    """How likely each is the best; None where no such thing can be said."""
    if any(sample.mixed for sample in samples) or several_datasets(samples):
        return None
    families: dict[object, list[int]] = {}
    for place, sample in enumerate(samples):
        if sample.family is not None:
            families.setdefault(sample.family, []).append(place)
    together = [places for places in families.values() if len(places) > 1]
    in_pairs = {place for places in together for place in places}
    return probability_best(
        [
            sample.in_order(sample.test) if place in in_pairs else sample.test
            for place, sample in enumerate(samples)
        ],
        together,
    )


def _answer(
    samples: Sequence[Sample],
    pairs: Sequence[Pair],
    probabilities: Sequence[float] | None,
    noun: Noun,
    *,
    unfinished: bool,
) -> list[str]:
    """Who is best, how sure that is, and from whom it can be told apart: one or two sentences, if any."""
    if not samples:
        return []
    if names := several_datasets(samples):
        what = f"These runs used different images ({listed(names)}), so they can't be ranked"
        return [f"{what}: compare runs of one data set."]
    best = leaders(samples)
    first = f"{'So far ' if unfinished else ''}{_reached(best)}"
    if _all_guess(samples):
        return [f"{first}.", _NONE_LEARNT]
    if len(samples) == 1:
        return [f"{first}; with only one {noun.one} there is nothing to compare it with."]
    if len(best) == len(samples):
        return [f"{first}: none is better than {'the other' if len(best) == _TWO else 'another'}."]
    first += f", the highest of {plural(len(samples), noun.one, noun.many)}"
    if len(best) > 1:
        first += ": a tie"
    elif probabilities is not None:
        first += _how_likely(probabilities[samples.index(best[0])])
    return [f"{first}.", *_second(samples, best, pairs)]


def _reached(best: Sequence[Sample]) -> str:
    """Which mean test accuracy one sample, or all that tie for the highest, reached over how many runs."""
    accuracy = in_percent(fmean(best[0].test))
    names = listed([sample.label for sample in best])
    if len(best) == 1:
        alone = len(best[0].test) == 1
        how = "with its only seed" if alone else f"on average ({best[0].size})"
        return f"{names} reached {accuracy} test accuracy {how}"
    together = "both" if len(best) == _TWO else "all"
    sizes = {sample.size for sample in best}
    if all(len(sample.test) == 1 for sample in best):
        how = "with one seed each"
    else:
        how = f"on average ({sizes.pop()} each)" if len(sizes) == 1 else "on average"
    return f"{names} {together} reached {accuracy} test accuracy {how}"


def _how_likely(chance: float) -> str:
    """The probability of being the best, never rounded to 100 %."""
    shown = "> 99" if chance > _SURE else str(round(chance * 100))
    return f"; {shown} % likely to be the best"


def _second(samples: Sequence[Sample], best: Sequence[Sample], pairs: Sequence[Pair]) -> list[str]:
    """From which groups the best differ, and from which they can't be told apart; or why that is open."""
    if mixed := [sample for sample in samples if sample.mixed]:
        names = " and ".join(dict.fromkeys(name for sample in mixed for name in sample.mixed))
        why = f"the runs of {listed([sample.label for sample in mixed])} differ in {names}"
        unsaid = "No test is possible"
        return [f"{unsaid}, because {why}: split by {names}."]
    if all(len(sample.test) == 1 for sample in samples):
        return ["With one seed each, these differences can't be told from chance: add seeds."]
    tied = len(best) > 1
    ids = {sample.id for sample in best}
    judged: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    for other in samples:
        if other.id not in ids:
            found = {pair.different for pair in others_of(other, pairs) if ids & set(pair.ids)}
            judged[False if False in found else None if None in found else True].append(other.label)
    better, open_, untested = (listed(judged[key]) for key in (True, False, None))
    unsaid = f"; against {untested} {'not each can be tested' if tied else 'no test is possible'}"
    unsaid = unsaid if untested else ""
    differs, them = ("Each differs", "each of them") if tied else ("It differs", "it")
    if better and open_:
        return [f"{differs} from {better} by more than chance, but not from {open_}{unsaid}."]
    if open_:
        return [f"These seeds can't tell {them} from {open_}{unsaid}."]
    if better:
        return [f"{differs} from {better} by more than chance{unsaid}."]
    return [f"Against {untested} {'not each can be tested' if tied else 'no test is possible'}."]


def _other(pair: Pair, top: Sample) -> str:
    """The label of the group that a pair holds the top one against."""
    return pair.groups[1 if pair.ids[0] == top.id else 0]


def _open(samples: Sequence[Sample], pairs: Sequence[Pair]) -> list[tuple[Pair, str]]:
    """The undecided pairs of the best, or of those that tie for it, with another: each with its label."""
    best = leaders(samples)
    ids = {sample.id for sample in best}
    return [
        (pair, _other(pair, top))
        for top in best
        for pair in others_of(top, pairs)
        if pair.different is False and not ids.issuperset(pair.ids)
    ]


def _outlook(
    samples: Sequence[Sample], pairs: Sequence[Pair], probabilities: Sequence[float] | None, noun: Noun
) -> list[str]:
    """What is still open, and what would settle it."""
    if not _can_be_settled(samples):
        return []
    found = []
    alone = len(leaders(samples)) == 1
    if alone and probabilities is None and any(len(sample.test) > 1 for sample in samples):
        found.append(_why_not_likely(samples, noun))
    if undecided := _open(samples, pairs):
        found.append(_what_would_settle([(pair.more_seeds, other) for pair, other in undecided]))
    elif nearest := _nearest(pairs):
        needed = plural(nearest.more_seeds or 0, "more seed")
        found.append(
            f"{listed(nearest.groups)} can't be told apart; about {needed} each would likely settle it."
        )
    return found


def _can_be_settled(samples: Sequence[Sample]) -> bool:
    """Whether more seeds could tell these groups apart."""
    if len(samples) <= 1 or several_datasets(samples) or any(sample.mixed for sample in samples):
        return False
    return not _all_guess(samples)


def _why_not_likely(samples: Sequence[Sample], noun: Noun) -> str:
    unsaid = "How likely it is to be the best can't be said"
    if any(len(sample.test) == 1 for sample in samples):
        return f"{unsaid} while a {noun.one} has a single seed."
    return f"{unsaid}: some seeds show no spread at all, and chance can't be judged without one."


def _what_would_settle(open_pairs: Sequence[tuple[int | None, str]]) -> str:
    known = [(more, other) for more, other in open_pairs if more is not None]
    if not known:
        return f"These differences are so small that even {MOST_SEEDS} seeds would probably not settle them."
    more, other = min(known)
    return (
        f"About {plural(more, 'more seed')} each would likely settle it against {other}, if the difference "
        "is as large as it looks."
    )


def _seeds_for_the_best(
    samples: Sequence[Sample], pairs: Sequence[Pair]
) -> tuple[int | None, list[tuple[str, str]]]:
    """How many seeds which groups need: those with a single one, else the best and its nearest open rival.

    Groups are told by id and label.
    Where the best has no open rival, it is the pair that is nearest to be settled.
    """
    if not _can_be_settled(samples):
        return None, []
    if single := [(sample.id, sample.label) for sample in samples if len(sample.test) == 1]:
        return _SEEDS_FOR_A_TEST, single
    undecided = [pair for pair, _ in _open(samples, pairs)]
    nearest = _nearest(undecided or pairs)
    if nearest is None:
        return None, []
    return nearest.more_seeds, list(zip(nearest.ids, nearest.groups, strict=True))


def _nearest(pairs: Sequence[Pair]) -> Pair | None:
    """The pair that the fewest more seeds would likely settle."""
    known = (pair for pair in pairs if pair.more_seeds)
    return min(known, key=lambda pair: pair.more_seeds or 0, default=None)
