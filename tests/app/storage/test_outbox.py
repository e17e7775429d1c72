"""Which messages a change leaves for the webhook, and who may send them."""

from collections.abc import Sequence

from sqlmodel import col, select

from app.queue import actions, admission, endings
from app.storage import outbox
from app.storage.database import Database
from app.storage.tables import Notice
from tests.app.states import ROOM, claimed, failed_run, finished_run, queue_run, study_of


def stored(database: Database) -> Sequence[tuple[str, int, str | None]]:
    """All messages: kind, subject and reason."""
    with database.read() as session:
        rows = session.exec(select(Notice).order_by(col(Notice.id))).all()
        return [(row.kind, row.subject, row.reason) for row in rows]


def claim(database: Database) -> Notice | None:
    with database.write() as session:
        return outbox.claim(session)


def test_a_failed_run_leaves_a_message_and_others_do_not(database: Database) -> None:
    finished_run(database)
    failed = failed_run(database, "the loss is not a number")
    cancelled = queue_run(database)
    with database.write() as session:
        actions.cancel(session, cancelled)
    assert stored(database) == [("run_failed", failed, "the loss is not a number")]


def test_a_study_leaves_a_message_when_its_last_run_ends(database: Database) -> None:
    finished = finished_run(database)
    last, waiting = queue_run(database), queue_run(database)
    study = study_of(database, [finished, last, waiting])
    other = study_of(database, [finished, waiting])
    study_of(database, [])
    held = claimed(database)
    with database.write() as session:
        endings.finish(session, held, {})
    assert stored(database) == []
    with database.write() as session:
        actions.cancel_all(session, [waiting])
    assert stored(database) == [("study_ended", study, None), ("study_ended", other, None)]


def test_a_lost_or_released_run_ends_no_study(database: Database) -> None:
    study_of(database, [queue_run(database)])
    for end in (endings.lose, endings.release):
        held = claimed(database)
        with database.write() as session:
            end(session, held, "its worker was stopped")
    assert stored(database) == []


def test_a_retried_run_ends_its_study_again(database: Database) -> None:
    run_id = failed_run(database, "it broke")
    study = study_of(database, [run_id])
    with database.write() as session:
        admission.retry(session, run_id, limit=ROOM)
    held = claimed(database)
    with database.write() as session:
        endings.finish(session, held, {})
    assert stored(database) == [("run_failed", run_id, "it broke"), ("study_ended", study, None)]


def test_deleting_the_last_waiting_run_ends_a_study_and_deleting_an_ended_one_does_not(
    database: Database,
) -> None:
    finished, another = finished_run(database), finished_run(database)
    waiting, alone = queue_run(database), queue_run(database)
    study = study_of(database, [finished, another, waiting])
    study_of(database, [alone])
    with database.write() as session:
        actions.remove_all(session, [waiting, alone])
        actions.remove(session, another)
    assert stored(database) == [("study_ended", study, None)]


def test_a_claimed_message_is_due_again_only_later(database: Database) -> None:
    first, second = failed_run(database), failed_run(database)
    taken = [claim(database) for _ in range(3)]
    assert [(each.subject, each.tries) if each else None for each in taken] == [(first, 1), (second, 1), None]
    with database.read() as session:
        assert not outbox.anything_due(session)
    with database.write() as session:
        assert taken[1]
        outbox.postpone(session, taken[1], 0)
    again = claim(database)
    assert again
    assert (again.subject, again.tries) == (second, 2)
    with database.write() as session:
        outbox.remove(session, again)
    assert [subject for _, subject, _ in stored(database)] == [first]
    with database.write() as session:
        outbox.clear(session)
    assert stored(database) == []
