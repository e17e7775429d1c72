"""The verdict on groups of runs, in words: every sentence derives from the conclusions."""

from collections.abc import Sequence
from statistics import median
from typing import Final

from app.compare.groups import Group
from app.compare.inference.conclusions import Conclusions
from app.compare.inference.judgement import unbeaten
from app.compare.inference.power import MOST, POWER
from app.compare.wording import Wording
from app.formats import plural
from app.prose import DEPTHS, Noun, in_percent, in_points, listed
from app.schemas.compare.comparison import Pair, Receipt, Verdict

_MANY: Final = 45
"""More pairs than those of ten groups make the intervals so wide that the page suggests fewer groups."""
_TWO: Final = 2
_NAMED_PAIRS: Final = 2
_NAMED_GROUPS: Final = 2
_FAR: Final = 4
"""A mean this many margins below another is far below it."""
_STATUS: Final = {"final": "", "provisional": "Provisional: ", "exploratory": "Exploratory: "}


def verdict(
    found: Conclusions,
    noun: Noun = DEPTHS,
    *,
    settings: str = "",
    images: int | None = None,
    nothing: str = "There are no results to compare.",
    outcomes: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Verdict:
    """The conclusions in words.

    `settings` are those that all runs share, `images` the number of test images, `nothing` the answer without
    groups. `outcomes` and `notes` are further sentences of the answer and the outlook.
    """
    bill = [_receipt(found, *both) for both in found.neighbors]
    wording = Wording(found.standing.status, found.margin)
    return Verdict(
        status=found.standing.status,
        look=found.standing.look,
        level=found.standing.level,
        jointly=found.rule.pairs,
        margin=found.margin,
        still_improving=bool(found.still_changing),
        answer=[*(_answer(found, noun, settings, images) or [nothing]), *outcomes],
        outlook=[*_outlook(found, noun, images), *notes],
        evidence=[wording.in_words(each) for each in bill],
        best=found.best,
        best_of_these_images=found.best_of_these_images,
        bill=bill,
        pairs=found.pairs,
    )


def _receipt(found: Conclusions, first: Group, second: Group) -> Receipt:
    pair = found.by_ids[first.id, second.id]
    sizes = [{run.parameters for run in group.runs} for group in (first, second)]
    times = [
        [run.train_seconds for run in group.runs if run.train_seconds is not None]
        for group in (first, second)
    ]
    is_next = first.depth is not None and second.depth == first.depth + 1
    label = f"+ layer {second.depth}" if is_next else f"{second.label} vs. {first.label}"
    return Receipt(
        label=label,
        parameters=sizes[1].pop() - sizes[0].pop() if all(len(size) == 1 for size in sizes) else None,
        seconds=median(times[1]) - median(times[0]) if all(times) else None,
        **pair.model_dump(include=set(Receipt.model_fields) - {"label", "parameters", "seconds"}),
    )


def _answer(found: Conclusions, noun: Noun, settings: str, images: int | None) -> list[str]:
    """The headline, and the sentence on these test images alone."""
    groups = found.groups
    if not groups:
        return []
    status = _STATUS[found.standing.status]
    where = f"With {settings}" if settings else ""
    if len(groups) == 1:
        reached = f"{groups[0].label} reached {in_percent(groups[0].mean)} test accuracy ({groups[0].size})"
        return [
            _sentence(
                status, where, f"{reached}; with only one {noun.one} there is no other to compare it with."
            )
        ]
    if found.unranked:
        return [_sentence("", "", f"{found.unranked}.")]
    if all(pair.interval is None for pair in found.pairs):
        seen = (
            f"{found.highest.label} reached the highest mean test accuracy, {in_percent(found.highest.mean)}"
        )
        chance = "Without intervals, the order may be due to chance."
        return [_sentence(status, where, f"{seen}. {chance}{_unsettled(found)}")]
    tested = [pair for pair in found.pairs if pair.interval]
    on = " on new images of the same kind" if all(pair.new_images for pair in tested) else ""
    so_far = "so far, " if found.standing.status == "provisional" else ""
    claim = _per_images(found, found.pairs, noun, on)
    headline = _sentence(
        status, where, f"{so_far}{claim}{_left_out(found)}.{_not_ruled_out(found)}{_unsettled(found)}"
    )
    return [headline, _these_images(found, noun, images)]


def _sentence(status: str, where: str, what: str) -> str:
    """Join the parts of a headline."""
    text = f"{where}: {what}" if where else what
    text = f"{status}{text[0].lower() if status and text.startswith('With') else text[0]}{text[1:]}"
    starts_with_words = text.startswith(("no ", "the ", "for ", "so far"))
    return text[0].upper() + text[1:] if starts_with_words else text  # labels are written as they are


def _left_out(found: Conclusions) -> str:
    """The groups that can't be ranked because they have a single run, with their accuracy."""
    ranked = set(found.ranked)
    alone = [
        f"{group.label} ({in_percent(group.mean)})"
        for group in found.groups
        if group.id not in ranked and len(group.runs) == 1
    ]
    if not alone:
        return ""
    return f"; {listed(alone)}, with one run{' each' if len(alone) > 1 else ''}, can't be ranked"


def _per_images(
    found: Conclusions, pairs: Sequence[Pair], noun: Noun, on: str, *, brief: bool = False
) -> str:
    """Which groups may be the best, for each set of test images."""
    ranked = set(found.ranked)
    together = [[group for group in groups if group.id in ranked] for groups in found.by_images]
    claims = {
        listed(groups[0].datasets): _best(found, groups, pairs, noun, on, brief=brief)
        for groups in together
        if groups
    }
    if len(found.by_images) == 1:
        return next(iter(claims.values()))
    return "; ".join(f"for {dataset}, {claim}" for dataset, claim in claims.items())


def _best(
    found: Conclusions, groups: Sequence[Group], pairs: Sequence[Pair], noun: Noun, on: str, *, brief: bool
) -> str:
    """Which of these groups, tested on the same images, may be the best."""
    ids = unbeaten([group.id for group in groups], pairs)
    best = [group for group in groups if group.id in ids]
    are_far_apart = bool(_far_behind(found, best))
    if are_far_apart:
        best.sort(key=lambda group: group.mean, reverse=True)
    names = listed(
        [
            f"{_name(found, group)} ({in_percent(group.mean)})"
            if are_far_apart and not brief
            else _name(found, group)
            for group in best
        ]
    )
    if len(best) == 1:
        detail = f", with {in_percent(best[0].mean)} test accuracy ({best[0].size})"
        return f"the best{on} is {names}" + ("" if brief else detail + _lead(found, best[0], groups))
    within = [pair for pair in pairs if set(ids).issuperset(pair.ids)]
    if all(pair.answer == "equivalent" for pair in within):
        equal = f"equivalent within {_margin(found)}"
        if len(best) == len(groups):
            return f"{names} are {equal}{on}"
        return f"the best{on} are {names}, which are {equal}"
    if len(best) == len(groups):
        return f"no {noun.one} is shown to be better than another{on}"
    return f"the best{on} is among {names}"


def _far_behind(found: Conclusions, best: Sequence[Group]) -> list[Group]:
    """Those of the groups that may be the best whose mean is far below the highest one of them."""
    highest = max(group.mean for group in best)
    return [group for group in best if highest - group.mean > _FAR * found.margin]


def _not_ruled_out(found: Conclusions) -> str:
    """A sentence on why groups may be the best although their means are far below another's."""
    ranked = set(found.ranked)
    behind = []
    for groups in found.by_images:
        ids = unbeaten([group.id for group in groups if group.id in ranked], found.pairs)
        best = [group for group in groups if group.id in ids]
        if 1 < len(best) < sum(group.id in ranked for group in groups):
            behind += _far_behind(found, best)
    if not behind:
        return ""
    if len(behind) == 1:
        return (
            f" {_name(found, behind[0])} can't be ruled out: its {behind[0].size} vary by {_range(behind)}."
        )
    names = listed([_name(found, group) for group in behind])
    which = names if len(behind) <= _NAMED_GROUPS else f"The {len(behind)} with the lowest means"
    return f" {which} can't be ruled out: their seeds vary by up to {_range(behind)}."


def _range(groups: Sequence[Group]) -> str:
    """The largest range of test accuracies within one of these groups, in percentage points."""
    widest = max(max(group.test_accuracies) - min(group.test_accuracies) for group in groups)
    return in_points(widest).removeprefix("+")


def _lead(found: Conclusions, best: Group, groups: Sequence[Group]) -> str:
    """Whether the best group is ahead of the next one by more than the margin; empty if that is open."""
    others = [group for group in groups if group.id != best.id]
    if not others:
        return ""
    following = max(others, key=lambda group: group.mean)
    pair = found.by_ids.get((best.id, following.id)) or found.by_ids[following.id, best.id]
    if pair.exceeds_margin:
        return f", ahead of {_name(found, following)} by more than {_margin(found)}"
    if pair.interval and max(map(abs, pair.interval)) < found.margin:
        return f", ahead of {_name(found, following)} by less than {_margin(found)}"
    return ""


def _name(found: Conclusions, group: Group) -> str:
    """A group's label, without the data set if the sentence is about one of several."""
    if len(found.by_images) == 1:
        return group.label
    return group.label.removesuffix(f", {group.key.get('dataset')}")


def _margin(found: Conclusions) -> str:
    return Wording(found.standing.status, found.margin).shown_margin


def _unsettled(found: Conclusions) -> str:
    """A second sentence of the headline, on groups that more epochs could move."""
    if not found.still_changing:
        return ""
    labels = [group.label for group in found.improving]
    if not labels and any(pair.trend == "unknown" for pair in found.still_changing):
        return " Too few epochs to estimate a trend: more epochs could change this."
    if not labels:
        return " The differences still change at this budget: more epochs could change this."
    verb = "is" if len(labels) == 1 else "are"
    which = (
        "Still improving" if len(labels) == len(found.groups) else f"{listed(labels)} {verb} still improving"
    )
    return f" {which} at this budget: more epochs could change this."


def _labels(found: Conclusions, pairs: Sequence[Pair]) -> list[str]:
    """The labels of the groups of these pairs, in order."""
    ids = {group_id for pair in pairs for group_id in pair.ids}
    return [group.label for group in found.groups if group.id in ids]


def _these_images(found: Conclusions, noun: Noun, images: int | None) -> str:
    """The answer for these test images alone."""
    which = f"these {images:,} test images" if images else "these test images"
    tested = [pair for pair in found.pairs if pair.interval]
    if not any(pair.new_images for pair in tested):
        return f"This holds for {which} only: predictions are missing, so nothing is known about new images."
    if not all(pair.new_images for pair in tested):
        return (
            f"Predictions of some runs are missing, so conclusions about their groups hold for {which} only."
        )
    claim = _per_images(found, found.pairs_of_these_images, noun, "", brief=True)
    return f"On {which} alone, counting only variation over seeds: {claim}."


def _outlook(found: Conclusions, noun: Noun, images: int | None) -> list[str]:
    """What is open, and why."""
    sentences = []
    if found.standing.reason and found.groups:
        sentences.append(_why(found))
    if found.unranked or len(found.groups) < _TWO:
        return sentences
    if single := [group.label for group in found.groups if len(group.runs) == 1]:
        each = "has a single seed" if len(single) == 1 else "have a single seed each"
        sentences.append(f"{listed(single)} {each}, so there is no interval. Add seeds.")
    unclear = [pair for pair in found.deciding if pair.trend == "unclear"]
    if unclear and not found.still_changing:
        noisy = f"The last epochs of {listed(_labels(found, unclear))} are too noisy"
        sentences.append(f"{noisy} to tell whether more epochs would change the answer.")
    blunt = [pair for pair in found.undecided if not pair.resolvable]
    if blunt and not found.still_changing:
        which = f"These {images:,} test images" if images else "These test images"
        fewer = ", fewer groups" if len(found.groups) > _TWO else ""
        sentences.append(
            f"{which} can't resolve ±{_margin(found)} {_between(found, blunt)}: more seeds would not help. "
            f"A larger margin{fewer} or more test images would help."
        )
    if found.rule.pairs > _MANY:
        pairs, groups = plural(found.rule.pairs, "pair"), plural(len(found.groups), "group")
        held = f"The intervals hold jointly for {pairs} of {groups}, which makes them wide"
        sentences.append(f"{held}. Compare fewer {noun.many} for narrower ones.")
    return sentences


def too_many_seeds(found: Conclusions, pairs: Sequence[Pair]) -> list[str]:
    """A sentence on the pairs that only more seeds than anyone trains would resolve, if any."""
    if not pairs or found.still_changing:
        return []
    return [
        f"To resolve ±{_margin(found)} {_between(found, pairs)}, more than {MOST} seeds each would be needed."
    ]


def enough_seeds(found: Conclusions, pairs: Sequence[Pair]) -> list[str]:
    """A sentence on undecided pairs that have enough seeds for the margin, if any."""
    if not pairs or found.still_changing:
        return []
    had = f"The runs had {POWER:.0%} power to show a difference of {_margin(found)}".replace("%", " %")
    return [f"{had} {_between(found, pairs)}; whether there is a smaller difference remains open."]


def _between(found: Conclusions, pairs: Sequence[Pair]) -> str:
    if len(pairs) <= _NAMED_PAIRS:
        return " and ".join(f"between {listed(pair.groups)}" for pair in pairs)
    return f"among {listed(_labels(found, pairs))}"


def _why(found: Conclusions) -> str:
    reason = found.standing.reason[0].upper() + found.standing.reason[1:]
    if found.standing.status == "provisional":
        return f"{reason}."
    return f"{reason}. Treat the result as a hypothesis."
