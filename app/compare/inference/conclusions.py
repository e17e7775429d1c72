"""The conclusions about a set of groups: one family of intervals, and everything that derives from it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, pairwise

from app.compare.groups import Group
from app.compare.inference import looks
from app.compare.inference.differences import Difference, Sample, differences
from app.compare.inference.judgement import Rule, unbeaten
from app.compare.inference.power import within_reach
from app.compare.inference.standing import Standing
from app.compare.inference.trend import Slope, trend
from app.compare.outcomes import improvement
from app.prose import listed
from app.schemas.compare.comparison import Pair
from app.schemas.configurations import title_of


@dataclass(frozen=True)
class Measured:
    """What a comparison knows of a group's runs besides their results.

    `sample` are their accuracies and correctly classified images, `slope` says how fast they still improved.
    """

    sample: Sample
    slope: Slope | None = None


@dataclass(frozen=True)
class Conclusions:
    """The pairs of groups, judged by one rule."""

    groups: Sequence[Group]
    measured: Sequence[Measured]
    standing: Standing
    margin: float

    @cached_property
    def rule(self) -> Rule:
        """The rule for all pairs of these groups that have an interval."""
        pairs = sum(difference is not None for difference in self.differences.values())
        return Rule(self.standing.level, pairs, self.margin)

    @cached_property
    def next_rule(self) -> Rule:
        """The rule for the same pairs at the next look; an exploration is followed by a first look."""
        look = self.standing.look
        return replace(self.rule, level=looks.level(look + 1 if look else 1))

    @cached_property
    def by_images(self) -> list[list[Group]]:
        """The groups with the same test images together: only these are compared."""
        together: dict[tuple[str, ...], list[Group]] = {}
        for group in self.groups:
            together.setdefault(tuple(group.datasets), []).append(group)
        return list(together.values())

    @cached_property
    def differences(self) -> Mapping[tuple[str, str], Difference | None]:
        """The differences of comparable groups, by their ids; None where a group has a single run.

        Groups that mix configurations or have other test images are not comparable, and say nothing about
        the spread of the others.
        """
        sample_of = {group.id: each.sample for group, each in zip(self.groups, self.measured, strict=True)}
        found: dict[tuple[str, str], Difference | None] = {}
        for groups in self.by_images:
            ids = [group.id for group in groups if not group.mixed]
            between = differences([sample_of[group_id] for group_id in ids])
            found |= {(ids[first], ids[second]): each for (first, second), each in between.items()}
        return found

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every two groups compared, in order."""
        both = zip(combinations(self.groups, 2), combinations(self.measured, 2), strict=True)
        return [self._pair(first, second, *measured) for (first, second), measured in both]

    def _pair(self, first: Group, second: Group, one: Measured, other: Measured) -> Pair:
        untested = _untested(first, second)
        difference = None if untested else self.differences.get((first.id, second.id))
        interval = self.rule.interval(difference) if difference else None
        these = self.rule.interval(difference.of_these_images) if difference else None
        mean = round(second.mean - first.mean, 12)
        return Pair(
            depths=None if first.depth is None or second.depth is None else (first.depth, second.depth),
            groups=(first.label, second.label),
            ids=(first.id, second.id),
            paired=first.pairs_with(second),
            difference=mean,
            improvement=improvement(first.test_accuracies, second.test_accuracies),
            interval=interval,
            of_these_images=these,
            new_images=difference is not None and difference.images is not None,
            answer=self.rule.answer(interval) if interval else None,
            exceeds_margin=interval is not None and self.rule.exceeds_margin(interval),
            resolvable=difference is None or within_reach(difference.images or 0.0, self.next_rule),
            trend=trend(interval or (mean, mean), one.slope, other.slope, self.rule),
            untested=untested or (None if interval else _constant(first, second)),
        )

    @cached_property
    def by_ids(self) -> Mapping[tuple[str, str], Pair]:
        """The pairs by the ids of their groups."""
        return {pair.ids: pair for pair in self.pairs}

    @property
    def unranked(self) -> str:
        """Why these groups have no best one, in a sentence without its end; empty if they have."""
        if len(self.by_images) > 1 and not any(self.differences.values()):
            datasets = listed(several_datasets(self.groups))
            return f"These runs used different images ({datasets}), so they can't be ranked"
        if mixed := [group for group in self.groups if group.mixed]:
            fields = in_words(name for group in mixed for name in group.mixed)
            names = listed([group.label for group in mixed])
            return f"The runs of {names} differ in {fields}, so they can't be ranked: split by {fields}"
        if self.groups and all(group.guessing == len(group.runs) for group in self.groups):
            return "No run is significantly above guessing, so the groups can't be ranked"
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
    def pairs_of_these_images(self) -> list[Pair]:
        """The pairs, with the answers for these test images alone, over seeds."""
        return [_of_these_images(pair, self.rule) for pair in self.pairs]

    @cached_property
    def best_of_these_images(self) -> list[str]:
        """The groups that no other is better than on these test images alone."""
        return unbeaten(self.ranked, self.pairs_of_these_images)

    @property
    def highest(self) -> Group:
        """The group with the highest mean test accuracy."""
        return max(self.groups, key=lambda group: group.mean)

    @cached_property
    def deciding(self) -> list[Pair]:
        """The pairs that the headline depends on: those with at least one of the best groups.

        Without intervals, those with the highest mean.
        """
        if self.unranked or not self.groups:
            return []
        leading = set(self.best or [self.highest.id])
        return [pair for pair in self.pairs if leading.intersection(pair.ids)]

    @property
    def still_changing(self) -> list[Pair]:
        """The deciding pairs whose answer more epochs could change."""
        return [pair for pair in self.deciding if pair.trend in {"improving", "changing", "unknown"}]

    @property
    def improving(self) -> list[Group]:
        """The groups of these pairs that still improve."""
        improving = [pair for pair in self.still_changing if pair.trend == "improving"]
        ids = {group_id for pair in improving for group_id in pair.ids}
        return [
            group
            for group, each in zip(self.groups, self.measured, strict=True)
            if group.id in ids and each.slope is not None and each.slope.rises(self.rule)
        ]

    @property
    def undecided(self) -> list[Pair]:
        """The undecided pairs among the best groups."""
        best = set(self.best)
        return [pair for pair in self.pairs if pair.answer == "undecided" and best.issuperset(pair.ids)]

    @property
    def neighbors(self) -> list[tuple[Group, Group]]:
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


def _of_these_images(pair: Pair, rule: Rule) -> Pair:
    if pair.of_these_images is None:
        return pair
    return pair.model_copy(update={"answer": rule.answer(pair.of_these_images)})


def several_datasets(groups: Sequence[Group]) -> list[str]:
    """The data sets of these groups if there are several, else an empty list."""
    found = sorted({name for group in groups for name in group.datasets})
    return found if len(found) > 1 else []


def in_words(fields: Iterable[str]) -> str:
    """The titles of fields, each once: `learning rate and width`."""
    return " and ".join(dict.fromkeys(title_of(name).lower() for name in fields))


def _constant(first: Group, second: Group) -> str:
    """Why two groups of several runs have no interval."""
    if first.pairs_with(second) and len(set(first.test_accuracies)) > 1:
        return "the difference is constant over seeds, and predictions are missing"
    return "accuracies are constant over seeds, and predictions are missing"


def _untested(first: Group, second: Group) -> str | None:
    """Why the difference of two groups has no interval, and how to get one; None if it has."""
    if first.mixed or second.mixed:
        mixing = [group.label for group in (first, second) if group.mixed]
        names = in_words([*first.mixed, *second.mixed])
        return f"the runs of {listed(mixing)} differ in {names}: split by {names}"
    if first.datasets != second.datasets:
        return "the groups used different images"
    if all(group.guessing == len(group.runs) for group in (first, second)):
        return "neither is significantly above guessing"
    single = [group.label for group in (first, second) if len(group.runs) == 1]
    if len(single) == 1:
        return f"{single[0]} has a single seed"
    return "both have a single seed" if single else None
