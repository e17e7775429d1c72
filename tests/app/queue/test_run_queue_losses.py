"""Runs whose process or worker is lost, and what a lost attempt may still write."""

import pytest

from app.queue import registry, run_queue
from app.queue.run_queue import Claim
from app.schemas.answers import RunOut
from app.storage.database import Database, newest_change
from app.web import events
from tests.app.queue.steps import cancel, epochs_of, lose, reap, release, retire, retry, start
from tests.app.states import (
    RESULTS,
    add_worker,
    claimed,
    figures,
    measured,
    queue_run,
    record,
    row,
    shown,
    take,
)

BACKENDS = ("sqlite", "postgresql")


def test_a_lost_run_returns_to_the_queue_with_a_crash_counted(database: Database) -> None:
    run_id = queue_run(database)
    assert lose(database, claimed(database))
    run = row(database, run_id)
    assert (run.status, run.crashes, run.reason) == ("queued", 1, None)
    assert (run.worker_id, run.lease_expires, run.started_at) == (None, None, None)


def test_the_third_crash_fails_the_run_with_the_reason(database: Database) -> None:
    run_id = queue_run(database)
    for _ in range(3):
        assert lose(database, claimed(database))
    run = row(database, run_id)
    assert (run.status, run.crashes, run.attempt) == ("failed", 3, 3)
    assert run.reason == (
        "crashed 3 times in a row without a new epoch; the last time, its process was killed by SIGKILL"
    )
    assert run.finished_at is not None
    assert take(database) is None


def go_on(database: Database, after: int, *epochs: int) -> Claim:
    """The next attempt at the one run, which goes on after an epoch and records some."""
    claim = claimed(database)
    with database.write() as session:
        assert run_queue.report_start(session, claim, "cpu", {}, after)
    assert record(database, claim, *epochs)
    return claim


def counts(database: Database, run_id: int) -> tuple[str, int, int]:
    """A run's state, its crashes and its lost workers."""
    run = row(database, run_id)
    return run.status, run.crashes, run.worker_losses


def test_a_run_that_gets_on_survives_any_number_of_losses(database: Database) -> None:
    run_id = queue_run(database, epochs=200)
    for epoch in range(1, 31):
        claim = go_on(database, epoch - 1, epoch)
        assert counts(database, run_id) == ("running", 0, 0)
        if epoch % 2:
            lose(database, claim)
        else:
            retire(database, "w")
    assert row(database, run_id).epochs_done == 30


def test_a_run_that_always_dies_at_the_same_epoch_fails(database: Database) -> None:
    """It gets from its checkpoint, after epoch 5, to epoch 7 each time: none of these is new."""
    run_id = queue_run(database, epochs=10)
    lose(database, go_on(database, 0, 1, 2, 3, 4, 5, 6, 7))
    assert counts(database, run_id) == ("queued", 1, 0)
    lose(database, go_on(database, 5, 6, 7))
    assert counts(database, run_id) == ("queued", 2, 0)
    lose(database, go_on(database, 5, 6, 7))
    assert counts(database, run_id) == ("failed", 3, 0)


def test_an_epoch_beyond_the_furthest_begins_both_counts_anew(database: Database) -> None:
    run_id = queue_run(database, epochs=10)
    lose(database, go_on(database, 0, 1, 2, 3, 4))
    lose(database, go_on(database, 2, 3))
    claimed(database)
    retire(database, "w")
    claim = go_on(database, 2, 3, 4)
    assert counts(database, run_id) == ("running", 2, 1)
    record(database, claim, 5)
    assert counts(database, run_id) == ("running", 0, 0)


def test_lost_workers_are_counted_apart_and_ten_in_a_row_fail_the_run(database: Database) -> None:
    run_id = queue_run(database, epochs=10)
    lose(database, go_on(database, 0, 1))
    lose(database, go_on(database, 1))
    for _ in range(9):
        claimed(database)
        retire(database, "w")
    assert counts(database, run_id) == ("queued", 2, 9)
    claimed(database)
    retire(database, "w")
    assert counts(database, run_id) == ("failed", 2, 10)
    assert row(database, run_id).reason == (
        "lost worker 10 times in a row without a new epoch; the last time, its worker died"
    )
    retry(database, run_id)
    assert counts(database, run_id) == ("queued", 0, 0)


def test_draining_counts_no_crash_however_often(database: Database) -> None:
    run_id = queue_run(database)
    for _ in range(5):
        assert release(database, claimed(database))
    run = row(database, run_id)
    assert (run.status, run.crashes, run.attempt) == ("queued", 0, 5)


def test_a_run_to_be_cancelled_is_cancelled_when_its_worker_is_lost(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    cancel(database, run_id)
    lose(database, claim)
    run = row(database, run_id)
    assert (run.status, run.reason, run.cancel_requested) == ("cancelled", "cancelled by user", False)


def test_a_run_to_be_cancelled_is_cancelled_when_its_worker_drains(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    cancel(database, run_id)
    release(database, claim)
    run = row(database, run_id)
    assert (run.status, run.reason, run.cancel_requested) == ("cancelled", "cancelled by user", False)
    assert run.crashes == 0


def test_a_run_whose_lease_is_over_is_reaped(database: Database) -> None:
    held, expired = queue_run(database), queue_run(database)
    claimed(database)
    claimed(database, "silent", lease_seconds=-1)
    add_worker(database)
    add_worker(database, "silent", lease_seconds=-1)
    with database.read() as session:
        assert run_queue.anything_to_reap(session)
    assert reap(database) == [expired]
    assert (row(database, held).status, row(database, expired).status) == ("running", "queued")
    assert (row(database, expired).crashes, row(database, expired).worker_losses) == (0, 1)
    with database.read() as session:
        assert not run_queue.anything_to_reap(session)
        assert [worker.id for worker in registry.list_workers(session)] == ["w"]


def test_a_run_to_be_cancelled_whose_worker_went_silent_is_cancelled(database: Database) -> None:
    run_id = queue_run(database)
    claimed(database, lease_seconds=-1)
    cancel(database, run_id)
    reap(database)
    assert row(database, run_id).status == "cancelled"


def test_a_heartbeat_renews_the_leases_of_its_worker_alone(database: Database) -> None:
    mine, theirs = queue_run(database), queue_run(database)
    claimed(database, "w1", lease_seconds=-1)
    claimed(database, "w2", lease_seconds=-1)
    add_worker(database, "w1", lease_seconds=-1)
    with database.write() as session:
        assert run_queue.heartbeat(session, "w1", 60)
    assert reap(database) == [theirs]
    assert row(database, mine).status == "running"


def test_a_forgotten_worker_learns_so_from_its_heartbeat(database: Database) -> None:
    with database.write() as session:
        assert not run_queue.heartbeat(session, "unknown", 60)


def test_a_worker_known_to_be_dead_loses_its_runs_before_their_lease_ends(database: Database) -> None:
    dead, alive = queue_run(database), queue_run(database)
    claimed(database, "w1")
    claimed(database, "w2")
    add_worker(database, "w1")
    assert retire(database, "w1") == [dead]
    assert (row(database, dead).status, row(database, dead).worker_losses) == ("queued", 1)
    assert row(database, alive).status == "running"
    with database.read() as session:
        assert registry.list_workers(session) == []


@pytest.mark.parametrize("reclaimed", [False, True])
def test_an_attempt_that_is_over_writes_nothing(database: Database, *, reclaimed: bool) -> None:
    run_id = queue_run(database)

    def apart_from_the_eta() -> RunOut:  # which falls while time goes by
        return shown(database, run_id).model_copy(update={"eta_seconds": None})

    stale = claimed(database)
    record(database, stale, 1)
    lose(database, stale)
    if reclaimed:
        claimed(database, "another")
    before = apart_from_the_eta(), epochs_of(database, run_id), row(database, run_id).lease_expires
    with database.write() as session:
        assert not run_queue.report_start(session, stale, "mps", {}, 0)
        assert not run_queue.record_epoch(session, stale, measured(2))
        assert not run_queue.finish(session, stale, RESULTS)
        assert not run_queue.fail(session, stale, "too late")
        assert not run_queue.confirm_cancel(session, stale)
        assert not run_queue.release(session, stale)
        assert not run_queue.lose(session, stale, "too late")
        run_queue.heartbeat(session, "w", 1000)
    after = apart_from_the_eta(), epochs_of(database, run_id), row(database, run_id).lease_expires
    assert after == before


def test_a_claim_keeps_the_epochs_of_the_attempt_before_and_knows_how_many(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    assert claim.epochs_done == 0
    record(database, claim, 1, 2)
    lose(database, claim)
    assert claimed(database).epochs_done == 2
    run = row(database, run_id)
    assert (run.attempt, run.epochs_done, run.train_loss, run.train_seconds) == (2, 2, 1.0, 0.5)
    assert epochs_of(database, run_id) == [(1, 1), (1, 2)]


def test_an_attempt_that_starts_anew_drops_the_epochs_of_the_one_before_and_says_so(
    database: Database,
) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    record(database, claim, 1, 2)
    lose(database, claim)
    with database.read() as session:
        seen = newest_change(session)
    second = claimed(database)
    start(database, second, 0)
    run = row(database, run_id)
    assert (run.attempt, run.epochs_done, run.train_loss, run.test_accuracy) == (2, 0, None, None)
    assert (run.train_seconds, run.resumed_from) == (None, 0)
    assert epochs_of(database, run_id) == []
    record(database, second, 1)
    assert epochs_of(database, run_id) == [(2, 1)]
    with database.read() as session:
        told, _ = events.read_after(session, seen)
    assert [event.kind for event in told] == ["reset", "run", "epoch"]


def test_an_attempt_that_resumes_shows_what_its_last_kept_epoch_did(database: Database) -> None:
    run_id = queue_run(database, epochs=9)
    claim = claimed(database)
    start(database, claim, 0)
    record(database, claim, 1, 2, 3, 4)
    lose(database, claim)
    with database.read() as session:
        seen = newest_change(session)
    second = claimed(database)
    start(database, second, 2)
    run = row(database, run_id)
    assert (run.epochs_done, run.resumed_from, run.train_seconds) == (2, 2, 0.5)
    assert {name: getattr(run, name) for name in RESULTS} == {name: figures(2)[name] for name in RESULTS}
    with database.read() as session:
        told, _ = events.read_after(session, seen)
    assert [event.kind for event in told] == ["reset", "run"]
    record(database, second, 3)
    assert epochs_of(database, run_id) == [(1, 1), (1, 2), (2, 3)]
    assert row(database, run_id).train_seconds == 0.75


def test_an_attempt_that_loses_nothing_resets_nothing(database: Database) -> None:
    queue_run(database)
    claim = claimed(database)
    record(database, claim, 1, 2)
    lose(database, claim)
    with database.read() as session:
        seen = newest_change(session)
    start(database, claimed(database), 2)
    with database.read() as session:
        told, _ = events.read_after(session, seen)
    assert [event.kind for event in told] == ["run"]


def test_a_first_attempt_resets_nothing(database: Database) -> None:
    queue_run(database)
    claimed(database)
    with database.read() as session:
        told, _ = events.read_after(session, 0)
    assert [event.kind for event in told] == ["run"]
