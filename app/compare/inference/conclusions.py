"""The conclusions about a set of groups: one family of intervals, and everything that derives from it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, pairwise
from typing import Final

from app.compare.groups import Group
from app.compare.inference import looks
from app.compare.inference.differences import Difference, Sample, differences
from app.compare.inference.judgement import Rule, unbeaten
from app.compare.inference.power import within_reach
from app.compare.inference.standing import Standing
from app.compare.inference.trend import Slopes, could_change
from app.compare.outcomes import improvement
from app.prose import listed
from app.schemas.comparison import Pair
from app.schemas.configurations import title_of

_CONSTANT: Final = "accuracies are constant over seeds, and predictions are missing"


@dataclass(frozen=True)
class Measured:
    """What a comparison knows of a group's runs besides their results.

    `sample` are their accuracies and correctly classified images. `slopes` are None if the trend is unknown,
    or if the learning rate has decayed to 0, so that nothing can follow.
    """

    sample: Sample
    slopes: Slopes | None = None


@dataclass(frozen=True)
class Conclusions:
    """The pairs of groups, judged by one rule."""

    groups: Sequence[Group]
    measured: Sequence[Measured]
    standing: Standing
    margin: float

    @cached_property
    def rule(self) -> Rule:
        """The rule for all pairs of these groups."""
        return Rule(self.standing.level, len(self.groups) * (len(self.groups) - 1) // 2, self.margin)

    @cached_property
    def next_rule(self) -> Rule:
        """The rule for the same pairs at the next look; an exploration is followed by a first look."""
        look = self.standing.look
        return replace(self.rule, level=looks.level(look + 1 if look else 1))

    @cached_property
    def differences(self) -> Mapping[tuple[str, str], Difference | None]:
        """The difference of every two groups, by their ids; None if it has no interval."""
        found = differences([each.sample for each in self.measured])
        return {
            (self.groups[first].id, self.groups[second].id): difference
            for (first, second), difference in found.items()
        }

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every two groups compared, in order."""
        both = zip(combinations(self.groups, 2), combinations(self.measured, 2), strict=True)
        return [self._pair(first, second, *measured) for (first, second), measured in both]

    def _pair(self, first: Group, second: Group, one: Measured, other: Measured) -> Pair:
        untested = _untested(first, second)
        difference = None if untested else self.differences[first.id, second.id]
        interval = self.rule.interval(difference) if difference else None
        these = self.rule.interval(difference.of_these_images) if difference else None
        return Pair(
            depths=None if first.depth is None or second.depth is None else (first.depth, second.depth),
            groups=(first.label, second.label),
            ids=(first.id, second.id),
            paired=first.pairs_with(second),
            difference=round(second.mean - first.mean, 12),
            improvement=improvement(first.test_accuracies, second.test_accuracies),
            interval=interval,
            of_these_images=these,
            new_images=difference is not None and difference.images is not None,
            answer=self.rule.answer(interval) if interval else None,
            exceeds_margin=interval is not None and self.rule.exceeds_margin(interval),
            resolvable=difference is None or within_reach(difference.images or 0.0, self.next_rule),
            still_improving=interval is not None
            and could_change(interval, one.slopes, other.slopes, self.rule),
            untested=untested
            if untested or interval
            else "accuracies are constant over seeds, and predictions are missing",
        )

    @cached_property
    def by_ids(self) -> Mapping[tuple[str, str], Pair]:
        """The pairs by the ids of their groups."""
        return {pair.ids: pair for pair in self.pairs}

    @property
    def unranked(self) -> str:
        """Why these groups have no best one, in a sentence without its end; empty if they have."""
        if datasets := several_datasets(self.groups):
            return f"These runs used different images ({listed(datasets)}), so they can't be ranked"
        if mixed := [group for group in self.groups if group.mixed]:
            fields = in_words(name for group in mixed for name in group.mixed)
            names = listed([group.label for group in mixed])
            return f"The runs of {names} differ in {fields}, so they can't be ranked: split by {fields}"
        if self.groups and all(group.guessing == len(group.runs) for group in self.groups):
            return "None of these runs is significantly better than guessing, so they can't be ranked"
        return ""

    @cached_property
    def compared(self) -> list[str]:
        """The ids of the groups that have an interval against another; a group alone needs none."""
        if len(self.groups) == 1:
            return [self.groups[0].id]
        ids = {group_id for pair in self.pairs if pair.interval for group_id in pair.ids}
        return [group.id for group in self.groups if group.id in ids]

    @property
    def ranked(self) -> list[str]:
        """The ids of the groups that can be ranked."""
        return [] if self.unranked else self.compared

    @cached_property
    def best(self) -> list[str]:
        """The ids of the compared groups that no other is better than; empty if they can't be ranked."""
        return unbeaten(self.ranked, self.pairs)

    @cached_property
    def best_of_these_images(self) -> list[str]:
        """The same for these test images alone, over seeds."""
        judged = [
            pair.model_copy(
                update={
                    "answer": self.rule.answer(pair.of_these_images) if pair.of_these_images else pair.answer
                }
            )
            for pair in self.pairs
        ]
        return unbeaten(self.ranked, judged)

    @property
    def deciding(self) -> list[Pair]:
        """The pairs that the best groups depend on: those with at least one of them."""
        best = set(self.best)
        return [pair for pair in self.pairs if best.intersection(pair.ids)]

    @property
    def still_improving(self) -> list[Pair]:
        """The deciding pairs whose answer more epochs could change."""
        return [pair for pair in self.deciding if pair.still_improving]

    @property
    def undecided(self) -> list[Pair]:
        """The undecided pairs among the best groups."""
        best = set(self.best)
        return [pair for pair in self.pairs if pair.answer == "undecided" and best.issuperset(pair.ids)]

    @property
    def neighbours(self) -> list[tuple[Group, Group]]:
        """Each group with the next one of the same data that differs in a single part of the key.

        With keys of one part, this is the next group. If no two groups differ in a single part, each group is
        paired with the next one.
        """
        if not self.groups:
            return []
        found = []
        for name in self.groups[0].key:
            for place, group in enumerate(self.groups):
                rest = {key: value for key, value in group.key.items() if key != name}
                following = (
                    other
                    for other in self.groups[place + 1 :]
                    if other.datasets == group.datasets
                    and {key: value for key, value in other.key.items() if key != name} == rest
                )
                if (other := next(following, None)) is not None:
                    found.append((group, other))
        return found or list(pairwise(self.groups))


def several_datasets(groups: Sequence[Group]) -> list[str]:
    """The data sets of these groups if there are several, else an empty list."""
    found = sorted({name for group in groups for name in group.datasets})
    return found if len(found) > 1 else []


def in_words(fields: Iterable[str]) -> str:
    """The titles of fields, each once: `learning rate and width`."""
    return " and ".join(dict.fromkeys(title_of(name).lower() for name in fields))


def _untested(first: Group, second: Group) -> str | None:
    """Why the difference of two groups has no interval, and how to get one; None if it has."""
    if first.mixed or second.mixed:
        mixing = [group.label for group in (first, second) if group.mixed]
        names = in_words([*first.mixed, *second.mixed])
        return f"the runs of {listed(mixing)} differ in {names}: split by {names}"
    if first.datasets != second.datasets:
        return "they used different images"
    if all(group.guessing == len(group.runs) for group in (first, second)):
        return "neither is significantly better than guessing"
    single = [group.label for group in (first, second) if len(group.runs) == 1]
    if len(single) == 1:
        return f"{single[0]} has a single seed"
    return "both have a single seed" if single else None
