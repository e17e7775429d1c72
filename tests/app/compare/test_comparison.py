"""Comparisons: depth by depth, with curves, a verdict, and warnings of what else differs."""

from typing import Any

import pytest
from sqlmodel import select

from app.compare.comparison import Selection, compare
from app.compare.groups import noun
from app.compare.reference import PUBLISHED
from app.prose import Noun
from app.queue import run_queue
from app.runs.run_list import QueryError
from app.runs.studies import create_study
from app.schemas.comparison import Findings
from app.schemas.requests import StudyRequest
from app.storage.database import Database
from app.storage.tables import Epoch
from tests.app.states import claimed, failed_run, finished_run, queue_run, record

BACKENDS = ("sqlite", "postgresql")


def compared(database: Database, *run_ids: int) -> Findings:
    with database.read() as session:
        found = compare(session, run_ids)
    assert found is not None
    return found


def test_finished_runs_are_gathered_by_depth(database: Database) -> None:
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


def test_an_unknown_study_beside_known_runs_is_left_out_with_a_word(database: Database) -> None:
    run_ids = [finished_run(database, depth=depth) for depth in (1, 2)]
    with database.read() as session:
        found = compare(session, run_ids, study_id=77)
    assert found is not None
    assert found.warnings == ["Study 77 does not exist, and is left out."]
    assert found.offer is not None
    assert found.offer.url == "/studies"


def test_the_published_figures_stand_beside_and_never_inside(database: Database) -> None:
    found = compared(database, finished_run(database))
    assert found.reference == PUBLISHED
    assert [(row.depth, row.test_accuracy) for row in found.reference] == [
        (1, 0.9223),
        (2, 0.9726),
        (3, 0.9786),
        (4, 0.9795),
        (5, 0.9787),
    ]
    assert [each.depth for each in found.by_depth] == [1]


def test_the_published_figures_are_not_laid_beside_runs_on_other_data(database: Database) -> None:
    digits, clothes = finished_run(database), finished_run(database, dataset="clothes")
    assert compared(database, clothes).reference == []
    assert compared(database, digits, clothes).reference == PUBLISHED


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
    assert found.verdict.answer[0].startswith("These runs read different images (clothes and mnist)")
    assert (found.confounders, found.warnings, found.offer) == ([], [], None)


def test_the_same_images_under_two_names_are_compared_and_paired(database: Database) -> None:
    runs = {
        dataset: [
            finished_run(database, accuracy + 0.001 * seed, dataset=dataset, seed=seed) for seed in range(3)
        ]
        for dataset, accuracy in (("mnist", 0.97), ("copied", 0.971), ("clothes", 0.88))
    }
    digests = {"mnist": "0123456789", "copied": "0123456789", "clothes": "abcdef0123"}
    with database.write() as session:
        for dataset, ids in runs.items():
            for run_id in ids:
                run_queue.get(session, run_id).environment = {"data_sha256": digests[dataset]}
    found = compared(database, *runs["mnist"], *runs["copied"]).verdict
    assert "different images" not in " ".join([*found.answer, *found.evidence])
    assert (found.best, found.pairs[0].paired) == (["depth=1,dataset=copied"], True)
    (answer,) = compared(database, *runs["mnist"], *runs["copied"], *runs["clothes"]).verdict.answer
    assert answer.startswith("These runs read different images (clothes and copied)")
    with database.write() as session:
        run_queue.get(session, runs["copied"][0]).environment = {}
    (answer,) = compared(database, *runs["mnist"], *runs["copied"]).verdict.answer
    assert answer.startswith("These runs read different images (copied and mnist)")


def test_a_data_set_whose_files_changed_between_runs_is_called_out(database: Database) -> None:
    first, again, changed = (finished_run(database, dataset="clothes", seed=seed) for seed in range(3))
    with database.write() as session:
        for run_id, digest in ((first, "a"), (again, "a"), (changed, "b")):
            run_queue.get(session, run_id).environment = {"data_sha256": digest}
    assert compared(database, first, again).warnings == []
    (warning,) = compared(database, first, again, changed).warnings
    words = "The files of the data set clothes changed between these runs (2 versions: a, b): depth may not "
    assert warning == f"{words}be what makes the difference."


def test_what_is_odd_about_the_data_is_a_warning(database: Database) -> None:
    few = [finished_run(database, dataset="clothes", seed=seed) for seed in range(2)]
    usual = finished_run(database)
    with database.write() as session:
        for run_id in few:
            run_queue.get(session, run_id).environment = {"data_warnings": "one is odd\nanother too"}
    found = compared(database, *few, usual)
    assert found.warnings[:2] == [
        f"Runs {few[0]}, {few[1]} (data set clothes): one is odd.",
        f"Runs {few[0]}, {few[1]} (data set clothes): another too.",
    ]
    assert [run.data_warnings for run in found.runs] == [["one is odd", "another too"]] * 2 + [[]]


def test_runs_are_split_by_the_version_of_their_data_and_by_the_device_that_was_used(
    database: Database,
) -> None:
    runs = [finished_run(database, dataset="clothes", seed=seed) for seed in range(4)]
    with database.write() as session:
        for run_id in runs:
            run = run_queue.get(session, run_id)
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


def test_the_same_configuration_and_seed_counts_once(database: Database) -> None:
    first = [finished_run(database, 0.97 + seed / 1000, seed=seed) for seed in (0, 1)]
    again = [finished_run(database, 0.97 + seed / 1000, seed=seed, device="cpu") for seed in (0, 1)]
    found = compared(database, *first, *again)
    (group,) = found.groups
    assert (group.n, group.seeds, group.runs, group.mixed) == (2, 2, again, [])
    assert found.by_depth[0].n == 2
    assert found.repeats == first
    (warning,) = found.warnings
    assert warning.startswith(
        "Runs 1, 2 repeat the configuration and seed of a later run, which tells nothing"
    )
    assert warning.endswith("each counts once in table and verdict.")
    (warning,) = compared(database, first[0], again[0]).warnings
    assert warning.startswith("Run 1 repeats the configuration and seed of a later run")


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


def test_what_has_not_finished_is_in_the_curves_and_not_in_the_table(database: Database) -> None:
    failed = failed_run(database, depth=2)
    queue_run(database, depth=3)
    running = claimed(database)
    record(database, running, 1)
    waiting = [queue_run(database, depth=4), queue_run(database, depth=5)]
    found = compared(database, failed, running.run_id, *waiting)
    assert found.by_depth == []
    assert found.verdict.sentences == ["No run has finished yet, so there is nothing to judge."]
    assert found.warnings == [
        f"Run {failed}: failed (it broke), without an epoch, so not in charts, table and verdict.",
        f"Run {running.run_id}: still training, so in the curves, not in the verdict yet.",
        f"Runs {waiting[0]}, {waiting[1]}: still waiting, so not in charts, table and verdict yet.",
    ]


def test_where_every_run_ended_without_a_result_it_is_said_how(database: Database) -> None:
    failed = []
    for epochs in (1, 2):
        queue_run(database)
        claim = claimed(database)
        record(database, claim, *range(1, epochs + 1))  # some have epochs, so there are charts
        with database.write() as session:
            assert run_queue.fail(session, claim, "it broke")
        failed.append(claim.run_id)
    found = compared(database, *failed)
    assert found.verdict.answer == ["No run finished: 2 runs failed. There is nothing to judge."]
    cancelled = queue_run(database)
    with database.write() as session:
        run_queue.cancel(session, cancelled)
    found = compared(database, *failed, cancelled)
    assert found.verdict.answer == [
        "No run finished: 2 runs failed and 1 run was cancelled. There is nothing to judge."
    ]


def test_unknown_runs_are_named_and_left_out(database: Database) -> None:
    known = finished_run(database)
    found = compared(database, known, 98, 99)
    assert [run.id for run in found.runs] == [known]
    assert found.warnings == ["Runs 98, 99 do not exist, or were deleted, and are left out."]
    assert compared(database, 99, known).warnings == [
        "Run 99 does not exist, or was deleted, and is left out."
    ]


def test_many_unknown_runs_are_counted(database: Database) -> None:
    warnings = compared(database, finished_run(database), *range(100, 130)).warnings
    assert warnings[0].endswith("109 and 20 more do not exist, or were deleted, and are left out.")


def test_a_comparison_of_nothing_known_is_none(database: Database) -> None:
    with database.read() as session:
        assert compare(session, [1, 2]) is None
        assert compare(session, []) is None


@pytest.mark.parametrize(
    ("name", "values"),
    [("epochs", (3, 4)), ("lr", (0.05, 0.1)), ("batch_size", (512, 1024))],
)
def test_a_difference_besides_depth_and_seed_is_called_out(
    database: Database, name: str, values: tuple[Any, Any]
) -> None:
    runs = [finished_run(database, depth=depth, **{name: value}) for depth, value in enumerate(values, 1)]
    assert compared(database, *runs).warnings == [
        f"The runs differ in {name} ({values[0]}, {values[1]}): depth may not be what makes the difference."
    ]


def test_values_that_differ_are_named_in_order(database: Database) -> None:
    runs = [finished_run(database, epochs=epochs) for epochs in (10, 9, 1)]
    assert "epochs (1, 9, 10)" in compared(database, *runs).warnings[0]


def test_the_device_that_was_used_counts_and_the_choice_does_not(database: Database) -> None:
    runs = [finished_run(database, depth=1, device="cpu"), finished_run(database, depth=2, device="auto")]
    assert compared(database, *runs).warnings == []
    elsewhere = finished_run(database, depth=3)
    with database.write() as session:
        run_queue.get(session, elsewhere).device_used = "cuda:0"
    warnings = compared(database, *runs, elsewhere).warnings
    assert "The runs differ in device_used (cpu, cuda)" in warnings[-1]


def test_devices_of_one_kind_are_alike(database: Database) -> None:
    runs = [finished_run(database, seed=seed) for seed in range(2)]
    with database.write() as session:
        for run_id in runs:
            run_queue.get(session, run_id).device_used = f"cuda:{run_id}"
    found = compared(database, *runs)
    assert (found.groups[0].mixed, found.warnings) == ([], [])


def test_what_has_not_finished_is_not_blamed(database: Database) -> None:
    runs = [finished_run(database, depth=depth) for depth in (1, 2)]
    diverged = failed_run(database, depth=2, lr=100.0)
    found = compared(database, *runs, diverged)
    assert found.confounders == []
    assert not [warning for warning in found.warnings if "differ" in warning]


def test_values_are_blamed_as_people_write_them(database: Database) -> None:
    runs = [finished_run(database, depth=depth, lr=lr) for depth, lr in ((1, 0.05), (2, 100.0))]
    assert "differ in lr (0.05, 100): depth may" in compared(database, *runs).warnings[0]


def test_depth_and_seed_may_differ(database: Database) -> None:
    runs = [finished_run(database, depth=depth, seed=seed) for depth, seed in ((1, 0), (2, 1), (2, 2))]
    assert compared(database, *runs).warnings == []


# Which runs are meant


def test_a_selection_is_runs_or_a_study_or_both(database: Database) -> None:
    with database.write() as session:
        study = create_study(session, StudyRequest.model_validate({"depth": [1, 2]}))
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


def test_a_group_tells_what_its_accuracy_took(database: Database) -> None:
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
def test_what_is_no_axis_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="is nothing to group by; known are depth, epochs"):
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
def test_groups_are_called_what_people_call_them(by: tuple[str, ...], one: str, many: str) -> None:
    assert noun(by) == Noun(one, many)
