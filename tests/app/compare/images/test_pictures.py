"""Pictures of test images: read once, within a bound of memory."""

import gzip
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from app.compare.images.pictures import KeptFiles, NoPictures
from tests.trainer.idx_files import images, labels
from trainer.data.idx import IdxFile
from trainer.data.idx_stream import IMAGES, LABELS, IdxStream, Layout, opened


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were opened, in their order."""
    names: list[str] = []

    def noted(path: Path, layout: Layout) -> AbstractContextManager[IdxStream]:
        names.append(path.name)
        return opened(path, layout)

    monkeypatch.setattr("app.compare.images.pictures.opened", noted)
    return names


def stored(folder: Path, count: int, name: str = "images") -> Path:
    path = folder / f"{name}.gz"
    path.write_bytes(gzip.compress(images(count)))
    return path


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, read: list[str]) -> None:
    files, path = KeptFiles(), stored(tmp_path, 3)
    for _ in range(3):
        assert (files.read(path, IMAGES) == IdxFile.images(path).items).all()
    assert read == ["images.gz"]
    stored(tmp_path, 4)
    assert len(files.read(path, IMAGES)) == 4
    assert read == ["images.gz"] * 2


def test_a_damaged_file_is_read_once(tmp_path: Path, read: list[str]) -> None:
    files, path = KeptFiles(), tmp_path / "labels"
    path.write_bytes(labels([5, 0, 26]))
    for _ in range(3):
        with pytest.raises(NoPictures, match="contains the label 26"):
            files.read(path, LABELS)
    assert read == ["labels"]
    path.write_bytes(labels([5, 0, 2]))
    os.utime(path, ns=(0, 0))
    assert files.read(path, LABELS).tolist() == [5, 0, 2]


def test_concurrent_requests_read_a_file_once(tmp_path: Path, read: list[str]) -> None:
    files, path = KeptFiles(), stored(tmp_path, 500)
    together = threading.Barrier(8)

    def ask(_: int) -> int:
        together.wait()
        return len(files.read(path, IMAGES))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(8))) == [500] * 8
    assert read == ["images.gz"]


def test_the_least_recently_used_file_is_evicted(tmp_path: Path, read: list[str]) -> None:
    files = KeptFiles(most_bytes=25 * 784)
    first, second, third = (stored(tmp_path, 10, name) for name in "abc")
    for path in (first, second, first, third, first):
        files.read(path, IMAGES)
    assert read == ["a.gz", "b.gz", "c.gz"]
    files.read(second, IMAGES)
    assert read[3:] == ["b.gz"]


def test_a_file_larger_than_the_cache_is_refused_without_reading_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored(tmp_path, 30)
    monkeypatch.setattr(IdxFile, "images", None)
    with pytest.raises(NoPictures, match=r"holds 30 images, 0\.0 MiB; files of up to 0\.0 MiB are shown"):
        KeptFiles(most_bytes=25 * 784).read(path, IMAGES)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoPictures, match="can't be read: No such file"):
        KeptFiles().read(tmp_path / "gone", IMAGES)
