"""Deleting a study with its runs."""

import pytest

from app.queue.run_rows import RunNotFound
from app.runs.study_deletion import GOES_ON, delete_study
from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database
from tests.app.runs.grids import create
from tests.app.states import finished_run, row
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
