"""Comparisons: depth by depth, with curves, a verdict, and warnings of what else differs."""

from typing import Any

import pytest
from sqlmodel import select

from app.compare.comparison import compare
from app.compare.groups import noun
from app.compare.selection import Selection
from app.prose import Noun
from app.queue import endings, run_rows
from app.runs.listing.errors import QueryError
from app.runs.studies import add_seeds, cancel_study, create_study
from app.schemas.compare.comparison import Comparison
from app.schemas.studies import MoreSeeds, StudyOut, StudyRequest
from app.storage.database import Database
from app.storage.tables import Epoch
from tests.app.compare.findings import compared, compared_by, found_in, of_study
from tests.app.conftest import Served
from tests.app.states import RESULTS, ROOM, claimed, finished_run, queue_run, record, steady
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


def test_groups_on_several_data_sets_are_ranked_for_each(database: Database) -> None:
    runs = [
        finished_run(database, accuracy + depth / 100 + seed / 10_000, dataset=name, depth=depth, seed=seed)
        for name, accuracy in (("mnist", 0.95), ("clothes", 0.86))
        for depth in (1, 2)
        for seed in (0, 1, 2)
    ]
    steady(database)
    found = compared(database, *runs)
    assert found.verdict.best == ["depth=2,dataset=clothes", "depth=2,dataset=mnist"]
    headline = found.verdict.answer[0]
    assert ": for clothes, the best is 2 layers, with 88.01 % test accuracy" in headline
    assert "; for mnist, the best is 2 layers, with 97.01 % test accuracy" in headline
    tested = [pair.ids for pair in found.verdict.pairs if pair.interval]
    assert len(tested) == found.verdict.jointly == 2, "each data set has one pair: only these share the level"


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
    split = compared_by(database, runs, ("data_version", "device_used"))
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
    assert found.verdict.pairs[0].interval is None
    assert (found.verdict.best, [row.best for row in found.groups]) == ([], [None, None])
    assert found.verdict.answer == [
        "The runs of 1 and 2 layers differ in learning rate, so they can't be ranked: split by learning rate."
    ]


def test_a_comparison_of_unknown_runs_is_none(database: Database) -> None:
    with database.read() as session:
        assert compare(session, Selection([1, 2], None)) is None
        assert compare(session, Selection([], None)) is None
        assert compare(session, Selection([], 7)) is None


def test_runs_are_compared_by_anything_but_their_seed(database: Database) -> None:
    for lr in (0.1, 0.05):
        for seed in (0, 1, 2):
            finished_run(database, 0.9 + lr / 10 + (seed + 1) ** 2 * lr / 100, depth=2, lr=lr, seed=seed)
    found = compared_by(database, range(1, 7), ("lr",))
    assert found.by == ["lr"]
    assert [(row.label, row.key, row.n) for row in found.groups] == [
        ("lr 0.05", {"lr": 0.05}, 3),
        ("lr 0.1", {"lr": 0.1}, 3),
    ]
    assert found.verdict.pairs[0].groups == ("lr 0.05", "lr 0.1")
    assert found.verdict.pairs[0].depths is None
    assert found.verdict.answer[0].startswith(
        "Exploratory: with SGD, 3 epochs, width 512: the best is lr 0.1,"
    )
    assert not [warning for warning in found.warnings if "lr" in warning]
    assert [row.best for row in found.groups] == [row.id in found.verdict.best for row in found.groups]


@on_both
def test_a_group_has_the_cost_of_its_accuracy(database: Database) -> None:
    runs = [finished_run(database, depth=1, seed=seed) for seed in (0, 1)]
    with database.write() as session:
        for epoch in session.exec(select(Epoch).where(Epoch.run_id == runs[0])):
            epoch.seconds, epoch.test_accuracy = 2.0, 0.96 + epoch.epoch / 100 / 2
    (group,) = compared(database, *runs).groups
    assert (group.n, group.reached_97, group.parameters) == (2, 1, 7850)
    assert group.seconds_to_97 == 4.0
    assert group.median == pytest.approx(0.94)
    assert (group.train_seconds_median, group.diverged, group.dips) == (group.train_seconds.mean, 0, [])
    assert group.gap.mean == pytest.approx(group.train_accuracy.mean - group.test_accuracy.mean)


# The margin


def test_a_margin_decides_what_is_equivalent_and_not_which_is_better(site: Served) -> None:
    for depth, accuracies in {1: (0.970, 0.971, 0.972), 2: (0.980, 0.981, 0.982)}.items():
        for seed, accuracy in enumerate(accuracies):
            finished_run(site.database, accuracy, depth=depth, seed=seed)
    url = "/compare?runs=1,2,3,4,5,6"
    usual, wide = (site.client.get(url + more).json()["verdict"] for more in ("", "&margin=2"))
    assert (usual["margin"], wide["margin"]) == (0.0025, 0.02)
    assert [each["pairs"][0]["answer"] for each in (usual, wide)] == ["better", "better"]
    assert [each["pairs"][0]["exceeds_margin"] for each in (usual, wide)] == [True, False]
    assert usual["pairs"][0]["interval"] == wide["pairs"][0]["interval"]
    wrong = site.client.get(f"{url}&margin=wide")
    assert wrong.status_code == 422
    assert "expected percentage points from 0.01 to 10.0, not 'wide'" in wrong.text
    report = site.client.get("/compare/report.html?runs=1,2,3,4,5,6&margin=2")
    assert "better by more than the margin" not in report.text


# Standing


def study(database: Database, **body: Any) -> StudyOut:
    with database.write() as session:
        wanted = StudyRequest.model_validate({"depth": [1, 2], "epochs": 3, "seed": [0, 1], **body})
        return create_study(session, wanted, limit=ROOM)


def finish(database: Database, runs: int = 1) -> None:
    """Let the next runs finish, with accuracies of their depth."""
    for _ in range(runs):
        claim = claimed(database)
        record(database, claim, 1, 2, 3)
        accuracy = 0.9 + claim.config.depth / 100 + claim.config.seed / 1000
        with database.write() as session:
            assert endings.finish(session, claim, {**RESULTS, "test_accuracy": accuracy})


def test_a_study_is_provisional_until_each_planned_run_has_ended(database: Database) -> None:
    made = study(database)
    finish(database, 3)
    found = of_study(database, made.id).verdict
    assert (found.status, found.look, found.level) == ("provisional", 1, 0.03)
    assert found.answer[0].startswith("Provisional: ")
    assert found.outlook[0].startswith("1 of 4 planned runs has not ended: the verdict can change")
    finish(database)
    found = of_study(database, made.id).verdict
    assert (found.status, found.look) == ("final", 1)
    assert found.answer[0].startswith("With SGD at learning rate 0.05, 3 epochs, width 512: ")


def test_a_failed_run_counts_as_ended_and_a_cancelled_one_does_not(database: Database) -> None:
    made = study(database)
    finish(database, 3)
    last = claimed(database)
    with database.write() as session:
        assert endings.fail(session, last, "it broke")
    assert of_study(database, made.id).verdict.status == "final"
    other = study(database, seed=[5, 6])
    finish(database, 3)
    with database.write() as session:
        cancel_study(session, other.id)
    found = of_study(database, other.id).verdict
    assert found.status == "provisional"
    assert found.outlook[0].startswith("1 of 4 planned runs was cancelled: retry it")


def test_selected_runs_and_other_groupings_of_a_study_are_explorations(database: Database) -> None:
    made = study(database)
    finish(database, 4)
    assert of_study(database, made.id).verdict.status == "final"
    for selection in (
        Selection(made.runs, None),
        Selection(made.runs[:3], made.id),
        Selection([], made.id, ("depth", "lr")),
        Selection([], made.id, ("lr",)),
    ):
        found = found_in(database, selection).verdict
        assert (found.status, found.look, found.level) == ("exploratory", None, 0.03)
    split = found_in(database, Selection([], made.id, ("depth", "device_used"))).verdict
    assert split.status == "final", "a recorded field is no choice of hyperparameters"


def test_a_later_look_has_a_smaller_level(database: Database) -> None:
    made = study(database)
    finish(database, 4)
    first = of_study(database, made.id).verdict
    with database.write() as session:
        add_seeds(session, made.id, [MoreSeeds(seeds=1)], limit=ROOM)
    finish(database, 2)
    second = of_study(database, made.id).verdict
    assert [(each.look, each.level) for each in (first, second)] == [(1, 0.03), (2, 0.01)]


# Epochs


def test_runs_that_trained_fewer_epochs_than_others_are_called_out(database: Database) -> None:
    whole = finished_run(database)
    queue_run(database, depth=2)
    claim = claimed(database)
    record(database, claim, 1, 2)
    with database.write() as session:
        assert endings.finish(session, claim, RESULTS)
    assert compared(database, whole, claim.run_id).warnings == [
        "The runs trained for different numbers of epochs (2 to 3)."
    ]
    longer = finished_run(database, depth=3, epochs=4)
    (warning,) = compared(database, whole, longer).warnings
    assert warning.startswith("The runs differ in epochs (3, 4)"), "asked for, so the setting is blamed"


def test_runs_that_stopped_by_the_test_loss_are_called_out(database: Database) -> None:
    runs = [finished_run(database, depth=depth, patience=2) for depth in (1, 2)]
    assert compared(database, *runs).warnings == [
        (
            f"Runs {runs[0]}, {runs[1]} use the test loss to decide when to stop (patience), "
            "so their test accuracy is not an independent measurement."
        )
    ]
    assert "Run 1 uses the test loss" in compared(database, runs[0]).warnings[0]


# Over HTTP


def test_a_comparison_over_http_has_the_verdict_and_the_offer(site: Served) -> None:
    for depth, accuracies in {1: (0.970, 0.971), 2: (0.9705, 0.9715)}.items():
        for seed, accuracy in enumerate(accuracies):
            finished_run(site.database, accuracy, depth=depth, seed=seed)
    steady(site.database)
    found = site.client.get("/compare?runs=1,2,3,4").json()
    verdict = found["verdict"]
    assert (verdict["status"], verdict["look"], verdict["level"]) == ("exploratory", None, 0.03)
    assert verdict["best"] == verdict["best_of_these_images"] == ["depth=1", "depth=2"]
    (pair,) = verdict["pairs"]
    assert (pair["answer"], pair["new_images"], pair["resolvable"]) == ("undecided", False, True)
    assert pair["interval"] == pair["of_these_images"]
    assert pair["improvement"] == 0.75
    assert verdict["bill"][0]["ids"] == ["depth=1", "depth=2"]
    assert verdict["bill"][0]["parameters"] == 399_200
    assert verdict["sentences"] == [*verdict["answer"], *verdict["outlook"], *verdict["evidence"]]
    assert found["offer"] is None or found["offer"]["kind"] == "study"
    assert Comparison.model_validate(found).verdict.model_dump(mode="json") == verdict
    assert site.client.get("/compare?runs=77").status_code == 404


@pytest.mark.parametrize("text", ["seed", "nonesuch", "depth,colour"])
def test_grouping_by_an_unknown_field_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match=r"can't group by .*; expected one of depth, epochs"):
        Selection.parse([("runs", "1"), ("by", text)], strict=True)


@pytest.mark.parametrize(
    ("by", "one", "many"),
    [
        (("depth",), "depth", "depths"),
        (("lr",), "learning rate", "learning rates"),
        (("epochs",), "number of epochs", "numbers of epochs"),
        (("momentum",), "value of momentum", "values of momentum"),
        (("data_version",), "version of the data", "versions of the data"),
        (("depth", "lr"), "group", "groups"),
    ],
)
def test_groups_are_named_after_their_hyperparameters(by: tuple[str, ...], one: str, many: str) -> None:
    assert noun(by) == Noun(one, many)
