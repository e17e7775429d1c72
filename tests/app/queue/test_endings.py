"""How attempts end, and what becomes of their runs."""

import pytest

from app.queue import claims, endings
from app.queue.claims import Claim
from app.runs import epoch_columns
from app.storage.database import Database
from tests.app.queue.steps import cancel, finish, lose, release, retire, retry
from tests.app.states import RESULTS, claimed, failed_run, queue_run, record, row, take

BACKENDS = ("sqlite", "postgresql")


def test_the_way_of_a_run_from_queue_to_finish(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    with database.write() as session:
        assert claims.report_start(session, claim, "cuda:0", {"torch": "2.13"}, 0)
    assert record(database, claim, 1, 2)
    run = row(database, run_id)
    assert (run.epochs_done, run.train_loss, run.test_accuracy) == (2, 1.0, 0.7)
    assert (run.device_used, run.environment) == ("cuda:0", {"torch": "2.13"})
    assert record(database, claim, 3)
    assert finish(database, claim)
    run = row(database, run_id)
    assert (run.status, run.reason, run.worker_id, run.lease_expires) == ("finished", None, None, None)
    assert run.train_seconds == pytest.approx(0.75)
    assert {name: getattr(run, name) for name in RESULTS} == RESULTS
    assert run.started_at is not None
    assert run.finished_at is not None
    assert run.finished_at >= run.started_at
    with database.read() as session:
        columns = epoch_columns.of_run(session, run_id)
    assert columns.epoch == [1, 2, 3]
    assert columns.last_batch_loss == pytest.approx([2.1, 1.05, 0.7])


def test_an_error_fails_the_run_with_reason_and_traceback(database: Database) -> None:
    run = row(database, failed_run(database))
    assert (run.status, run.reason, run.traceback) == ("failed", "it broke", "Traceback: it broke")
    assert (run.crashes, run.worker_id, run.lease_expires) == (0, None, None)
    assert run.finished_at is not None


def test_a_run_ends_only_once(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    assert finish(database, claim)
    assert not finish(database, claim)
    assert not lose(database, claim)
    assert row(database, run_id).status == "finished"


def test_a_run_that_stopped_early_is_finished_with_the_reason(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    with database.write() as session:
        assert endings.finish(session, claim, RESULTS, "stopped early")
    assert (row(database, run_id).status, row(database, run_id).reason) == ("finished", "stopped early")


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
        assert claims.report_start(session, claim, "cpu", {}, after)
    assert record(database, claim, *epochs)
    return claim


def counts(database: Database, run_id: int) -> tuple[str, int, int]:
    """A run's state, its crashes and its lost workers."""
    run = row(database, run_id)
    return run.status, run.crashes, run.worker_losses


def test_a_run_with_new_epochs_survives_any_number_of_losses(database: Database) -> None:
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


def test_a_new_epoch_resets_both_loss_counts(database: Database) -> None:
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
        "lost its worker 10 times in a row without a new epoch; the last time, its worker died"
    )
    retry(database, run_id)
    assert counts(database, run_id) == ("queued", 0, 0)


def test_draining_counts_no_crash_however_often(database: Database) -> None:
    run_id = queue_run(database)
    for _ in range(5):
        assert release(database, claimed(database))
    run = row(database, run_id)
    assert (run.status, run.crashes, run.attempt) == ("queued", 0, 5)


def test_a_lost_machine_counts_as_a_lost_worker(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    with database.write() as session:
        assert endings.lose_machine(session, claim, "its node died")
        assert not endings.lose_machine(session, claim, "its node died")
    run = row(database, run_id)
    assert (run.status, run.worker_losses, run.crashes) == ("queued", 1, 0)


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
