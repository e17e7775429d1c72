"""What makes a comparison less than it looks: differences, repeats, and runs that are not there."""

from typing import Any

import pytest

from app.compare.selection import Selection
from app.queue import actions, endings, run_rows
from app.storage.database import Database
from tests.app.compare.findings import compared, compared_by, found_in
from tests.app.states import claimed, failed_run, finished_run, queue_run, record


def test_an_unknown_study_beside_known_runs_is_left_out_with_a_word(database: Database) -> None:
    run_ids = [finished_run(database, depth=depth) for depth in (1, 2)]
    found = found_in(database, Selection(run_ids, 77))
    assert found.warnings == ["Study 77 was not found and is ignored."]
    assert found.offer is not None
    assert found.offer.url == "/studies"


def test_unequal_hardware_epochs_and_early_stopping_are_warnings(database: Database) -> None:
    runs = [finished_run(database, depth=depth, epochs=3) for depth in (1, 2)]
    assert compared(database, *runs).warnings == []
    with database.write() as session:
        run = run_rows.get(session, runs[1])
        run.threads, run.environment, run.epochs_done = 4, {"device": "Other CPU"}, 2
        first = run_rows.get(session, runs[0])
        first.threads, first.environment = 1, {"device": "AMD EPYC"}
    assert compared(database, *runs).warnings == [
        "The runs trained for different numbers of epochs (2 to 3).",
        "The runs used different numbers of threads (1, 4): times can't be compared.",
        "The runs used different processors (AMD EPYC, Other CPU): times can't be compared.",
    ]
    patient = finished_run(database, depth=3, epochs=3, patience=5)
    (warning,) = compared(database, patient).warnings
    why = f"Run {patient} uses the test loss to decide when to stop (patience)"
    assert warning == f"{why}, so its test accuracy is not an independent measurement."


def test_a_data_set_whose_files_changed_between_runs_is_called_out(database: Database) -> None:
    first, again, changed = (finished_run(database, dataset="clothes", seed=seed) for seed in range(3))
    with database.write() as session:
        for run_id, digest in ((first, "a"), (again, "a"), (changed, "b")):
            run_rows.get(session, run_id).environment = {"data_sha256": digest}
    assert compared(database, first, again).warnings == []
    words = "The files of the data set clothes changed between these runs (2 versions: a, b)"
    assert compared(database, first, again, changed).warnings == [f"{words}."]
    deeper = finished_run(database, depth=2)
    (warning,) = compared_by(database, [first, again, changed, deeper], ["depth", "dataset"]).warnings
    assert warning == f"{words}, so differences may not be due to depth and data set."


def test_what_is_odd_about_the_data_is_a_warning(database: Database) -> None:
    few = [finished_run(database, dataset="clothes", seed=seed) for seed in range(2)]
    usual = finished_run(database)
    with database.write() as session:
        for run_id in few:
            run_rows.get(session, run_id).environment = {"data_warnings": "one is odd\nanother too"}
    found = compared(database, *few, usual)
    assert found.warnings[:2] == [
        f"Runs {few[0]}, {few[1]} (data set clothes): one is odd.",
        f"Runs {few[0]}, {few[1]} (data set clothes): another too.",
    ]
    assert [run.data_warnings for run in found.runs] == [["one is odd", "another too"]] * 2 + [[]]


def test_what_has_not_finished_is_in_the_curves_and_not_in_the_table(database: Database) -> None:
    failed = failed_run(database, depth=2)
    queue_run(database, depth=3)
    running = claimed(database)
    record(database, running, 1)
    waiting = [queue_run(database, depth=4), queue_run(database, depth=5)]
    found = compared(database, failed, running.run_id, *waiting)
    assert found.by_depth == []
    assert found.verdict.sentences == ["No run has finished yet."]
    counted = "the table and the verdict include it only in the number of failed runs"
    nowhere = "not in the charts, the table or the verdict"
    in_curves = "in the curves, but not in the table or"
    assert found.warnings == [
        f"Run {failed} failed before the end of its first epoch (it broke); it is in no chart; {counted}.",
        f"Run {running.run_id} is still training; it is {in_curves} the verdict yet.",
        f"Runs {waiting[0]}, {waiting[1]} are queued; they are {nowhere} yet.",
    ]


def test_where_every_run_ended_without_a_result_it_is_said_how(database: Database) -> None:
    failed = []
    for epochs in (1, 2):
        queue_run(database)
        claim = claimed(database)
        record(database, claim, *range(1, epochs + 1))  # some have epochs, so there are charts
        with database.write() as session:
            assert endings.fail(session, claim, "it broke")
        failed.append(claim.run_id)
    found = compared(database, *failed)
    assert found.verdict.answer == ["No run finished: 2 runs failed. There are no results to compare."]
    cancelled = queue_run(database)
    with database.write() as session:
        actions.cancel(session, cancelled)
    found = compared(database, *failed, cancelled)
    assert found.verdict.answer == [
        "No run finished: 2 runs failed and 1 run was cancelled. There are no results to compare."
    ]


def test_unknown_runs_are_named_and_left_out(database: Database) -> None:
    known = finished_run(database)
    found = compared(database, known, 98, 99)
    assert [run.id for run in found.runs] == [known]
    assert found.warnings == ["Runs 98, 99 were not found and are ignored."]
    assert compared(database, 99, known).warnings == ["Run 99 was not found and is ignored."]


def test_many_unknown_runs_are_counted(database: Database) -> None:
    warnings = compared(database, finished_run(database), *range(100, 130)).warnings
    assert warnings[0].endswith("109 and 20 more were not found and are ignored.")


@pytest.mark.parametrize(
    ("name", "title", "values"),
    [
        ("epochs", "epochs", (3, 4)),
        ("lr", "learning rate", (0.05, 0.1)),
        ("batch_size", "batch size", (512, 1024)),
    ],
)
def test_a_difference_besides_depth_and_seed_is_called_out(
    database: Database, name: str, title: str, values: tuple[Any, Any]
) -> None:
    runs = [finished_run(database, depth=depth, **{name: value}) for depth, value in enumerate(values, 1)]
    differ = f"The runs differ in {title} ({values[0]}, {values[1]})"
    assert compared(database, *runs).warnings == [f"{differ}, so differences may not be due to depth."]


def test_values_that_differ_are_named_in_order(database: Database) -> None:
    runs = [finished_run(database, epochs=epochs) for epochs in (10, 9, 1)]
    assert "epochs (1, 9, 10)" in compared(database, *runs).warnings[0]


def test_the_device_that_was_used_counts_and_the_choice_does_not(database: Database) -> None:
    runs = [finished_run(database, depth=1, device="cpu"), finished_run(database, depth=2, device="auto")]
    assert compared(database, *runs).warnings == []
    elsewhere = finished_run(database, depth=3)
    with database.write() as session:
        run_rows.get(session, elsewhere).device_used = "cuda:0"
    warnings = compared(database, *runs, elsewhere).warnings
    assert "The runs differ in device type (cpu, cuda)" in warnings[-1]


def test_what_has_not_finished_is_not_blamed(database: Database) -> None:
    runs = [finished_run(database, depth=depth) for depth in (1, 2)]
    diverged = failed_run(database, depth=2, lr=100.0)
    found = compared(database, *runs, diverged)
    assert found.confounders == []
    assert not [warning for warning in found.warnings if "differ" in warning]


def test_values_are_blamed_as_people_write_them(database: Database) -> None:
    runs = [finished_run(database, depth=depth, lr=lr) for depth, lr in ((1, 0.05), (2, 100.0))]
    assert "differ in learning rate (0.05, 100), so differences may" in compared(database, *runs).warnings[0]


def test_depth_and_seed_may_differ(database: Database) -> None:
    runs = [finished_run(database, depth=depth, seed=seed) for depth, seed in ((1, 0), (2, 1), (2, 2))]
    assert compared(database, *runs).warnings == []
