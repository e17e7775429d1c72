"""Runs that enter the queue, new or again, and how many may wait."""

from collections.abc import Callable

import pytest
from sqlmodel import Session

from app.queue import actions, admission, endings, registry, run_rows
from app.queue.admission import LONGEST_WAIT, QueueFull
from app.queue.run_rows import WrongState
from app.runs import studies
from app.runs.retrain import Again, train_again
from app.schemas.bodies import Labels
from app.schemas.studies import MoreSeeds, StudyRequest
from app.storage.database import Database
from tests.app.queue.steps import cancel, retry
from tests.app.states import ROOM, add_worker, claimed, failed_run, finished_run, queue_run, row
from trainer.config import TrainConfig

BACKENDS = ("sqlite", "postgresql")


def test_a_new_run_is_queued_with_its_configuration_and_labels(database: Database) -> None:
    labels = Labels(name="mine", tags=["a", "b"], note="why", priority=3)
    run = row(database, queue_run(database, labels, depth=2, epochs=7, lr=0.5, seed=9))
    assert (run.status, run.attempt, run.crashes, run.epochs_done) == ("queued", 0, 0, 0)
    assert (run.depth, run.epochs, run.lr, run.batch_size, run.seed) == (2, 7, 0.5, 1024, 9)
    assert (run.name, run.tags, run.note, run.priority) == ("mine", ["a", "b"], "why", 3)


def test_the_default_name_of_a_run_has_depth_and_seed(database: Database) -> None:
    assert row(database, queue_run(database, depth=1, seed=4)).name == "1 layer, 3 epochs, seed 4"
    assert row(database, queue_run(database, depth=3)).name == "3 layers, 3 epochs, seed 0"


def test_each_new_run_has_a_separate_change_number(database: Database) -> None:
    before = row(database, queue_run(database)).change
    with database.write() as session:
        config = run_rows.get(session, 1).config
        changes = [run.change for run in admission.enqueue(session, [config] * 3, Labels(), limit=ROOM)]
    assert changes == [before + 1, before + 2, before + 3]


def test_a_retry_resets_the_run(database: Database) -> None:
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
        endings.confirm_cancel(session, claim)
    retry(database, run_id)
    claimed(database)
    with database.read() as session:
        assert not registry.held_by(session, "w").to_cancel


def test_only_failed_and_cancelled_runs_are_retried(database: Database) -> None:
    finished = finished_run(database)
    waiting = queue_run(database)
    for run_id in (finished, waiting):
        with pytest.raises(WrongState, match="only a failed or cancelled run"):
            retry(database, run_id)
    claimed(database)
    with pytest.raises(WrongState, match="is running"):
        retry(database, waiting)


def enqueue_one(database: Database, *, limit: int) -> None:
    """Queue a run where at most so many may wait."""
    with database.write() as session:
        admission.enqueue(session, [TrainConfig(depth=1, epochs=1)], Labels(), limit=limit)


def test_only_queued_runs_count_towards_the_limit(database: Database) -> None:
    finished_run(database)
    queue_run(database)
    claimed(database)
    enqueue_one(database, limit=1)
    with pytest.raises(QueueFull):
        enqueue_one(database, limit=1)


def test_the_queue_admits_runs_up_to_its_limit(database: Database) -> None:
    for _ in range(2):
        enqueue_one(database, limit=2)
    with pytest.raises(QueueFull) as caught:
        enqueue_one(database, limit=2)
    assert str(caught.value) == (
        "the queue would hold 3 runs; the limit is 2 (DEPTHBOARD_QUEUE_LIMIT). "
        "Try again when some runs have finished, or cancel queued runs"
    )
    assert caught.value.headers == {"Retry-After": str(caught.value.retry_after)}


def test_every_kind_of_admission_checks_the_queue_limit(database: Database) -> None:
    done, failed = finished_run(database), failed_run(database)
    waiting = queue_run(database)
    again = Again(run_ids=[done], study_id=None)
    ways: list[Callable[[Session], object]] = [
        lambda session: admission.retry(session, failed, limit=1),
        lambda session: studies.create_study(session, StudyRequest.model_validate({"depth": 1}), limit=1),
        lambda session: studies.add_seeds(session, study, [MoreSeeds(seeds=1)], limit=1),
        lambda session: train_again(session, again, limit=1),
    ]
    with database.write() as session:
        study = studies.create_study(session, StudyRequest.model_validate({"depth": 1}), limit=2).id
        actions.remove(session, waiting)
    for way in ways:
        with pytest.raises(QueueFull), database.write() as session:
            way(session)
    with database.write() as session:
        assert isinstance(admission.retry_all(session, [failed], limit=1)[failed], QueueFull)
    assert row(database, failed).status == "failed"


def test_a_study_without_new_runs_is_accepted_by_a_full_queue(database: Database) -> None:
    finished_run(database, epochs=3)
    queue_run(database, seed=1)
    reused = StudyRequest.model_validate({"depth": 1, "epochs": 3, "reuse": True})
    with database.write() as session:
        assert studies.create_study(session, reused, limit=0).counts["finished"] == 1


def test_retry_after_is_from_a_second_to_an_hour(database: Database) -> None:
    add_worker(database)

    def told(waiting: int) -> int:
        with pytest.raises(QueueFull) as caught:
            enqueue_one(database, limit=waiting)
        return caught.value.retry_after

    for seed in range(2):
        queue_run(database, epochs=1, seed=seed)
    assert told(2) == 1
    for seed in range(2):
        queue_run(database, depth=5, epochs=10_000, seed=seed)
    assert told(4) == 1, "the first in the queue makes room"
    with database.write() as session:
        actions.remove(session, 1)
        actions.remove(session, 2)
    assert told(2) == LONGEST_WAIT
