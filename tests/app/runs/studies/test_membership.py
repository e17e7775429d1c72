"""Existing runs that join and leave studies, and the looks and plans that this changes."""

import pytest

from app.queue import endings
from app.queue.run_rows import RunNotFound, WrongState
from app.runs import studies
from app.runs.studies import StudyNotFound, StudyTooLarge
from app.schemas.studies import MAX_GRID, StudyOut
from app.storage.database import Database
from tests.app.runs.grids import create, more_seeds, stored
from tests.app.states import RESULTS, add_worker, claimed, finished_run, queue_run, record
from tests.backends import on_both


def add(database: Database, study_id: int, *run_ids: int) -> StudyOut:
    with database.write() as session:
        return studies.add_runs(session, study_id, run_ids)


def remove(database: Database, study_id: int, *run_ids: int) -> StudyOut:
    with database.write() as session:
        return studies.remove_runs(session, study_id, run_ids)


def plan(database: Database, study_id: int) -> tuple[int, int]:
    """Planned runs and look of a study."""
    study = stored(database, study_id)
    return study.planned, study.look


def finish(database: Database) -> int:
    claim = claimed(database)
    with database.write() as session:
        assert endings.finish(session, claim, RESULTS)
    return claim.run_id


@on_both
def test_runs_without_results_extend_the_plan(database: Database) -> None:
    study = create(database, depth=[1, 2])
    first, second = queue_run(database, depth=3), queue_run(database, depth=4)
    assert add(database, study.id, second, first).runs == [*study.runs, first, second]
    assert plan(database, study.id) == (4, 1)
    assert add(database, study.id, first).runs == [*study.runs, first, second]
    assert plan(database, study.id) == (4, 1)


@on_both
def test_runs_whose_results_were_visible_take_the_plan_away(database: Database) -> None:
    done = finished_run(database, depth=3)
    study = create(database, depth=[1, 2])
    add(database, study.id, done)
    assert plan(database, study.id) == (0, 2)
    more_seeds(database, study.id, 1)
    add(database, study.id, queue_run(database, depth=4))
    assert plan(database, study.id)[0] == 0, "a study without a plan gets no new one"


def test_a_recorded_epoch_is_a_visible_result(database: Database) -> None:
    study = create(database, depth=[1, 2])
    other = queue_run(database, depth=3)
    for _ in range(3):
        claim = claimed(database)
    assert claim.run_id == other
    record(database, claim, 1)
    add(database, study.id, other)
    assert plan(database, study.id) == (0, 2)


def test_runs_that_are_added_after_a_result_are_another_look(database: Database) -> None:
    study = create(database, depth=[1, 2])
    finish(database)
    add(database, study.id, queue_run(database, depth=3))
    assert plan(database, study.id) == (3, 2)


def test_repeats_of_finished_runs_continue_the_count_of_their_looks(database: Database) -> None:
    finished_run(database, depth=3, seed=5)
    study = create(database, depth=1)
    add(database, study.id, queue_run(database, depth=3, seed=5))
    assert plan(database, study.id) == (2, 2)


def test_a_run_can_leave_the_plan_before_a_result(database: Database) -> None:
    study = create(database, depth=[1, 2, 3])
    assert remove(database, study.id, study.runs[1]).runs == [study.runs[0], study.runs[2]]
    assert plan(database, study.id) == (2, 1)


@on_both
def test_a_run_that_leaves_after_a_result_is_missing(database: Database) -> None:
    add_worker(database)
    study = create(database, depth=[1, 2, 3])
    finish(database)
    assert len(remove(database, study.id, study.runs[2]).runs) == 2
    assert plan(database, study.id) == (3, 1)


def test_unknown_runs_and_studies_change_nothing(database: Database) -> None:
    study = create(database, depth=[1, 2])
    other = queue_run(database, depth=3)
    with pytest.raises(RunNotFound, match="no run 99"):
        add(database, study.id, other, 99)
    with pytest.raises(WrongState, match=f"run {other} does not belong to study 1"):
        remove(database, study.id, study.runs[0], other)
    with pytest.raises(StudyNotFound):
        add(database, 9, other)
    with pytest.raises(StudyNotFound):
        remove(database, 9, other)
    assert plan(database, study.id) == (2, 1)
    with database.read() as session:
        assert studies.member_ids(session, study.id) == study.runs


def test_a_study_does_not_grow_beyond_a_thousand_runs(database: Database) -> None:
    study = create(database, depth=[1, 2, 3, 4, 5], seed=list(range(200)))
    assert len(study.runs) == MAX_GRID
    with pytest.raises(StudyTooLarge, match="1,001 runs"):
        add(database, study.id, queue_run(database, depth=3, epochs=4))
