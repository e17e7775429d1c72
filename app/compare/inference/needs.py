"""The seeds that would settle what is undecided among the best groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.compare.inference.conclusions import Conclusions
from app.compare.inference.judgement import Rule
from app.compare.inference.power import Unit, Wanted, needed_range, seeds_needed
from app.schemas.compare.comparison import Pair

_FEWEST: Final = 3
"""Seeds of each group that groups with a single one need before anything can be said."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The seeds that groups need in all, by id, and the 80 % range of the number of runs to add, if known.

    The upper end of the range is None if it is more than anyone trains. `out_of_reach` are the undecided
    pairs for which the same holds of the number itself, and `powered` those that have enough seeds; pairs
    that these test images can't resolve are in neither.
    """

    seeds: Mapping[str, int]
    runs_range: tuple[int, int | None] | None = None
    out_of_reach: Sequence[Pair] = ()
    powered: Sequence[Pair] = ()


def needs(found: Conclusions) -> Needs:
    """The least runs that resolve the margin in each undecided pair of the best groups at the next look.

    No seeds if nothing is undecided, or nothing that seeds can resolve.
    """
    if single := {group.id: _FEWEST for group in found.groups if len(group.runs) == 1}:
        return Needs(single)
    units, wanted, rule = _open(found)
    within = {ids: pair for ids, pair in wanted.items() if seeds_needed(units, [pair], rule) is not None}
    counts = seeds_needed(units, list(within.values()), rule) if within else None
    if counts is None:
        within = {}
    more = {
        group_id: count
        for unit, count in zip(units, counts or (), strict=False)
        for group_id in unit.groups
        if count > unit.n
    }
    return Needs(
        more,
        needed_range(units, list(within.values()), rule) if more else None,
        [found.by_ids[ids] for ids in wanted if ids not in within],
        [found.by_ids[ids] for ids in within if not more.keys() & set(ids)],
    )


def seeds_of_new_study(found: Conclusions) -> int | None:
    """The seeds that each of the best groups needs in a study that does not use the runs so far.

    If nothing is undecided, it detects half of the smallest lead of the best groups, or the margin if that is
    larger. None if seeds can't resolve anything on these test images.
    """
    if any(len(group.runs) == 1 for group in found.groups):
        return _FEWEST
    if found.undecided:
        units, wanted, rule = _open(found)
    else:
        units, wanted, rule = _leads(found)
    fresh = [replace(unit, n=0) for unit in units]
    counts = seeds_needed(fresh, list(wanted.values()), rule) if wanted else None
    return max(_FEWEST, *counts) if counts else None


def _leads(found: Conclusions) -> tuple[list[Unit], dict[tuple[str, str], Wanted], Rule]:
    """The same for the pairs of the best groups that are decided."""
    rule = found.next_rule
    units, place_of = _units(found)
    decided = [pair for pair in found.deciding if pair.answer]
    return units, {pair.ids: _wanted(found, pair, units, place_of) for pair in decided}, rule


def _open(found: Conclusions) -> tuple[list[Unit], dict[tuple[str, str], Wanted], Rule]:
    """The groups' units, the undecided pairs that seeds can resolve, and the rule at the next look."""
    rule = found.next_rule
    units, place_of = _units(found)
    wanted = {}
    for pair in found.undecided:
        if pair.resolvable:
            wanted[pair.ids] = _wanted(found, pair, units, place_of)
    return units, wanted, rule


def _wanted(found: Conclusions, pair: Pair, units: Sequence[Unit], place_of: Mapping[str, int]) -> Wanted:
    difference = found.differences[pair.ids]
    if difference is None:
        raise ValueError(f"{pair.ids} have no interval")
    first, second = (place_of[group_id] for group_id in pair.ids)
    over_seeds = sum(spread.variance for spread in difference.seeds)
    paired = over_seeds * units[first].n if pair.paired else None
    target = max(found.margin, abs(pair.difference) / 2) if pair.answer != "undecided" else None
    return Wanted((first, second), difference.images or 0.0, paired, target)


def _units(found: Conclusions) -> tuple[list[Unit], dict[str, int]]:
    """The groups that get seeds together, and the place of each group's unit."""
    units: list[Unit] = []
    place_of: dict[str, int] = {}
    for group, each in zip(found.groups, found.measured, strict=True):
        if group.id in place_of:
            continue
        mates = [other.id for other in found.groups if other is group or other.pairs_with(group)]
        place_of |= dict.fromkeys(mates, len(units))
        n = len(group.runs)
        units.append(Unit(tuple(mates), n, each.sample.spread.variance * n))
    return units, place_of
