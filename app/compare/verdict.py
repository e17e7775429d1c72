"""The verdict on groups of runs, in words: every sentence derives from the conclusions."""

from collections.abc import Sequence
from statistics import median
from typing import Final

from app.compare.groups import Group
from app.compare.inference.conclusions import Conclusions
from app.formats import about, plural, whole
from app.prose import DEPTHS, Noun, in_percent, in_points, listed
from app.schemas.comparison import Finding, Pair, Receipt, Verdict

_MANY: Final = 45
"""More pairs than those of ten groups make the intervals so wide that the page suggests fewer groups."""
_TWO: Final = 2
_HELPS: Final = "A larger margin, fewer groups or more test images would."
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
    bill = [_receipt(found, *both) for both in found.neighbours]
    return Verdict(
        status=found.standing.status,
        look=found.standing.look,
        level=found.standing.level,
        margin=found.margin,
        still_improving=bool(found.still_improving),
        answer=[*(_answer(found, noun, settings, images) or [nothing]), *outcomes],
        outlook=[*_outlook(found, noun, images), *notes],
        evidence=[in_words(each) for each in bill],
        best=found.best,
        best_of_these_images=found.best_of_these_images,
        bill=bill,
        pairs=found.pairs,
    )


def in_words(receipt: Receipt) -> str:
    """A receipt as a sentence: `+ layer 2: +1.82 pp [+1.60, +2.00], better, for 399,200 parameters more.`.

    A receipt without an interval says why it has none.
    """
    claim = f"{receipt.label}: {in_points(receipt.difference)}"
    if receipt.interval is None:
        return f"{claim} ({receipt.untested})."
    costs = []
    if receipt.parameters:
        costs.append(f"{whole(receipt.parameters)} more parameters")
    if receipt.seconds and receipt.seconds > 0:
        costs.append(f"{about(receipt.seconds)} more training time")
    price = f"; costs {' and '.join(costs)}" if costs and receipt.answer == "better" else ""
    return f"{claim} {bracketed(receipt.interval)}, {judged(receipt)}{price}."


def bracketed(interval: tuple[float, float]) -> str:
    """An interval in percentage points without its unit: [+1.60, +2.00]."""
    low, high = (in_points(bound).removesuffix(" pp") for bound in interval)
    return f"[{low}, {high}]"


def judged(pair: Finding) -> str:
    """What the interval of a pair shows, in words."""
    words = str(pair.answer)
    if pair.answer in ("better", "worse"):
        words += " by more than the margin" if pair.exceeds_margin else ""
    if pair.still_improving:
        words += ", still improving"
    return words


def _receipt(found: Conclusions, first: Group, second: Group) -> Receipt:
    pair = found.by_ids[first.id, second.id]
    sizes = [{run.parameters for run in group.runs} for group in (first, second)]
    times = [
        [run.train_seconds for run in group.runs if run.train_seconds is not None]
        for group in (first, second)
    ]
    is_next = first.depth is not None and second.depth == first.depth + 1
    label = f"+ layer {second.depth}" if is_next else f"{second.label} against {first.label}"
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
                status, where, f"{reached}; with only one {noun.one} there is nothing to compare it with."
            )
        ]
    highest = max(groups, key=lambda group: group.mean)
    if found.unranked:
        return [_sentence("", "", f"{found.unranked}.")]
    if all(pair.interval is None for pair in found.pairs):
        seen = f"{highest.label} reached the highest mean test accuracy, {in_percent(highest.mean)}"
        return [_sentence(status, where, f"{seen}. Without intervals, the order may be due to chance.")]
    best = [group for group in groups if group.id in found.best]
    is_general = all(pair.new_images for pair in found.pairs if pair.interval)
    on = " on new images of the same kind" if is_general else ""
    so_far = "so far, " if found.standing.status == "provisional" else ""
    headline = _sentence(status, where, f"{so_far}{_best(found, best, noun, on)}.{_unsettled(found)}")
    return [headline, *_these_images(found, noun, images, is_general=is_general)]


def _sentence(status: str, where: str, what: str) -> str:
    """Join the parts of a headline; the first letter is a capital."""
    text = f"{where}: {what}" if where else what
    text = f"{status}{text[0].lower() if status and text.startswith('With') else text[0]}{text[1:]}"
    return text[0].upper() + text[1:]


def _best(found: Conclusions, best: Sequence[Group], noun: Noun, on: str) -> str:
    """Which groups may be the best."""
    names = listed([group.label for group in best])
    if len(best) == 1:
        return f"the best{on} is {names}, with {in_percent(best[0].mean)} test accuracy ({best[0].size})"
    ids = {group.id for group in best}
    within = [pair for pair in found.pairs if ids.issuperset(pair.ids)]
    if all(pair.answer == "equivalent" for pair in within):
        equal = f"equivalent within {in_points(found.margin).removeprefix('+')}"
        if len(best) == len(found.compared):
            return f"{names} are {equal}{on}"
        return f"the best{on} are {names}, which are {equal}"
    if len(best) == len(found.compared):
        return f"no {noun.one} is shown to be better than another{on}"
    return f"the best{on} is among {names}"


def _unsettled(found: Conclusions) -> str:
    """A second sentence of the headline, on groups that more epochs could move."""
    if not found.still_improving:
        return ""
    if all(each.slopes is not None and not each.slopes.values for each in found.measured):
        return " Too few epochs to estimate a trend: more epochs could change this."
    labels = _labels(found, found.still_improving)
    is_all = len(labels) == len(found.groups)
    which = "Still improving" if is_all else f"{listed(labels)} are still improving"
    return f" {which} at this budget: more epochs could change this."


def _labels(found: Conclusions, pairs: Sequence[Pair]) -> list[str]:
    """The labels of the groups of these pairs, in order."""
    ids = {group_id for pair in pairs for group_id in pair.ids}
    return [group.label for group in found.groups if group.id in ids]


def _these_images(found: Conclusions, noun: Noun, images: int | None, *, is_general: bool) -> list[str]:
    """The answer for these test images alone."""
    which = f"these {images:,} test images" if images else "these test images"
    if not is_general:
        why = "predictions of some runs are missing, so nothing is known about new images"
        return [f"This holds for {which} only: {why}."]
    ids = found.best_of_these_images
    names = listed([group.label for group in found.groups if group.id in ids])
    on = f"On {which} alone, with only the variation over seeds"
    if len(ids) == 1:
        return [f"{on}, the best is {names}."]
    if len(ids) == len(found.compared):
        return [f"{on}, no {noun.one} is shown to be better than another."]
    return [f"{on}, the best is among {names}."]


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
    margin = in_points(found.margin).removeprefix("+")
    blunt = [pair for pair in found.undecided if not (pair.resolvable or pair.still_improving)]
    if blunt:
        which = f"These {images:,} test images" if images else "These test images"
        names = listed(_labels(found, blunt))
        sentences.append(
            f"{which} cannot resolve ±{margin} between {names}: more seeds would not help. {_HELPS}"
        )
    if len(found.pairs) > _MANY:
        pairs, groups = plural(len(found.pairs), "pair"), plural(len(found.groups), "group")
        held = f"The intervals hold jointly for {pairs} of {groups}, which makes them wide"
        sentences.append(f"{held}. Compare fewer {noun.many} for narrower ones.")
    return sentences


def _why(found: Conclusions) -> str:
    reason = found.standing.reason[0].upper() + found.standing.reason[1:]
    if found.standing.status == "provisional":
        return f"{reason}."
    return f"{reason}. Treat the result as a hypothesis: test it in a study with new seeds."
