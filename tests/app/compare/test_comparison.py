"""Comparisons: depth by depth, with curves, a verdict, and warnings of what else differs."""

import pytest
from sqlmodel import select

from app.compare.comparison import Selection, compare
from app.compare.groups import noun
from app.prose import Noun
from app.queue import run_rows
from app.runs.run_list import QueryError
from app.runs.studies import create_study
from app.schemas.requests import StudyRequest
from app.storage.database import Database
from app.storage.tables import Epoch
from tests.app.compare.findings import compared
from tests.app.states import ROOM, finished_run, queue_run
from tests.backends import on_both


@on_both
def test_finished_runs_are_grouped_by_depth(database: Database) -> None:
    deep = finished_run(database, 0.98, depth=3)
    ones = [finished_run(database, accuracy, depth=1, seed=seed) for seed, accuracy in ((0, 0.92), (1, 0.94))]
    found = compared(database, deep, *ones)
    assert [run.id for run in found.runs] == [deep, *ones]
    assert [(each.depth, each.n, each.parameters) for each in found.by_depth] == [
        (1, 2, 7850),
        (3, 1, 535818),
    ]
    first, second = found.by_depth
    assert first.test_accuracy.mean == pytest.approx(0.93)
    assert (first.test_accuracy.min, first.test_accuracy.max) == (0.92, 0.94)
    assert first.test_accuracy.std is not None
    assert first.train_seconds.mean == pytest.approx(0.75)
    assert (second.test_accuracy.std, second.test_accuracy.ci95) == (None, None)
    assert [pair.depths for pair in found.verdict.pairs] == [(1, 3)]
    assert found.warnings == []


def test_runs_on_several_data_sets_have_no_common_mean_and_no_best(database: Database) -> None:
    runs = [
        finished_run(database, accuracy, dataset=dataset, depth=depth)
        for dataset, accuracy in (("mnist", 0.98), ("clothes", 0.88))
        for depth in (1, 2)
    ]
    found = compared(database, *runs)
    assert found.by == ["depth", "dataset"]
    assert [(row.label, row.n) for row in found.groups] == [
        ("1 layer, clothes", 1),
        ("1 layer, mnist", 1),
        ("2 layers, clothes", 1),
        ("2 layers, mnist", 1),
    ]
    assert found.verdict.answer[0].startswith("These runs used different images (clothes and mnist)")
    assert (found.confounders, found.warnings, found.offer) == ([], [], None)


def test_runs_are_split_by_the_version_of_their_data_and_by_the_device_that_was_used(
    database: Database,
) -> None:
    runs = [finished_run(database, dataset="clothes", seed=seed) for seed in range(4)]
    with database.write() as session:
        for run_id in runs:
            run = run_rows.get(session, run_id)
            run.environment = {"data_sha256": "0123456789abcdef" if run.seed < 2 else "fedcba9876543210"}
            run.device_used = "cpu" if run.seed % 2 else "cuda:0"
    found = compared(database, *runs)
    assert [each.name for each in found.confounders] == ["device_used", "data_version"]
    assert found.groups[0].mixed == ["device_used", "data_version"]
    with database.read() as session:
        split = compare(session, runs, ("data_version", "device_used"))
    assert split is not None
    assert [row.label for row in split.groups] == [
        "data 01234567, cpu",
        "data 01234567, cuda",
        "data fedcba98, cpu",
        "data fedcba98, cuda",
    ]
    assert split.confounders == []


def test_a_group_that_mixes_configurations_is_not_tested(database: Database) -> None:
    runs = [
        finished_run(database, 0.9 + depth / 100 + lr / 10 + seed / 1000, depth=depth, lr=lr, seed=seed)
        for depth in (1, 2)
        for lr in (0.05, 0.1)
        for seed in (0, 1)
    ]
    found = compared(database, *runs)
    group = found.groups[0]
    assert (group.n, group.seeds, group.mixed, group.test_accuracy.ci95) == (4, 2, ["lr"], None)
    assert found.by_depth[0].test_accuracy.ci95 is None
    assert found.verdict.pairs[0].p is None
    assert found.verdict.probability_best is None
    assert "(4 runs of 2 seeds)" in found.verdict.answer[0]


def test_a_comparison_of_unknown_runs_is_none(database: Database) -> None:
    with database.read() as session:
        assert compare(session, [1, 2]) is None
        assert compare(session, []) is None


# Which runs are meant


@on_both
def test_a_selection_is_runs_or_a_study_or_both(database: Database) -> None:
    with database.write() as session:
        study = create_study(session, StudyRequest.model_validate({"depth": [1, 2]}), limit=ROOM)
    lone = queue_run(database)
    with database.read() as session:

        def meant(*parameters: tuple[str, str]) -> list[int]:
            return Selection.parse(parameters, strict=True).run_ids(session)

        assert meant(("runs", "3,1, 3")) == [3, 1]
        assert meant(("study", str(study.id))) == study.runs
        assert meant(("runs", f"{lone},1"), ("study", str(study.id))) == [lone, 1, 2]
        assert meant(("study", "77")) == []


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ([], "runs"),
        ([("runs", "")], "runs"),
        ([("runs", "a")], "runs"),
        ([("runs", "1,2.5")], "runs"),
        ([("runs", "9" * 40)], "runs"),
        ([("runs", "9" * 5000)], "runs"),
        ([("study", "x")], "study"),
        ([("study", "1,2")], "study"),
        ([("runs", "1"), ("sort", "id")], "sort"),
    ],
)
def test_a_malformed_selection_is_refused_by_name(parameters: list[tuple[str, str]], name: str) -> None:
    with pytest.raises(QueryError) as caught:
        Selection.parse(parameters, strict=True)
    assert caught.value.parameter == name


def test_pages_take_an_empty_selection_and_ignore_other_parameters() -> None:
    assert Selection.parse([], strict=False) == Selection([], None)
    assert Selection.parse([("runs", "2"), ("theme", "dark")], strict=False) == Selection([2], None)


def test_runs_are_compared_by_anything_but_their_seed(database: Database) -> None:
    for lr in (0.1, 0.05):
        for seed in (0, 1, 2):
            finished_run(database, 0.9 + lr / 10 + (seed + 1) ** 2 * lr / 100, depth=2, lr=lr, seed=seed)
    with database.read() as session:
        found = compare(session, range(1, 7), ("lr",))
    assert found is not None
    assert found.by == ["lr"]
    assert [(row.label, row.key, row.n) for row in found.groups] == [
        ("lr 0.05", {"lr": 0.05}, 3),
        ("lr 0.1", {"lr": 0.1}, 3),
    ]
    assert found.verdict.pairs[0].groups == ("lr 0.05", "lr 0.1")
    assert found.verdict.pairs[0].depths is None
    assert "the highest of 2 learning rates" in found.verdict.answer[0]
    assert not [warning for warning in found.warnings if "lr" in warning]
    assert [row.probability_best for row in found.groups] == found.verdict.probability_best


@on_both
def test_a_group_has_the_cost_of_its_accuracy(database: Database) -> None:
    runs = [finished_run(database, depth=1, seed=seed) for seed in (0, 1)]
    with database.write() as session:
        for epoch in session.exec(select(Epoch).where(Epoch.run_id == runs[0])):
            epoch.seconds, epoch.test_accuracy = 2.0, 0.96 + epoch.epoch / 100 / 2
    (group,) = compared(database, *runs).groups
    assert (group.n, group.reached_97, group.parameters) == (2, 1, 7850)
    assert group.seconds_to_97 is not None
    assert group.seconds_to_97.mean == 4.0
    assert group.gap.mean == pytest.approx(group.train_accuracy.mean - group.test_accuracy.mean)


@pytest.mark.parametrize("text", ["seed", "nonesuch", "depth,colour"])
def test_grouping_by_an_unknown_field_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match=r"can't group by .*; expected one of depth, epochs"):
        Selection.parse([("runs", "1"), ("by", text)], strict=True)


@pytest.mark.parametrize(
    ("by", "one", "many"),
    [
        (("depth",), "depth", "depths"),
        (("lr",), "learning rate", "learning rates"),
        (("epochs",), "value of epochs", "values of epochs"),
        (("momentum",), "value of momentum", "values of momentum"),
        (("data_version",), "version of the data", "versions of the data"),
        (("depth", "lr"), "group", "groups"),
    ],
)
def test_groups_are_named_after_their_hyperparameters(by: tuple[str, ...], one: str, many: str) -> None:
    assert noun(by) == Noun(one, many)
