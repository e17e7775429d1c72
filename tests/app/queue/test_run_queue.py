"""The state machine of runs, step by step."""

from typing import Any

import pytest

from app.queue import run_queue
from app.queue.run_queue import RunNotFound, WrongState
from app.runs import epochs
from app.schemas.requests import Labels
from app.storage.database import Database
from tests.app.queue.steps import cancel, epochs_of, finish, lease_of, lose, release, retry
from tests.app.states import (
    CPU,
    RESULTS,
    claimed,
    failed_run,
    finished_run,
    queue_run,
    record,
    row,
    take,
)

BACKENDS = ("sqlite", "postgresql")


# Entering the queue


def test_a_new_run_is_queued_with_its_configuration_and_labels(database: Database) -> None:
    labels = Labels(name="mine", tags=["a", "b"], note="why", priority=3)
    run = row(database, queue_run(database, labels, depth=2, epochs=7, lr=0.5, seed=9))
    assert (run.status, run.attempt, run.crashes, run.epochs_done) == ("queued", 0, 0, 0)
    assert (run.depth, run.epochs, run.lr, run.batch_size, run.seed) == (2, 7, 0.5, 1024, 9)
    assert (run.name, run.tags, run.note, run.priority) == ("mine", ["a", "b"], "why", 3)


def test_an_unnamed_run_is_called_by_its_depth_and_seed(database: Database) -> None:
    assert row(database, queue_run(database, depth=1, seed=4)).name == "1 layer, 3 epochs, seed 4"
    assert row(database, queue_run(database, depth=3)).name == "3 layers, 3 epochs, seed 0"


def test_each_of_several_new_runs_has_a_change_number_of_its_own(database: Database) -> None:
    before = row(database, queue_run(database)).change
    with database.write() as session:
        config = run_queue.get(session, 1).config
        changes = [run.change for run in run_queue.enqueue(session, [config] * 3, Labels())]
    assert changes == [before + 1, before + 2, before + 3]


# Claiming


def test_an_empty_queue_gives_nothing(database: Database) -> None:
    with database.read() as session:
        assert not run_queue.anything_to_claim(session, CPU)
    assert take(database) is None


def test_a_claim_makes_the_run_its_workers(database: Database) -> None:
    run_id = queue_run(database, depth=2, seed=5)
    claim = claimed(database, "w1")
    run = row(database, run_id)
    assert (claim.run_id, claim.attempt, claim.threads) == (run_id, 1, 1)
    assert (claim.config.depth, claim.config.seed) == (2, 5)
    assert (run.status, run.worker_id, run.attempt) == ("running", "w1", 1)
    assert run.started_at is not None
    assert lease_of(database, run_id) == pytest.approx(run.started_at + 60, abs=0.01)


def test_a_claimed_run_is_not_given_again(database: Database) -> None:
    queue_run(database)
    claimed(database)
    assert take(database, "another") is None


def test_claims_follow_priority_then_position_then_id(database: Database) -> None:
    first, second = queue_run(database), queue_run(database)
    urgent = queue_run(database, Labels(priority=1))
    moved = queue_run(database)
    deferred = queue_run(database, Labels(priority=-1))
    with database.write() as session:
        run_queue.get(session, moved).position = -1.0
    order = [claimed(database).run_id for _ in range(5)]
    assert order == [urgent, moved, first, second, deferred]


@pytest.mark.parametrize(
    ("device", "kinds", "fits"),
    [
        ("auto", {"cpu"}, True),
        ("auto", {"cuda"}, True),
        ("cpu", {"cpu", "cuda"}, True),
        ("cuda", {"cpu"}, False),
        ("cuda", {"cpu", "cuda"}, True),
        ("mps", {"cpu", "cuda"}, False),
    ],
)
def test_a_worker_is_given_only_runs_for_devices_it_has(
    database: Database, device: str, kinds: set[str], *, fits: bool
) -> None:
    queue_run(database, device=device)
    with database.read() as session:
        assert run_queue.anything_to_claim(session, kinds) is fits
    assert (take(database, kinds=frozenset(kinds)) is not None) is fits


def test_a_run_for_an_absent_device_is_passed_over(database: Database) -> None:
    queue_run(database, device="cuda")
    second = queue_run(database, device="cpu")
    assert claimed(database).run_id == second


def test_later_attempts_use_the_thread_count_of_the_first(database: Database) -> None:
    queue_run(database)
    first = take(database, threads=3)
    assert first is not None
    release(database, first)
    second = take(database, threads=8)
    assert second is not None
    assert (first.threads, second.threads) == (3, 3)


# The way to the end


def test_the_way_of_a_run_from_queue_to_finish(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    with database.write() as session:
        assert run_queue.report_start(session, claim, "cuda:0", {"torch": "2.13"}, 0)
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
        columns = epochs.columns(session, run_id)
    assert columns.epoch == [1, 2, 3]
    assert columns.last_batch_loss == pytest.approx([2.1, 1.05, 0.7])


def test_an_error_fails_the_run_with_reason_and_traceback(database: Database) -> None:
    run = row(database, failed_run(database))
    assert (run.status, run.reason, run.traceback) == ("failed", "it broke", "Traceback: it broke")
    assert (run.crashes, run.worker_id, run.lease_expires) == (0, None, None)
    assert run.finished_at is not None


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
        held = run_queue.held_by(session, "w")
    assert held.to_cancel == held.attempts == {(run_id, 1)}
    with database.write() as session:
        assert run_queue.confirm_cancel(session, claim)
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
def test_what_has_ended_cannot_be_cancelled(database: Database, end: Any) -> None:
    run_id = end(database)
    with pytest.raises(WrongState, match="only a queued or running run"):
        cancel(database, run_id)


def test_a_failed_run_is_retried_as_new(database: Database) -> None:
    run_id = failed_run(database)
    run = retry(database, run_id)
    assert (run.status, run.reason, run.traceback, run.crashes) == ("queued", None, None, 0)
    assert (run.started_at, run.finished_at) == (None, None)
    assert claimed(database).attempt == 2


def test_a_cancelled_run_is_retried_and_not_cancelled_again(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    cancel(database, run_id)
    with database.write() as session:
        run_queue.confirm_cancel(session, claim)
    retry(database, run_id)
    claimed(database)
    with database.read() as session:
        assert not run_queue.held_by(session, "w").to_cancel


def test_only_failed_and_cancelled_runs_are_retried(database: Database) -> None:
    finished = finished_run(database)
    waiting = queue_run(database)
    for run_id in (finished, waiting):
        with pytest.raises(WrongState, match="only a failed or cancelled run"):
            retry(database, run_id)
    claimed(database)
    with pytest.raises(WrongState, match="is running"):
        retry(database, waiting)


@pytest.mark.parametrize("step", [run_queue.cancel, run_queue.retry, run_queue.remove, run_queue.get])
def test_an_unknown_run_is_not_found(database: Database, step: Any) -> None:
    with pytest.raises(RunNotFound, match="no run 77"), database.write() as session:
        step(session, 77)


# Only once, and in order


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
        assert run_queue.finish(session, claim, RESULTS, "stopped early")
    assert (row(database, run_id).status, row(database, run_id).reason) == ("finished", "stopped early")


def test_an_epoch_that_is_recorded_twice_is_there_once(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    assert record(database, claim, 1, 2)
    before = row(database, run_id)
    assert record(database, claim, 2)
    assert record(database, claim, 1)
    assert epochs_of(database, run_id) == [(1, 1), (1, 2)]
    assert row(database, run_id).train_seconds == before.train_seconds
    lose(database, claim)
    assert not record(database, claim, 2)


def test_an_epoch_cannot_leave_out_the_one_before(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    record(database, claim, 1)
    with pytest.raises(ValueError, match="epoch 3 came, but only 1 epochs are recorded"):
        record(database, claim, 3)
    assert epochs_of(database, run_id) == [(1, 1)]


# What a person changes


def test_an_edit_raises_version_and_change(database: Database) -> None:
    run_id = queue_run(database)
    before = row(database, run_id)
    with database.write() as session:
        run_queue.edit(session, run_id, {"note": "new", "priority": 5, "archived": True}, version=1)
    run = row(database, run_id)
    assert (run.note, run.priority, run.archived, run.version) == ("new", 5, True, 2)
    assert run.change > before.change


def test_a_stale_edit_is_refused(database: Database) -> None:
    run_id = queue_run(database)
    with database.write() as session:
        run_queue.edit(session, run_id, {"note": "first"})
    with pytest.raises(WrongState, match="it has version 2, you read 1"), database.write() as session:
        run_queue.edit(session, run_id, {"note": "second"}, version=1)
    assert row(database, run_id).note == "first"


def test_a_name_taken_away_becomes_the_default_again(database: Database) -> None:
    run_id = queue_run(database, Labels(name="mine"))
    with database.write() as session:
        run_queue.edit(session, run_id, {"name": None})
    assert row(database, run_id).name == "1 layer, 3 epochs, seed 0"


def test_training_goes_on_through_an_edit(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    with database.write() as session:
        run_queue.edit(session, run_id, {"name": "renamed"})
    assert record(database, claim, 1)
    assert finish(database, claim)
    assert row(database, run_id).name == "renamed"


def test_a_running_run_cannot_be_deleted(database: Database) -> None:
    run_id = queue_run(database)
    claimed(database)
    with pytest.raises(WrongState, match="cancel it before"), database.write() as session:
        run_queue.remove(session, run_id)


def test_a_deleted_run_takes_its_epochs_along_and_its_id_is_not_used_again(database: Database) -> None:
    run_id = finished_run(database)
    with database.write() as session:
        run_queue.remove(session, run_id)
    assert epochs_of(database, run_id) == []
    assert queue_run(database) == run_id + 1
