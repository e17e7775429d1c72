"""The state machine of runs, step by step."""

from typing import Any

import pytest
from sqlmodel import select

from app.queue import registry, run_queue
from app.queue.run_queue import Claim, RunNotFound, WrongState
from app.runs import epochs
from app.schemas.answers import RunOut
from app.schemas.requests import Labels
from app.storage.database import Database, newest_change
from app.storage.tables import Epoch, Run
from app.web import events
from tests.app.states import (
    CPU,
    RESULTS,
    add_worker,
    claimed,
    failed_run,
    figures,
    finished_run,
    queue_run,
    record,
    row,
    shown,
    take,
)

BACKENDS = ("sqlite", "postgresql")


def cancel(database: Database, run_id: int) -> Run:
    with database.write() as session:
        return run_queue.cancel(session, run_id)


def retry(database: Database, run_id: int) -> Run:
    with database.write() as session:
        return run_queue.retry(session, run_id)


def lose(database: Database, claim: Claim, why: str = "its process was killed by SIGKILL") -> bool:
    with database.write() as session:
        return run_queue.lose(session, claim, why)


def release(database: Database, claim: Claim) -> bool:
    with database.write() as session:
        return run_queue.release(session, claim)


def finish(database: Database, claim: Claim) -> bool:
    with database.write() as session:
        return run_queue.finish(session, claim, RESULTS)


def start(database: Database, claim: Claim, epoch: int) -> None:
    with database.write() as session:
        assert run_queue.report_start(session, claim, "cpu", {}, epoch)


def retire(database: Database, worker_id: str) -> list[int]:
    with database.write() as session:
        return run_queue.retire(session, worker_id, "its worker died")


def reap(database: Database) -> list[int]:
    with database.write() as session:
        return run_queue.reap(session)


def epochs_of(database: Database, run_id: int) -> list[tuple[int, int]]:
    """The attempt and number of every recorded epoch."""
    with database.read() as session:
        query = select(Epoch.attempt, Epoch.epoch).where(Epoch.run_id == run_id).order_by("epoch")
        return [(attempt, epoch) for attempt, epoch in session.exec(query)]


def lease_of(database: Database, run_id: int) -> float:
    expires = row(database, run_id).lease_expires
    assert expires is not None
    return expires


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


# Losing workers


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
    for epoch in range(1, 101):
        claim = go_on(database, epoch - 1, epoch)
        assert counts(database, run_id) == ("running", 0, 0)
        if epoch % 2:
            lose(database, claim)
        else:
            retire(database, "w")
    assert row(database, run_id).epochs_done == 100


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


# The fence


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
        assert not run_queue.record_epoch(session, stale, figures(2))
        assert not run_queue.finish(session, stale, RESULTS)
        assert not run_queue.fail(session, stale, "too late")
        assert not run_queue.confirm_cancel(session, stale)
        assert not run_queue.release(session, stale)
        assert not run_queue.lose(session, stale, "too late")
        run_queue.heartbeat(session, "w", 1000)
    after = apart_from_the_eta(), epochs_of(database, run_id), row(database, run_id).lease_expires
    assert after == before


def test_a_run_ends_only_once(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    assert finish(database, claim)
    assert not finish(database, claim)
    assert not lose(database, claim)
    assert row(database, run_id).status == "finished"


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


def test_a_run_that_stopped_early_is_finished_with_the_reason(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    with database.write() as session:
        assert run_queue.finish(session, claim, RESULTS, "stopped early")
    assert (row(database, run_id).status, row(database, run_id).reason) == ("finished", "stopped early")


def test_a_first_attempt_resets_nothing(database: Database) -> None:
    queue_run(database)
    claimed(database)
    with database.read() as session:
        told, _ = events.read_after(session, 0)
    assert [event.kind for event in told] == ["run"]


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
