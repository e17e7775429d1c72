"""The verdict: a comparison of groups of runs in one or two plain sentences, and what they rest on."""

from collections.abc import Sequence
from statistics import fmean
from typing import Final

from app.compare_answers import Pair, Verdict
from app.evidence import best_of, evidence, others_of
from app.formats import plural
from app.pairs import Sample, compare_pairs, several_datasets
from app.ranking import probability_best
from app.statistics import MOST_SEEDS
from app.wording import DEPTHS, Noun, listed, percent

_SURE: Final = 0.995
_SEEDS_FOR_A_TEST: Final = 2


def verdict(samples: Sequence[Sample], noun: Noun = DEPTHS, *, unfinished: bool = False) -> Verdict:
    """Which groups differ in test accuracy, by how much, and what can't be said.

    Two count as different only if p, of Welch's test or between runs of one architecture and the same seeds
    of the paired test, is below 0.05 after Holm's correction for all pairs. `unfinished` tells that runs are
    still to come.
    """
    pairs = compare_pairs(samples)
    likely = _probabilities(samples)
    wanted, where = _seeds_for_the_best(samples, pairs)
    return Verdict(
        answer=_answer(samples, pairs, likely, noun, unfinished=unfinished),
        outlook=_outlook(samples, pairs, likely, noun),
        evidence=evidence(samples, pairs),
        pairs=pairs,
        probability_best=likely,
        more_seeds=wanted,
        more_seeds_for=[label for _, label in where],
        more_seeds_ids=[group_id for group_id, _ in where],
    )


def _probabilities(samples: Sequence[Sample]) -> list[float] | None:
    """How likely each is the best; None where no such thing can be said."""
    if any(sample.mixed for sample in samples) or several_datasets(samples):
        return None
    families: dict[object, list[int]] = {}
    for place, sample in enumerate(samples):
        if sample.twins is not None:
            families.setdefault(sample.twins, []).append(place)
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
    """Who is best, how sure that is, and from whom it can be told apart: one or two sentences."""
    if not samples:
        return ["No run has finished yet, so there is nothing to judge."]
    if names := several_datasets(samples):
        what = f"These runs read different images ({listed(names)}), so none of them is the best of all"
        return [f"{what}: compare the runs of one data set."]
    top = best_of(samples)
    first = f"{'So far ' if unfinished else ''}{top.label} reached {percent(fmean(top.test))} test accuracy "
    alone = len(top.test) == 1
    first += "with its only seed" if alone else f"on average ({top.size})"
    if len(samples) == 1:
        return [f"{first}; with only one {noun.one} there is nothing to compare it with."]
    first += f", the highest of {plural(len(samples), noun.one, noun.many)}"
    if equals := [each for each in samples if each is not top and fmean(each.test) == fmean(top.test)]:
        first += f" together with {listed([each.label for each in equals])}"
    if probabilities is not None:
        best = samples.index(top)
        certain = all(pair.different for pair in others_of(top, pairs))
        first += _how_likely(probabilities[best], certain=certain)
    return [f"{first}.", *_second(samples, top, pairs)]


def _how_likely(chance: float, *, certain: bool) -> str:
    """The probability of being the best; `certain` if the tests tell it from every other."""
    if chance > _SURE and certain:
        return "; that it is the best is as good as certain"
    if chance > _SURE:
        return "; that it truly is the best is more than 99 % likely"
    return f"; that it truly is the best is {round(chance * 100)} % likely"


def _second(samples: Sequence[Sample], top: Sample, pairs: Sequence[Pair]) -> list[str]:
    """From which groups the best one differs, and from which it can't be told apart; or why that is open."""
    if mixed := [sample for sample in samples if sample.mixed]:
        names = " and ".join(dict.fromkeys(name for sample in mixed for name in sample.mixed))
        why = f"the runs of {listed([sample.label for sample in mixed])} differ in {names}"
        unsaid = "Whether that is luck can't be tested"
        return [f"{unsaid}, for {why} and don't just repeat each other: split by {names}."]
    if all(len(sample.test) == 1 for sample in samples):
        return ["With one seed each nobody can tell these differences from luck: add seeds."]
    mine = others_of(top, pairs)
    better = listed([_other(pair, top) for pair in mine if pair.different])
    open_ = listed([_other(pair, top) for pair in mine if pair.different is False])
    untested = listed([_other(pair, top) for pair in mine if pair.different is None])
    unsaid = f"; against {untested} no test is possible" if untested else ""
    if better and open_:
        return [f"It differs from {better} by more than chance, but not from {open_}{unsaid}."]
    if open_:
        return [f"These seeds can't tell it from {open_}: the differences may be luck{unsaid}."]
    if better:
        return [f"It differs from {better} by more than chance{unsaid}."]
    return [f"Against {untested} no test is possible."]


def _other(pair: Pair, top: Sample) -> str:
    """The label of the group that a pair holds the top one against."""
    return pair.groups[1 if pair.ids[0] == top.id else 0]


def _outlook(
    samples: Sequence[Sample], pairs: Sequence[Pair], probabilities: Sequence[float] | None, noun: Noun
) -> list[str]:
    """What is still open, and what would settle it."""
    if len(samples) <= 1 or several_datasets(samples) or any(sample.mixed for sample in samples):
        return []
    found = []
    if probabilities is None and any(len(sample.test) > 1 for sample in samples):
        found.append(_why_not_likely(samples, noun))
    top = best_of(samples)
    undecided = [pair for pair in others_of(top, pairs) if pair.different is False]
    if undecided:
        found.append(_what_would_settle([(pair.more_seeds, _other(pair, top)) for pair in undecided]))
    elif nearest := _nearest(pairs):
        needed = plural(nearest.more_seeds or 0, "more seed")
        found.append(
            f"{listed(nearest.groups)} can't be told apart; about {needed} each would likely settle it."
        )
    return found


def _why_not_likely(samples: Sequence[Sample], noun: Noun) -> str:
    unsaid = "How likely it is to be the best can't be said"
    if any(len(sample.test) == 1 for sample in samples):
        return f"{unsaid} while a {noun.one} has a single seed."
    return f"{unsaid}: some seeds show no spread at all, and chance can't be judged without one."


def _what_would_settle(open_pairs: Sequence[tuple[int | None, str]]) -> str:
    known = [(more, other) for more, other in open_pairs if more is not None]
    if not known:
        return f"As small as these differences look, not even {MOST_SEEDS} seeds would likely settle them."
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
    if not pairs or several_datasets(samples) or any(sample.mixed for sample in samples):
        return None, []
    if single := [(sample.id, sample.label) for sample in samples if len(sample.test) == 1]:
        return _SEEDS_FOR_A_TEST, single
    mine = others_of(best_of(samples), pairs)
    undecided = [pair for pair in mine if pair.different is False]
    nearest = _nearest(undecided or pairs)
    if nearest is None:
        return None, []
    return nearest.more_seeds, list(zip(nearest.ids, nearest.groups, strict=True))


def _nearest(pairs: Sequence[Pair]) -> Pair | None:
    """The pair that the fewest more seeds would likely settle."""
    known = (pair for pair in pairs if pair.more_seeds)
    return min(known, key=lambda pair: pair.more_seeds or 0, default=None)
