"""What people do to runs: cancel, edit, delete."""

from typing import Any

import pytest

from app.queue import actions, endings, registry
from app.queue.run_rows import WrongState
from app.schemas.bodies import Labels
from app.storage.database import Database
from tests.app.queue.steps import cancel, epochs_of, finish
from tests.app.states import claimed, failed_run, finished_run, queue_run, record, row, take

BACKENDS = ("sqlite", "postgresql")


def test_a_queued_run_is_cancelled_at_once(database: Database) -> None:
    run = cancel(database, queue_run(database))
    assert (run.status, run.reason) == ("cancelled", "cancelled by user")
    assert run.finished_at is not None
    assert take(database) is None


def test_a_running_run_is_cancelled_by_its_worker(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    assert cancel(database, run_id).status == "running"
    with database.read() as session:
        held = registry.held_by(session, "w")
    assert held.to_cancel == held.attempts == {(run_id, 1)}
    with database.write() as session:
        assert endings.confirm_cancel(session, claim)
    run = row(database, run_id)
    assert (run.status, run.reason, run.cancel_requested) == ("cancelled", "cancelled by user", False)


def test_a_run_that_ends_before_the_cancel_arrives_is_finished(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    cancel(database, run_id)
    assert finish(database, claim)
    run = row(database, run_id)
    assert (run.status, run.reason, run.cancel_requested) == ("finished", None, False)


@pytest.mark.parametrize("end", [finished_run, failed_run])
def test_an_ended_run_cannot_be_cancelled(database: Database, end: Any) -> None:
    run_id = end(database)
    with pytest.raises(WrongState, match="only a queued or running run"):
        cancel(database, run_id)


def test_an_edit_raises_version_and_change(database: Database) -> None:
    run_id = queue_run(database)
    before = row(database, run_id)
    with database.write() as session:
        actions.edit(session, run_id, {"note": "new", "priority": 5, "archived": True}, version=1)
    run = row(database, run_id)
    assert (run.note, run.priority, run.archived, run.version) == ("new", 5, True, 2)
    assert run.change > before.change


def test_a_stale_edit_is_refused(database: Database) -> None:
    run_id = queue_run(database)
    with database.write() as session:
        actions.edit(session, run_id, {"note": "first"})
    with pytest.raises(WrongState, match="its version is 2, the request has 1"), database.write() as session:
        actions.edit(session, run_id, {"note": "second"}, version=1)
    assert row(database, run_id).note == "first"


def test_a_removed_name_becomes_the_default_name(database: Database) -> None:
    run_id = queue_run(database, Labels(name="mine"))
    with database.write() as session:
        actions.edit(session, run_id, {"name": None})
    assert row(database, run_id).name == "1 layer, 3 epochs, seed 0"


def test_training_continues_during_an_edit(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    with database.write() as session:
        actions.edit(session, run_id, {"name": "renamed"})
    assert record(database, claim, 1)
    assert finish(database, claim)
    assert row(database, run_id).name == "renamed"


def test_a_running_run_cannot_be_deleted(database: Database) -> None:
    run_id = queue_run(database)
    claimed(database)
    with pytest.raises(WrongState, match="cancel it before"), database.write() as session:
        actions.remove(session, run_id)


def test_deleting_a_run_deletes_its_epochs_and_its_id_is_not_reused(database: Database) -> None:
    run_id = finished_run(database)
    with database.write() as session:
        actions.remove(session, run_id)
    assert epochs_of(database, run_id) == []
    assert queue_run(database) == run_id + 1
