"""The load of the queue, as monitoring sees it."""

from sqlmodel import col, update

from app.queue import pause
from app.storage.database import Database
from app.storage.tables import Attempt, Run
from app.web.monitoring.load import Load
from tests.app.queue.steps import release
from tests.app.states import add_worker, claimed, failed_run, finished_run, queue_run, record

BACKENDS = ("sqlite", "postgresql")


def load(database: Database) -> Load:
    with database.read() as session:
        return Load.read(session)


def test_an_empty_database_has_no_load(database: Database) -> None:
    found = load(database)
    assert set(found.runs.values()) == {0}
    assert (found.workers, found.slots, found.busy_slots, found.oldest_wait, found.epochs) == (0, 0, 0, 0, 0)


def test_runs_slots_and_epochs_are_counted(database: Database) -> None:
    add_worker(database, "w", slots=3)
    add_worker(database, "silent", slots=5, lease_seconds=-1)
    finished_run(database, epochs=2)
    failed_run(database)
    queue_run(database)
    queue_run(database)
    record(database, claimed(database), 1, 2)
    with database.write() as session:
        pause.begin(session)
    found = load(database)
    assert found.runs == {"queued": 1, "running": 1, "finished": 1, "failed": 1, "cancelled": 0}
    assert (found.workers, found.slots, found.busy_slots) == (1, 3, 1)
    assert found.paused
    assert found.epochs >= 4


def test_a_wait_begins_with_the_creation_or_the_last_attempt(database: Database) -> None:
    queue_run(database)
    claim = claimed(database)
    with database.write() as session:
        session.execute(update(Run).values(created_at=Run.created_at - 500))
    release(database, claim)
    assert load(database).oldest_wait < 100
    with database.write() as session:
        session.execute(update(Attempt).values(ended_at=col(Attempt.ended_at) - 200))
    assert 200 <= load(database).oldest_wait < 300
    failed_run_id = claimed(database).run_id
    assert failed_run_id == claim.run_id
    assert load(database).oldest_wait == 0
