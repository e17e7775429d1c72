"""Files of runs: which checkpoint is used, and what is removed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.storage import artifacts
from app.storage.artifacts import Checkpoint, RunFiles, StoreUnusable
from trainer.files import durable


@pytest.fixture(params=["a disk", "a store"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "a disk" else f"simplecache::{tmp_path.as_uri()}"


@pytest.fixture
def files(location: str) -> RunFiles:
    return artifacts.of_run(location, 7)


def put(files: RunFiles, *checkpoints: tuple[int, int], suffix: str = "") -> None:
    for attempt, epoch in checkpoints:
        path = files.path_of(Checkpoint(attempt, epoch))
        durable.write(path.with_name(path.name + suffix), b"some")


def names(files: RunFiles) -> set[str]:
    return {path.name for path in files.checkpoints.iterdir()}


def test_a_run_without_files_has_no_checkpoint(files: RunFiles) -> None:
    assert files.usable(100) == []
    files.remove_older(Checkpoint(3, 3))
    files.keep_only(1)
    files.remove()


def test_the_newest_checkpoint_comes_first_and_a_later_attempts_before_all(files: RunFiles) -> None:
    put(files, (1, 9), (1, 10), (2, 4))
    assert files.usable(100) == [Checkpoint(2, 4), Checkpoint(1, 10), Checkpoint(1, 9)]


def test_a_checkpoint_ahead_of_the_database_is_not_used(files: RunFiles) -> None:
    put(files, (1, 9), (1, 10))
    assert files.usable(9) == [Checkpoint(1, 9)]
    assert files.usable(8) == []


def test_an_incomplete_checkpoint_is_not_used_and_is_removed_once_it_is_older(files: RunFiles) -> None:
    put(files, (1, 9))
    put(files, (1, 10), (2, 3), suffix=".a1b2.tmp")
    assert files.usable(100) == [Checkpoint(1, 9)]
    files.remove_older(Checkpoint(2, 1))
    assert names(files) == {"attempt-2-epoch-3.safetensors.a1b2.tmp"}


def test_an_outdated_attempt_removes_no_files_of_a_newer_one(files: RunFiles) -> None:
    put(files, (1, 9), (1, 30), (2, 10))
    files.remove_older(Checkpoint(1, 30))
    assert files.usable(100) == [Checkpoint(2, 10), Checkpoint(1, 30)]


def test_a_finished_run_keeps_only_the_files_of_its_last_attempt(files: RunFiles) -> None:
    put(files, (1, 1), (2, 9))
    for attempt in (1, 2, 12):
        durable.write(files.model(attempt), b"weights %d" % attempt)
    files.keep_only(2)
    assert files.model(2).read_bytes() == b"weights 2"
    assert not any(
        place.is_dir() for place in (files.checkpoints, files.model(1).parent, files.model(12).parent)
    )


def test_removing_files_affects_only_one_run(location: str) -> None:
    one, other = artifacts.of_run(location, 7), artifacts.of_run(location, 77)
    for each in (one, other):
        put(each, (1, 1))
        durable.write(each.model(1), b"weights")
    assert sorted(artifacts.run_ids(location)) == [7, 77]
    one.remove()
    assert list(artifacts.run_ids(location)) == [77]
    assert other.usable(1)
    assert other.model(1).is_file()


def test_a_failed_removal_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = artifacts.of_run(str(tmp_path), 7)
    files.folder.parent.mkdir(parents=True)
    files.folder.touch()
    files.remove()
    assert "could not remove" in caplog.text


def test_a_folder_deleted_while_it_is_listed_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = artifacts.of_run(str(tmp_path), 7)
    durable.write(files.model(1), b"weights")
    look = Path.iterdir

    def look_too_late(folder: Path) -> Iterator[Path]:
        shutil.rmtree(folder)
        return look(folder)

    monkeypatch.setattr(Path, "iterdir", look_too_late)
    files.keep_only(1)
    assert not files.folder.exists()


def test_a_url_of_a_file_is_a_folder_of_this_machine(tmp_path: Path) -> None:
    assert (
        artifacts.of_run(f"{tmp_path.as_uri()}/some%20place", 1).folder
        == tmp_path / "some place" / "runs" / "1"
    )


def test_an_unreachable_url_is_refused() -> None:
    with pytest.raises(StoreUnusable, match="expected a folder, or an fsspec URL"):
        artifacts.of_run("nonesuch://bucket", 1)


@pytest.mark.parametrize(
    "url", ["memory://bucket", "MEMORY://bucket", "simplecache::memory://bucket/depthboard"]
)
def test_in_memory_storage_is_refused(url: str) -> None:
    with pytest.raises(
        StoreUnusable, match=r"is in-memory storage of one process.*expected a folder, or the URL"
    ):
        artifacts.check(url)


@pytest.mark.parametrize(
    "url",
    ["file://artifacts/x", "file://host", "file://", "FILE://a/x", "local://a/x", "simplecache::file://a/x"],
)
def test_a_url_of_a_file_names_a_whole_path_of_this_machine(url: str) -> None:
    with pytest.raises(StoreUnusable, match=r"does not contain an absolute path.*file:///srv"):
        artifacts.check(url)


def test_a_location_is_recognized_by_its_mark(location: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        artifacts.mark(location, create=False)
    mark = artifacts.mark(location, create=True)
    assert artifacts.mark(location, create=True) == mark
    assert artifacts.mark(location, create=False) == mark
    assert artifacts.mark(str(tmp_path / "other"), create=True) != mark


def test_data_sets_are_found_by_their_digest(location: str) -> None:
    folder = artifacts.of_data_set(location, "d1")
    durable.write(folder / "images", b"some")
    assert (artifacts.of_data_set(location, "d1") / "images").read_bytes() == b"some"
    assert not (artifacts.of_data_set(location, "d2") / "images").is_file()
