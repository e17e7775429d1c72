"""What a run tells of its attempts."""

from collections.abc import Callable

import pytest
from sqlmodel import Session

from app.queue import actions, admission, claims, endings, run_rows
from app.queue.claims import Claim
from app.runs.reading import get_run
from app.schemas.runs import AttemptOut
from app.storage.database import Database
from tests.app.states import RESULTS, ROOM, add_worker, claimed, queue_run, record

BACKENDS = ("sqlite", "postgresql")


def attempts_of(database: Database, run_id: int) -> list[AttemptOut]:
    with database.read() as session:
        found = get_run(session, run_id)
    assert found is not None
    return found.attempts


def told(attempt: AttemptOut) -> tuple[object, ...]:
    return attempt.attempt, attempt.resumed_from, attempt.reached, attempt.outcome, attempt.reason


def start(database: Database, claim: Claim, epoch: int) -> None:
    with database.write() as session:
        assert claims.report_start(session, claim, "cpu", {}, epoch)


def test_a_queued_run_has_no_attempts(database: Database) -> None:
    assert attempts_of(database, queue_run(database)) == []


def test_a_running_attempt_has_its_device_and_epoch(database: Database) -> None:
    run_id = queue_run(database)
    add_worker(database, "w1")
    claim = claimed(database, "w1")
    start(database, claim, 0)
    record(database, claim, 1, 2)
    (attempt,) = attempts_of(database, run_id)
    assert told(attempt) == (1, 0, 2, None, None)
    assert (attempt.worker_id, attempt.host, attempt.device, attempt.ended_at) == ("w1", "here", "cpu", None)


def test_an_attempt_has_its_first_and_last_epoch_and_the_reason_of_its_end(database: Database) -> None:
    run_id = queue_run(database)
    first = claimed(database)
    start(database, first, 0)
    record(database, first, 1, 2)
    with database.write() as session:
        endings.lose(session, first, "its process was killed by SIGKILL")
    second = claimed(database)
    start(database, second, 1)
    with database.write() as session:
        endings.release(session, second)
    third = claimed(database)
    start(database, third, 1)
    record(database, third, 2, 3)
    with database.write() as session:
        endings.finish(session, third, RESULTS)
    assert [told(attempt) for attempt in attempts_of(database, run_id)] == [
        (1, 0, 2, "lost", "its process was killed by SIGKILL"),
        (2, 1, 1, "released", "its worker was stopped"),
        (3, 1, 3, "finished", None),
    ]
    assert all(attempt.ended_at for attempt in attempts_of(database, run_id))


@pytest.mark.parametrize(
    ("end", "outcome", "reason"),
    [
        (lambda session, claim: endings.fail(session, claim, "it broke"), "failed", "it broke"),
        (endings.confirm_cancel, "cancelled", "cancelled by user"),
        (lambda session, claim: endings.lose(session, claim, "it died"), "lost", "it died"),
        (endings.release, "released", "its worker was stopped"),
    ],
)
def test_an_attempt_ends_once_and_a_retry_begins_another(
    database: Database, end: Callable[[Session, Claim], bool], outcome: str, reason: str
) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    with database.write() as session:
        assert end(session, claim)
    ended = attempts_of(database, run_id)
    with database.write() as session:
        assert not endings.finish(session, claim, RESULTS)
        assert not endings.lose(session, claim, "too late")
    assert attempts_of(database, run_id) == ended
    assert told(ended[0])[3:] == (outcome, reason)
    with database.write() as session:
        if run_rows.get(session, run_id).status != "queued":
            admission.retry(session, run_id, limit=ROOM)
    assert claimed(database).attempt == 2
    assert [attempt.attempt for attempt in attempts_of(database, run_id)] == [1, 2]


def test_a_lost_run_with_a_cancel_request_records_both(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    with database.write() as session:
        actions.cancel(session, run_id)
        endings.lose(session, claim, "its worker stopped sending heartbeats")
        assert run_rows.get(session, run_id).reason == "cancelled by user"
    assert told(attempts_of(database, run_id)[0])[3:] == ("lost", "its worker stopped sending heartbeats")
