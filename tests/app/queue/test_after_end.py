"""What is done once runs have ended or been deleted: which of their files go, and which stay."""

from collections.abc import Callable

import pytest

from app.queue import actions, after_end
from app.queue.after_end import Aftercare
from app.settings import Settings
from app.storage import artifacts
from app.storage.artifacts import Checkpoint
from app.storage.database import Database
from tests.app.states import failed_run, finished_run, queue_run
from trainer.files import durable


def files_of(settings: Settings, run_id: int, *, checkpoint: bool = True) -> set[str]:
    """Give a run weights and a checkpoint; where they lie."""
    files = artifacts.of_run(settings.artifacts, run_id)
    durable.write(files.model(1), b"weights")
    if checkpoint:
        durable.write(files.path_of(Checkpoint(1, 1)), b"state")
    return present(settings, run_id)


def present(settings: Settings, run_id: int) -> set[str]:
    folder = artifacts.of_run(settings.artifacts, run_id).folder
    return {path.parent.name for path in folder.rglob("*.safetensors")}


@pytest.mark.parametrize(
    ("make", "stays"),
    [
        (finished_run, {"attempt-1"}),
        (failed_run, {"attempt-1", "checkpoints"}),
        (queue_run, {"attempt-1", "checkpoints"}),
    ],
)
def test_only_finished_runs_lose_their_checkpoints_at_their_end(
    database: Database, settings: Settings, make: Callable[[Database], int], stays: set[str]
) -> None:
    run_id = make(database)
    files_of(settings, run_id)
    with database.read() as session:
        after_end.follow_up(session, settings.artifacts, run_id)
    assert present(settings, run_id) == stays


def test_leftovers_of_finished_and_deleted_runs_are_removed_and_nothing_else(
    database: Database, settings: Settings
) -> None:
    finished, deleted = finished_run(database), finished_run(database)
    failed, waiting = queue_run(database), queue_run(database)
    foreign = 77
    with database.write() as session:
        actions.cancel(session, failed)
        actions.remove(session, deleted)
    whole = {run_id: files_of(settings, run_id) for run_id in (finished, deleted, failed, waiting, foreign)}
    Aftercare(database, settings.artifacts).catch_up()
    assert present(settings, finished) == {"attempt-1"}
    assert present(settings, deleted) == set()
    for kept in (failed, waiting, foreign):
        assert present(settings, kept) == whole[kept]


def test_later_calls_read_only_changed_runs(database: Database, settings: Settings) -> None:
    old = finished_run(database)
    aftercare = Aftercare(database, settings.artifacts)
    aftercare.catch_up()
    files_of(settings, old)
    new = finished_run(database)
    files_of(settings, new)
    aftercare.catch_up()
    assert present(settings, old) == {"attempt-1", "checkpoints"}
    assert present(settings, new) == {"attempt-1"}


def test_a_failed_removal_is_retried(database: Database, settings: Settings) -> None:
    finished, deleted = finished_run(database), finished_run(database)
    with database.write() as session:
        actions.remove(session, deleted)
    removable = artifacts.of_run(settings.artifacts, deleted).folder
    checkpoints = artifacts.of_run(settings.artifacts, finished).checkpoints
    for place in (removable, checkpoints):  # a file where a folder is expected can't be removed as one
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    aftercare = Aftercare(database, settings.artifacts)
    aftercare.catch_up()
    for place in (removable, checkpoints):
        place.unlink()
    files_of(settings, finished)
    files_of(settings, deleted)
    aftercare.catch_up()
    assert present(settings, finished) == {"attempt-1"}
    assert present(settings, deleted) == set()
    files_of(settings, finished)
    aftercare.catch_up()
    assert present(settings, finished) == {"attempt-1", "checkpoints"}
