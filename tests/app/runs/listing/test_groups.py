"""Groups of runs: counts, spreads and the best run."""

import math
import statistics

import pytest

from app.runs.listing import groups, writing
from app.runs.listing.errors import QueryError
from app.runs.listing.query import RunQuery
from app.schemas.bodies import Labels
from app.schemas.lists import RunGroups
from app.storage.database import Database
from tests.app.runs.listed import ids
from tests.app.states import add_worker, failed_run, finished_run, queue_run
from tests.backends import on_both


def grouped(database: Database, **parameters: str) -> RunGroups:
    pairs = list(parameters.items())
    with database.read() as session:
        return groups.list_groups(session, RunQuery.parse(pairs, strict=True), pairs)


@pytest.fixture
def runs(database: Database) -> Database:
    """Runs of one, two and three layers; those of three layers have no accuracy."""
    add_worker(database)
    for seed, accuracy in enumerate((0.97, 0.975, 0.972)):
        finished_run(database, accuracy, depth=2, seed=seed)
    finished_run(database, 0.94, depth=1, lr=0.5)
    failed_run(database, "diverged: loss became non-finite at epoch 2", depth=2, lr=10.0)
    failed_run(database, "it broke", depth=3)
    queue_run(database, depth=3)
    return database


@on_both
def test_a_group_has_counts_mean_deviation_and_best(runs: Database) -> None:
    found = grouped(runs, group="depth")
    assert [group.key for group in found.groups] == [{"depth": 1}, {"depth": 2}, {"depth": 3}]
    assert (found.total, found.group_count, found.next_cursor, found.previous_cursor) == (7, 3, None, None)
    one, two, three = found.groups
    assert two.runs == 4
    assert two.counts == {"queued": 0, "running": 0, "finished": 3, "failed": 1, "cancelled": 0}
    assert two.diverged == 1
    accuracy = two.test_accuracy
    assert accuracy
    assert accuracy.std
    assert (accuracy.n, accuracy.best, accuracy.best_run) == (3, 0.975, 2)
    assert math.isclose(accuracy.mean, statistics.fmean([0.97, 0.975, 0.972]), rel_tol=1e-12)
    assert math.isclose(accuracy.std, statistics.stdev([0.97, 0.975, 0.972]), rel_tol=1e-9)
    assert one.test_accuracy
    assert (one.test_accuracy.n, one.test_accuracy.std) == (1, None)
    assert three.test_accuracy is None
    assert (three.counts["failed"], three.diverged, three.counts["queued"]) == (1, 0, 1)


@on_both
def test_runs_are_grouped_by_whether_they_are_archived(runs: Database) -> None:
    """The page asks for this when all runs that match a filter are selected."""
    found = grouped(runs, archived="all", group="status,archived")
    assert [(group.key["status"], group.key["archived"], group.runs) for group in found.groups] == [
        ("failed", False, 2),
        ("finished", False, 4),
        ("queued", False, 1),
    ]
    assert found.groups[0].filter == "status=failed&archived=false"


@on_both
def test_the_filter_of_a_group_finds_its_runs(runs: Database) -> None:
    for parameters in ({"group": "depth"}, {"group": "depth,lr"}, {"group": "device_used", "q": "depth<3"}):
        found = grouped(runs, **parameters)
        for group in found.groups:
            query = RunQuery.parse(writing.pairs_of(group.filter), strict=True)
            assert len(ids(runs, **dict(writing.pairs_of(group.filter)))) == group.runs
            assert query.is_filtered
    null = grouped(runs, group="device_used").groups[-1]
    assert (null.key, null.filter) == ({"device_used": None}, "-device_used=*&archived=false")


@on_both
def test_groups_follow_the_order_of_the_query(runs: Database) -> None:
    def depths(**parameters: str) -> list[int]:
        return [group.key["depth"] for group in grouped(runs, group="depth", **parameters).groups]

    assert depths(sort="-depth") == [3, 2, 1]
    assert depths(sort="-test_accuracy") == [2, 1, 3]
    assert depths(sort="test_accuracy") == [1, 2, 3]
    assert depths(sort="-id") == [1, 2, 3]
    assert depths(sort="-n") == [2, 1, 3]
    assert depths(sort="n") == [3, 1, 2]
    assert depths(sort="-runs") == [2, 3, 1]
    assert depths(sort="runs") == [1, 3, 2]
    assert depths(sort="best") == [1, 2, 3]
    assert depths(sort="-best") == [2, 1, 3]


def test_an_order_of_groups_is_none_of_runs(runs: Database) -> None:
    for sort in ("n", "-best", "runs"):
        with pytest.raises(QueryError, match="only groups have this order"):
            RunQuery.parse([("sort", sort)], strict=True)
        assert RunQuery.parse([("sort", sort)], strict=False).sort == "-id"
    assert ids(runs, sort="-n", group="depth") == [7, 6, 5, 4, 3, 2, 1]


def test_groups_have_pages(runs: Database) -> None:
    first = grouped(runs, group="depth", limit="2")
    assert [group.key["depth"] for group in first.groups] == [1, 2]
    assert first.next_cursor
    last = grouped(runs, group="depth", limit="2", cursor=first.next_cursor)
    assert ([group.key["depth"] for group in last.groups], last.next_cursor) == ([3], None)
    assert last.previous_cursor
    assert grouped(runs, group="depth", limit="2", cursor=last.previous_cursor).groups == first.groups
    for cursor in (first.next_cursor, "x", "W10"):
        with pytest.raises(QueryError, match="invalid cursor"):
            grouped(runs, group="lr", cursor=cursor)


def test_a_page_after_the_last_group_has_the_totals(runs: Database) -> None:
    cursor = grouped(runs, group="depth", limit="2").next_cursor
    assert cursor
    last = grouped(runs, group="depth", limit="2", cursor=cursor, q="depth<3")
    assert (last.groups, last.total, last.group_count, last.next_cursor) == ([], 5, 2, None)
    assert last.previous_cursor
    none = grouped(runs, group="depth", limit="2", cursor=cursor, q="depth>3")
    assert (none.groups, none.total, none.group_count) == ([], 0, 0)


@on_both
def test_groups_with_unknown_values_come_last(runs: Database) -> None:
    for sort in ("best_epoch", "-best_epoch", "test_accuracy", "-test_accuracy"):
        found = grouped(runs, group="test_accuracy,depth", sort=sort).groups
        assert [group.key["test_accuracy"] is None for group in found] == [False] * 4 + [True] * 2
    descending = grouped(runs, group="depth,test_accuracy", sort="-depth").groups
    assert [group.key["test_accuracy"] for group in descending] == [None, 0.975, 0.972, 0.97, None, 0.94]


def test_groups_by_name_are_in_natural_order(database: Database) -> None:
    for name in ("seed 10", "Seed 2", "seed 1"):
        queue_run(database, Labels(name=name))
    found = grouped(database, group="name").groups
    assert [group.key["name"] for group in found] == ["seed 1", "Seed 2", "seed 10"]


def test_equal_accuracies_have_no_deviation(database: Database) -> None:
    add_worker(database)
    for seed in range(3):
        finished_run(database, 0.1 + 0.2, depth=1, seed=seed)
    accuracy = grouped(database, group="depth").groups[0].test_accuracy
    assert accuracy
    assert accuracy.std == 0
