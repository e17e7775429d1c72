"""What charts are drawn from is the same on pages that compare runs and on those that only show them."""

from app.compare.charted import of_comparison, of_groups
from app.compare.groups import grouped, members
from app.runs.reading import find_runs
from app.storage.database import Database
from tests.app.compare.findings import compared_by
from tests.app.states import finished_run, queue_run


def test_charts_of_studies_and_comparisons_get_the_same_data(database: Database) -> None:
    runs = [
        finished_run(database, 0.9 + seed / 100, depth=depth, seed=seed)
        for depth in (1, 2)
        for seed in (0, 1)
    ]
    runs += [finished_run(database, 0.93, depth=2, seed=1), queue_run(database, depth=3)]
    compared = of_comparison(compared_by(database, runs, ["depth"]))
    with database.read() as session:
        everyone = grouped(find_runs(session, runs), ["depth"])
        shown = of_groups(everyone, members(everyone))
    for name in ("runs", "by", "members", "differences"):
        assert shown[name] == compared[name]
    assert shown["repeats"] == compared["repeats"] == [4]


def test_a_group_whose_runs_differ_in_more_than_seeds_is_marked(database: Database) -> None:
    runs = [finished_run(database, 0.9, depth=1, lr=lr) for lr in (0.1, 0.2)]
    runs += [finished_run(database, 0.9, depth=2), queue_run(database, depth=2, lr=0.2)]
    with database.read() as session:
        everyone = grouped(find_runs(session, runs), ["depth"])
        groups = of_groups(everyone, members(everyone))["groups"]
    assert groups == [{"id": "depth=1", "mixed": ["lr"]}, {"id": "depth=2", "mixed": []}]


def test_chart_data_excludes_verdict_warnings_and_offer(database: Database) -> None:
    found = compared_by(database, [finished_run(database, 0.9)], ["depth"])
    assert not of_comparison(found).keys() & {"verdict", "warnings", "offer"}
