"""The seeds that would settle what is undecided among the best groups."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.compare.inference.conclusions import Conclusions
from app.compare.inference.judgement import Rule
from app.compare.inference.power import Unit, Wanted, needed_range, seeds_needed, within_reach

_FEWEST: Final = 3
"""Seeds of each group that groups with a single one need before anything can be said."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The seeds that groups need in all, by id, and the 80 % range of the number of runs to add, if known."""

    seeds: Mapping[str, int]
    runs_range: tuple[int, int] | None


def needs(found: Conclusions) -> Needs | None:
    """The least runs that resolve the margin in each undecided pair of the best groups at the next look.

    None if nothing is undecided, or nothing that seeds can resolve on these test images.
    """
    if single := {group.id: _FEWEST for group in found.groups if len(group.runs) == 1}:
        return Needs(single, None)
    units, wanted, rule = _open(found)
    counts = seeds_needed(units, wanted, rule) if wanted else None
    if counts is None:
        return None
    more = {
        group_id: count
        for unit, count in zip(units, counts, strict=True)
        for group_id in unit.groups
        if count > unit.n
    }
    return Needs(more, needed_range(units, wanted, rule)) if more else None


def seeds_of_new_study(found: Conclusions) -> int | None:
    """The seeds that each of the best groups needs in a study that does not use the runs so far.

    A few, if they show all differences so far. None if seeds can't resolve anything on these test images.
    """
    if any(len(group.runs) == 1 for group in found.groups) or not found.undecided:
        return _FEWEST
    units, wanted, rule = _open(found)
    counts = seeds_needed([replace(unit, n=0) for unit in units], wanted, rule) if wanted else None
    return max(_FEWEST, *counts) if counts else None


def _open(found: Conclusions) -> tuple[list[Unit], list[Wanted], Rule]:
    """The groups' units, the undecided pairs that seeds can resolve, and the rule at the next look."""
    rule = found.next_rule
    units, place_of = _units(found)
    wanted = []
    for pair in found.undecided:
        difference = found.differences[pair.ids]
        if difference is None or not within_reach(difference.images or 0.0, rule):
            continue
        first, second = (place_of[group_id] for group_id in pair.ids)
        paired = difference.seeds[0].variance * units[first].n if pair.paired else None
        wanted.append(Wanted((first, second), difference.images or 0.0, paired))
    return units, wanted, rule


def _units(found: Conclusions) -> tuple[list[Unit], dict[str, int]]:
    """The groups that get seeds together, and the place of each group's unit."""
    units: list[Unit] = []
    place_of: dict[str, int] = {}
    for group, each in zip(found.groups, found.measured, strict=True):
        if group.id in place_of:
            continue
        mates = [other.id for other in found.groups if other is group or other.pairs_with(group)]
        place_of |= dict.fromkeys(mates, len(units))
        units.append(Unit(tuple(mates), len(group.runs), each.sample.variance))
    return units, place_of
