"""Files of runs: which checkpoint is used, and what is removed."""

from pathlib import Path

import pytest

from app import artifacts
from app.artifacts import Checkpoint, RunFiles


@pytest.fixture
def files(tmp_path: Path) -> RunFiles:
    return artifacts.of_run(tmp_path, 7)


def put(files: RunFiles, *checkpoints: tuple[int, int], suffix: str = "") -> None:
    files.checkpoints.mkdir(parents=True, exist_ok=True)
    for attempt, epoch in checkpoints:
        path = files.path_of(Checkpoint(attempt, epoch))
        path.with_name(path.name + suffix).write_bytes(b"some")


def names(files: RunFiles) -> set[str]:
    return {path.name for path in files.checkpoints.iterdir()}


def test_a_run_without_files_has_no_checkpoint(files: RunFiles) -> None:
    assert files.usable(100) == []
    files.remove_older(Checkpoint(3, 3))
    files.remove_checkpoints()
    files.remove()


def test_the_newest_checkpoint_comes_first_and_a_later_attempts_before_all(files: RunFiles) -> None:
    put(files, (1, 9), (1, 10), (2, 4))
    assert files.usable(100) == [Checkpoint(2, 4), Checkpoint(1, 10), Checkpoint(1, 9)]


def test_a_checkpoint_that_knows_more_than_the_database_is_not_used(files: RunFiles) -> None:
    put(files, (1, 9), (1, 10))
    assert files.usable(9) == [Checkpoint(1, 9)]
    assert files.usable(8) == []


def test_what_was_never_completed_is_not_used_and_removed_as_old_as_it_is(files: RunFiles) -> None:
    put(files, (1, 9))
    put(files, (1, 10), (2, 3), suffix=".a1b2.tmp")
    assert files.usable(100) == [Checkpoint(1, 9)]
    files.remove_older(Checkpoint(2, 1))
    assert names(files) == {"attempt-2-epoch-3.safetensors.a1b2.tmp"}


def test_a_stale_attempt_removes_nothing_of_a_newer_one(files: RunFiles) -> None:
    put(files, (1, 9), (1, 30), (2, 10))
    files.remove_older(Checkpoint(1, 30))
    assert files.usable(100) == [Checkpoint(2, 10), Checkpoint(1, 30)]


def test_removing_takes_one_run_and_no_other(files: RunFiles, tmp_path: Path) -> None:
    other = artifacts.of_run(tmp_path, 77)
    for each in (files, other):
        put(each, (1, 1))
        each.model.write_bytes(b"weights")
    files.remove_checkpoints()
    assert files.model.is_file()
    assert not files.checkpoints.exists()
    files.remove()
    assert not files.folder.exists()
    assert other.usable(1)


def test_what_can_not_be_removed_is_logged(files: RunFiles, caplog: pytest.LogCaptureFixture) -> None:
    files.folder.parent.mkdir(parents=True)
    files.folder.touch()
    files.remove()
    assert "could not remove" in caplog.text
