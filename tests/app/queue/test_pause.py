"""The pause of the queue: nothing is claimed, and what trains goes on."""

from app.queue import claims, pause
from app.storage.database import Database
from app.storage.tables import Counter
from tests.app.states import CPU, claimed, queue_run, record, take

BACKENDS = ("sqlite", "postgresql")


def test_a_paused_queue_gives_nothing_and_running_runs_continue(database: Database) -> None:
    queue_run(database)
    waiting = queue_run(database)
    claim = claimed(database)
    with database.write() as session:
        assert pause.begin(session)
    with database.read() as session:
        assert not claims.anything_to_claim(session, CPU)
    assert take(database) is None
    assert record(database, claim, 1)
    with database.write() as session:
        assert pause.end(session)
    assert claimed(database).run_id == waiting


def test_pausing_twice_keeps_the_start_and_numbers_one_change(database: Database) -> None:
    with database.write() as session:
        pause.begin(session)
    with database.read() as session:
        since = pause.since(session)
        number = session.get_one(Counter, 1).queue_change
    with database.write() as session:
        assert not pause.begin(session)
    with database.read() as session:
        assert pause.since(session) == since
        assert session.get_one(Counter, 1).queue_change == number


def test_resuming_a_queue_that_is_not_paused_changes_nothing(database: Database) -> None:
    with database.write() as session:
        assert not pause.end(session)
    with database.read() as session:
        assert session.get_one(Counter, 1).value == 0
