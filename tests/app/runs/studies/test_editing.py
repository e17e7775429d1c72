"""Labels of studies, and their deletion."""

import pytest

from app.queue import endings
from app.queue.run_rows import WrongState
from app.runs import studies
from app.storage.database import Database
from tests.app.runs.grids import create, read
from tests.app.states import claimed, finished_run, row
from tests.backends import on_both


@on_both
def test_each_edit_raises_the_version_and_an_outdated_one_is_rejected(database: Database) -> None:
    study = create(database, depth=[1, 2], tags=["old"], note="why")
    assert (study.version, study.description, study.tags, study.archived) == (1, "why", ["old"], False)
    with database.write() as session:
        changes = {"name": "Mine", "description": "*how*", "tags": ["a", "b"], "archived": True}
        edited = studies.edit(session, study.id, changes, 1)
    assert edited.model_dump(include=set(changes)) == changes
    assert read(database, study.id) == edited
    assert edited.version == 2
    with pytest.raises(WrongState, match="its version is 2, the request has 1"), database.write() as session:
        studies.edit(session, study.id, {"name": "Other"}, 1)
    assert read(database, study.id) == edited


def test_an_edit_of_nothing_changes_nothing(database: Database) -> None:
    study = create(database, depth=1)
    with database.write() as session:
        assert studies.edit(session, study.id, {}, study.version) == study


def test_without_a_name_a_study_is_named_by_what_it_varies(database: Database) -> None:
    study = create(database, depth=[1, 2], seed=[0, 1], name="Mine")
    with database.write() as session:
        assert studies.edit(session, study.id, {"name": None}).name == "depth 1, 2 × 2 seeds"


def test_without_a_name_and_runs_a_study_is_named_by_its_id(database: Database) -> None:
    study = create(database, depth=[1, 2], name="Mine")
    with database.write() as session:
        studies.remove_runs(session, study.id, study.runs)
        assert studies.edit(session, study.id, {"name": None}).name == f"study {study.id}"


@on_both
def test_the_runs_of_a_deleted_study_stay(database: Database) -> None:
    study = create(database, depth=[1, 2])
    claim = claimed(database)
    with database.write() as session:
        assert studies.remove(session, study.id, with_runs=False) == ([], [])
    assert [row(database, run_id).status for run_id in study.runs] == ["running", "queued"]
    assert {row(database, run_id).study_id for run_id in study.runs} == {None}
    with database.write() as session:
        assert endings.fail(session, claim, "it broke"), "the run is still that of its worker"


@on_both
def test_a_study_is_deleted_with_the_runs_that_no_other_study_has(database: Database) -> None:
    done = finished_run(database)
    study = create(database, depth=[1, 2], reuse=True)
    other = create(database, depth=1, reuse=True)
    with database.write() as session:
        left = studies.remove(session, study.id, with_runs=True)
    (own,) = [run_id for run_id in study.runs if run_id != done]
    assert left.to_delete == [own]
    assert [(skip.id, skip.reason) for skip in left.kept] == [(done, f"run {done} also belongs to study 2")]
    assert row(database, own).status == "cancelled", "no worker may claim it meanwhile"
    assert read(database, other.id).runs == [done]


@on_both
def test_a_study_with_running_runs_is_not_deleted_with_them(database: Database) -> None:
    study = create(database, depth=[1, 2, 3])
    claimed(database)
    with (
        pytest.raises(WrongState, match="run 1 is running; cancel the study first"),
        database.write() as session,
    ):
        studies.remove(session, study.id, with_runs=True)
    claimed(database)
    with pytest.raises(WrongState, match="run 1 and run 2 are running"), database.write() as session:
        studies.remove(session, study.id, with_runs=True)
    assert read(database, study.id).counts["queued"] == 1
