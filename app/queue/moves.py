"""Moves of queued runs to other places in the queue."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal

from sqlalchemy import bindparam, update
from sqlmodel import Session, col, select

from app.queue import run_rows
from app.queue.claims import order_key, order_of_claims
from app.queue.run_rows import Refusals
from app.schemas.status import Status
from app.storage.tables import Run

Target = Literal["top", "bottom", "up", "down"] | int
"""Where to move runs: to an end, by one place, or to a place counted from 1."""


@dataclass(frozen=True, slots=True)
class Place:
    """What decides the place of a queued run."""

    id: int
    priority: int
    position: float

    @property
    def order(self) -> tuple[int, float, int]:
        """The sort key of claims."""
        return order_key(self.priority, self.position, self.id)


@dataclass(frozen=True, slots=True)
class Moved:
    """A moved run: its place in the queue from 1, and its priority before and after."""

    id: int
    place: int
    priority: int
    priority_before: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The moved runs in their new order, how many runs are queued, and the skipped runs with the reason."""

    moved: list[Moved]
    queued: int
    refusals: Refusals


def move(session: Session, run_ids: Collection[int], to: Target) -> Outcome:
    """Move queued runs; several keep their order and stand together. Runs that are not queued are skipped.

    A run keeps its priority unless its new place is among runs of another priority; then it gets theirs. Only
    the moved runs get change numbers: the others keep their order.
    """
    queue = _queue(session)
    wanted = frozenset(run_ids)
    chosen = [place for place in queue if place.id in wanted]
    rest = [place for place in queue if place.id not in wanted]
    arranged = arrange(rest, chosen, _index(queue, chosen, to))
    _write(session, {place.id: place for place in queue}, arranged, wanted)
    before = {place.id: place.priority for place in chosen}
    moved = [
        Moved(place.id, number, place.priority, before[place.id])
        for number, place in enumerate(arranged, 1)
        if place.id in wanted
    ]
    states = run_rows.states_of(session, run_ids)
    able: tuple[Status, ...] = ("queued",)
    why = "is {status}; only a queued run can be moved"
    return Outcome(moved, len(queue), run_rows.refusals(run_ids, states, able, why))


def _queue(session: Session) -> list[Place]:
    """The queued runs in the order of claims."""
    rows = session.execute(
        select(Run.id, Run.priority, Run.position).where(Run.status == "queued").order_by(*order_of_claims())
    )
    return [Place(*row) for row in rows]


def _index(queue: Sequence[Place], chosen: Sequence[Place], to: Target) -> int:
    """How many of the other runs stand before the moved ones in the end."""
    if to == "top":
        return 0
    others = len(queue) - len(chosen)
    if to == "bottom" or not chosen:
        return others
    if isinstance(to, int):
        return min(to - 1, others)
    moved = {place.id for place in chosen}
    end = queue.index(chosen[0] if to == "up" else chosen[-1])
    before = sum(place.id not in moved for place in queue[:end])
    return max(0, before - 1) if to == "up" else min(others, before + 1)


def arrange(rest: Sequence[Place], chosen: Sequence[Place], index: int) -> list[Place]:
    """The whole queue in its new order, with `chosen` after the first `index` of the others.

    Priorities of `chosen` change only as far as this order requires; positions of others, only where two
    neighbors leave no number between theirs, and then on the side with fewer runs to change.
    """
    before, after = rest[:index], rest[index:]
    low = after[0].priority if after else None
    high = before[-1].priority if before else None
    fitted = [replace(place, priority=_within(place.priority, low, high)) for place in chosen]
    wanted = [*before, *fitted, *after]
    if _is_ordered(wanted):
        return wanted
    arranged: list[Place] = []
    moved = {place.id for place in chosen}
    for priority in sorted({place.priority for place in wanted}, reverse=True):
        alike = [place for place in wanted if place.priority == priority]
        arranged += _positioned(alike, moved)
    return arranged


def _within(priority: int, low: int | None, high: int | None) -> int:
    if low is not None and priority < low:
        return low
    return high if high is not None and priority > high else priority


def _is_ordered(places: Iterable[Place]) -> bool:
    return all(one.order < next_one.order for one, next_one in pairwise(places))


def _positioned(alike: Sequence[Place], moved: Collection[int]) -> list[Place]:
    """Runs of one priority with positions in this order; `moved` stand together."""
    if _is_ordered(alike):
        return [*alike]
    indices = [index for index, place in enumerate(alike) if place.id in moved]
    before, block, after = alike[: indices[0]], alike[indices[0] : indices[-1] + 1], alike[indices[-1] + 1 :]
    if not before:
        first = after[0].position if after else float(len(block))
        return [*_spread(block, first - len(block), 1.0), *after]
    last = before[-1].position
    if not after:
        return [*before, *_spread(block, last + 1.0, 1.0)]
    step = (after[0].position - last) / (len(block) + 1)
    between = [*before, *_spread(block, last + step, step), *after]
    if step > 0 and _is_ordered(between):
        return between
    lowered = [*_lowered([*before, *_spread(block, after[0].position - len(block), 1.0)]), *after]
    raised = [*before, *_raised([*_spread(block, last + 1.0, 1.0), *after])]
    return min(lowered, raised, key=lambda places: _changes(alike, places))


def _spread(block: Sequence[Place], first: float, step: float) -> list[Place]:
    """These runs at equal distances."""
    return [replace(place, position=first + number * step) for number, place in enumerate(block)]


def _lowered(places: Sequence[Place]) -> list[Place]:
    """Lowers positions where they are not before the next, from the end."""
    kept: list[Place] = []
    for place in reversed(places):
        fits = not kept or place.order < kept[-1].order
        kept.append(place if fits else replace(place, position=kept[-1].position - 1.0))
    return kept[::-1]


def _raised(places: Sequence[Place]) -> list[Place]:
    """Raises positions where they are not after the one before, from the start."""
    kept: list[Place] = []
    for place in places:
        fits = not kept or kept[-1].order < place.order
        kept.append(place if fits else replace(place, position=kept[-1].position + 1.0))
    return kept


def _changes(old: Sequence[Place], new: Sequence[Place]) -> int:
    return sum(one != other for one, other in zip(old, new, strict=True))


_POSITION: Final = (
    update(run_rows.TABLE)
    .where(run_rows.TABLE.c.id == bindparam("written"), run_rows.TABLE.c.status == "queued")
    .values(position=bindparam("to"))
)


def _write(session: Session, old: dict[int, Place], new: Sequence[Place], moved: Collection[int]) -> None:
    changed = [place for place in new if place != old[place.id]]
    pushed = [{"written": place.id, "to": place.position} for place in changed if place.id not in moved]
    if pushed:
        session.connection().execute(_POSITION, pushed)
    own = [place for place in changed if place.id in moved]
    for place in own:
        edited = {"priority": place.priority, "version": Run.version + 1}
        values = {"position": place.position, **(edited if place.priority != old[place.id].priority else {})}
        run_rows.write(session, (col(Run.id) == place.id, col(Run.status) == "queued"), **values)
