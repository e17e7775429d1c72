"""Deleting a study with its runs."""

from collections.abc import Callable

import pytest

from app.queue import actions, admission
from app.queue.run_rows import RunNotFound, WrongState
from app.runs import studies
from app.runs.study_deletion import GOES_ON, carry_on, delete_study
from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database
from app.storage.tables import PendingDeletion
from tests.app.runs.grids import create
from tests.app.states import ROOM, failed_run, finished_run, row, study_of
from tests.backends import on_both
from tests.waiting import eventually


def never() -> bool:
    return False


def is_deleted(database: Database, run_id: int) -> bool:
    try:
        row(database, run_id)
    except RunNotFound:
        return True
    return False


def test_runs_of_the_study_are_deleted_with_their_files(database: Database, settings: Settings) -> None:
    done = finished_run(database)
    study = create(database, depth=[1, 2], reuse=True)
    model = artifacts.of_run(settings.artifacts, done).model(1)
    model.parent.mkdir(parents=True)
    model.write_bytes(b"weights")
    outcome = delete_study(database, settings, study.id, with_runs=True, stopping=never)
    assert (sorted(outcome.done), outcome.skipped, outcome.remaining) == (study.runs, [], [])
    assert not model.exists()
    for run_id in study.runs:
        with pytest.raises(RunNotFound):
            row(database, run_id)


def test_shared_runs_are_kept_with_the_reason(database: Database, settings: Settings) -> None:
    done = finished_run(database)
    first, second = (create(database, depth=1, reuse=True) for _ in range(2))
    outcome = delete_study(database, settings, first.id, with_runs=True, stopping=never)
    assert outcome.done == []
    assert [skip.reason for skip in outcome.skipped] == [f"run {done} also belongs to study {second.id}"]
    outcome = delete_study(database, settings, second.id, with_runs=False, stopping=never)
    assert (outcome.done, outcome.skipped) == ([], [])
    assert row(database, done).status == "finished"


def test_a_deletion_goes_on_after_a_page_has_waited(database: Database, settings: Settings) -> None:
    finished_run(database)
    study = create(database, depth=[1, 2], reuse=True)
    outcome = delete_study(database, settings, study.id, with_runs=True, stopping=never, patience=0)
    assert outcome.done == study.runs or (outcome.remaining, outcome.stopped) == (study.runs, GOES_ON)
    eventually(lambda: all(is_deleted(database, run_id) for run_id in study.runs))


def stopping_after(steps: int) -> Callable[[], bool]:
    """A server that is stopped after so many steps of a deletion."""
    left = iter(range(steps))
    return lambda: next(left, None) is None


@on_both
def test_an_interrupted_deletion_is_continued(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.runs.bulk.STEP_RUNS", 1)
    monkeypatch.setattr("app.runs.bulk.PORTION_SECONDS", 0.0)
    other = finished_run(database)
    runs = [finished_run(database) for _ in range(5)]
    outcome = delete_study(
        database, settings, study_of(database, runs), with_runs=True, stopping=stopping_after(1)
    )
    assert (outcome.done, outcome.remaining, outcome.stopped) == (
        runs[:2],
        runs[2:],
        "the server is stopping",
    )
    carry_on(database, settings, stopping_after(0))
    assert [is_deleted(database, run_id) for run_id in runs] == [True, True, True, False, False]
    carry_on(database, settings, never)
    assert all(is_deleted(database, run_id) for run_id in runs)
    assert not is_deleted(database, other)


@on_both
def test_a_run_that_is_retried_before_the_deletion_continues_is_kept(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.runs.bulk.STEP_RUNS", 1)
    monkeypatch.setattr("app.runs.bulk.PORTION_SECONDS", 0.0)
    runs = [failed_run(database) for _ in range(3)]
    study = study_of(database, runs)
    delete_study(database, settings, study, with_runs=True, stopping=stopping_after(0))
    with database.write() as session:
        admission.retry(session, runs[1], limit=ROOM)
        actions.cancel(session, runs[1])
    carry_on(database, settings, never)
    assert [is_deleted(database, run_id) for run_id in runs] == [True, False, True]


@on_both
def test_no_study_takes_runs_whose_deletion_is_pending(database: Database, settings: Settings) -> None:
    done = finished_run(database)
    first, second = create(database, depth=1, reuse=True), create(database, depth=2)
    delete_study(database, settings, first.id, with_runs=False, stopping=never)
    with database.write() as session:
        session.add(PendingDeletion(run_id=done))
    assert done not in create(database, depth=1, reuse=True).runs
    with database.write() as session, pytest.raises(WrongState, match=f"run {done} is being deleted"):
        studies.add_runs(session, second.id, [done])
