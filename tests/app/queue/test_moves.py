"""Moves: where queued runs stand afterwards, and how little changes for that."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.queue import moves, run_rows
from app.queue.moves import Place, Target, arrange
from app.schemas.bodies import Labels
from app.storage.database import Database, newest_change
from app.web import events
from tests.app.states import claimed, queue_run, row, take

BACKENDS = ("sqlite", "postgresql")


def queued(database: Database, *priorities: int) -> list[int]:
    """Queue runs with these priorities and return their ids."""
    return [queue_run(database, Labels(priority=priority)) for priority in priorities]


def moved(database: Database, ids: list[int], to: Target) -> moves.Outcome:
    with database.write() as session:
        return moves.move(session, ids, to)


def order(database: Database) -> list[int]:
    """The order in which workers would claim the queued runs."""
    with database.read() as session:
        return [place.id for place in moves._queue(session)]  # noqa: SLF001  # the order of claims


@pytest.mark.parametrize(
    ("ids", "to", "expected"),
    [
        ([4], "top", [4, 1, 2, 3, 5]),
        ([2], "bottom", [1, 3, 4, 5, 2]),
        ([4], 2, [1, 4, 2, 3, 5]),
        ([2], 4, [1, 3, 4, 2, 5]),
        ([2], 99, [1, 3, 4, 5, 2]),
        ([3], "up", [1, 3, 2, 4, 5]),
        ([3], "down", [1, 2, 4, 3, 5]),
        ([1], "up", [1, 2, 3, 4, 5]),
        ([5], "down", [1, 2, 3, 4, 5]),
        ([5, 2], "top", [2, 5, 1, 3, 4]),
        ([1, 3], "down", [2, 4, 1, 3, 5]),
        ([3, 5], "up", [1, 3, 5, 2, 4]),
    ],
)
def test_runs_move_in_the_whole_queue(
    database: Database, ids: list[int], to: Target, expected: list[int]
) -> None:
    queued(database, 0, 0, 0, 0, 0)
    outcome = moved(database, ids, to)
    assert order(database) == expected
    assert [(run.id, run.place) for run in outcome.moved] == [
        (run_id, expected.index(run_id) + 1) for run_id in expected if run_id in ids
    ]
    assert claimed(database).run_id == expected[0]


def test_a_run_takes_another_priority_only_to_reach_its_place(database: Database) -> None:
    high, first, second, low = queued(database, 5, 0, 0, -5)
    assert moved(database, [second], "up").moved == [moves.Moved(second, 2, 0, 0)]
    assert moved(database, [second], "up").moved == [moves.Moved(second, 1, 5, 0)]
    assert moved(database, [high], "bottom").moved == [moves.Moved(high, 4, -5, 5)]
    assert order(database) == [second, first, low, high]
    assert (row(database, second).version, row(database, first).version) == (2, 1)


def test_later_runs_come_after_one_moved_to_the_bottom(database: Database) -> None:
    queued(database, 0, 0, 0)
    moved(database, [1], "bottom")
    queued(database, 0)
    assert order(database) == [2, 3, 1, 4]


def test_only_the_moved_run_is_announced(database: Database) -> None:
    queued(database, 0, 0, 0, 0)
    with database.read() as session:
        seen = newest_change(session)
    moved(database, [4], 3)
    moved(database, [4], 3)
    with database.read() as session:
        found, reached = events.read_after(session, seen)
    assert [(event.kind, event.run_id, event.id) for event in found] == [("run", 4, seen + 1)]
    assert reached == seen + 1


def test_runs_that_are_not_queued_are_skipped_with_the_reason(database: Database) -> None:
    queued(database, 0, 0, 0)
    take(database)
    outcome = moved(database, [1, 3, 9], "top")
    assert order(database) == [3, 2]
    assert str(outcome.refusals[1]) == "run 1 is running; only a queued run can be moved"
    assert isinstance(outcome.refusals[9], run_rows.RunNotFound)


def test_moves_and_claims_at_the_same_time_lose_no_run(database: Database) -> None:
    ids = queued(database, *[0] * 12)
    with ThreadPoolExecutor(4) as threads:
        done = [threads.submit(moved, database, [run_id], "top") for run_id in ids]
        claims = [threads.submit(take, database) for _ in range(6)]
    assert all(one.exception() is None for one in done)
    taken = [claim.run_id for one in claims if (claim := one.result())]
    assert len(set(taken)) == 6
    assert sorted([*taken, *order(database)]) == ids


PLACES = st.lists(
    st.tuples(st.integers(-1, 1), st.sampled_from([0.0, 0.0, 1.0, -1.0, 0.5, 5e-324, 1.0 + 2**-52])),
    min_size=1,
    max_size=9,
)


@given(PLACES, st.data())
def test_any_move_gives_the_order_asked_for(keys: list[tuple[int, float]], data: st.DataObject) -> None:
    places = sorted((Place(number, *key) for number, key in enumerate(keys, 1)), key=lambda one: one.order)
    ids = data.draw(st.sets(st.sampled_from([place.id for place in places]), min_size=1))
    chosen = [place for place in places if place.id in ids]
    rest = [place for place in places if place.id not in ids]
    index = data.draw(st.integers(0, len(rest)))
    arranged = arrange(rest, chosen, index)
    assert [one.id for one in arranged] == [one.id for one in [*rest[:index], *chosen, *rest[index:]]]
    assert arranged == sorted(arranged, key=lambda one: one.order)
    assert all(old.priority == new.priority for old in rest for new in arranged if old.id == new.id)


def test_the_shorter_side_makes_room_between_equal_positions() -> None:
    rest = [Place(number, 0, 0.0) for number in range(1, 9)]
    arranged = arrange(rest, [Place(9, 0, 0.0)], 2)
    changed = [one.id for one in arranged if one.id != 9 and one not in rest]
    assert changed == [1, 2]
