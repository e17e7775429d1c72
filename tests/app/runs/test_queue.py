"""The queue as read: order, estimated starts and ends, and a pause."""

from app.queue import pause
from app.queue.forecasting import forecast
from app.runs import queue
from app.storage.database import Database
from tests.app.states import add_worker, claimed, finished_run, queue_run, shown


def test_queued_runs_have_their_place_and_start_when_a_slot_is_free(database: Database) -> None:
    add_worker(database)
    finished_run(database)
    first, second = queue_run(database), queue_run(database)
    with database.read() as session:
        found = queue.read(session)
        ends = forecast.ends(session)
    assert [(run.id, run.position) for run in found.queued] == [(first, 1), (second, 2)]
    assert found.queued[0].starts_in_seconds == 0
    assert found.queued[1].starts_in_seconds == found.queued[0].ends_in_seconds
    assert found.eta_seconds == found.queued[1].ends_in_seconds == round(ends[second].seconds, 1)


def test_a_page_of_the_queue_has_the_estimates_of_the_whole(database: Database) -> None:
    add_worker(database)
    ids = [queue_run(database) for _ in range(5)]
    with database.read() as session:
        whole, part = queue.read(session), queue.read(session, skipped=2, most=2)
    assert [run.id for run in part.queued] == ids[2:4]
    assert [run.position for run in part.queued] == [3, 4]
    assert part.queued == whole.queued[2:4]
    assert (part.waiting, part.eta_seconds) == (5, whole.eta_seconds)


def test_without_a_live_worker_no_times_are_promised(database: Database) -> None:
    add_worker(database, "silent", lease_seconds=-1)
    waiting = queue_run(database)
    with database.read() as session:
        found = queue.read(session)
    assert (found.queued[0].starts_in_seconds, found.queued[0].ends_in_seconds) == (None, None)
    assert found.eta_seconds is None
    assert found.queued[0].reason == shown(database, waiting).reason == "no live worker"


def test_a_paused_queue_promises_no_times(database: Database) -> None:
    add_worker(database)
    queue_run(database)
    waiting = queue_run(database)
    claimed(database)
    with database.write() as session:
        pause.begin(session)
    with database.read() as session:
        found = queue.read(session)
    assert found.paused
    assert found.since is not None
    assert found.running[0].eta_seconds is not None
    assert (found.running[0].worker_id, found.running[0].host) == ("w", "here")
    assert (found.queued[0].starts_in_seconds, found.queued[0].ends_in_seconds) == (None, None)
    assert found.eta_seconds is None
    assert shown(database, waiting).reason == "the queue is paused"


def test_an_empty_queue_has_no_end(database: Database) -> None:
    with database.read() as session:
        found = queue.read(session)
    assert (found.eta_seconds, found.waiting, found.paused) == (None, 0, False)
