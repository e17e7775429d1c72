"""Files that are there whole or not at all."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from trainer.files import durable

ROOT = Path(__file__).parents[3]
DYING = """
import os, signal, sys
from pathlib import Path
from trainer.files import durable

name, calls, when = sys.argv[2], int(sys.argv[3]), sys.argv[4]
real = getattr(os, name)

def fatal(*arguments):
    global calls
    calls -= 1
    if when == "after" or calls:
        real(*arguments)
    if not calls:
        os.kill(os.getpid(), signal.SIGKILL)

setattr(os, name, fatal)
durable.write(Path(sys.argv[1]), b"new" * 100_000)
"""
"""Writes a file and is killed at the n-th call of a function of `os`."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "calls", "when", "content"),
    [
        ("fsync", 1, "before", b"old"),  # written, not yet on the disk
        ("fsync", 1, "after", b"old"),
        ("replace", 1, "before", b"old"),
        ("replace", 1, "after", b"new"),
        ("fsync", 2, "before", b"new"),  # renamed, the folder not yet on the disk
        ("fsync", 2, "after", b"new"),
    ],
)
def test_a_kill_while_writing_leaves_the_old_or_the_new_file(
    tmp_path: Path, function: str, calls: int, when: str, content: bytes
) -> None:
    path = tmp_path / "file"
    durable.write(path, b"old" * 100_000)
    arguments = [str(path), function, str(calls), when]
    ended = subprocess.run([sys.executable, "-c", DYING, *arguments], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.read_bytes() == content * 100_000


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(durable.NotWritten, match="its folder is writable and retry"):
        durable.write(tmp_path / "file" / "below", b"")


def test_a_write_replaces_the_file_and_creates_folders(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    for content in (b"one", b"two"):
        durable.write(path, content)
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_write_creates_no_folder_in_place_of_its_base(tmp_path: Path) -> None:
    base = tmp_path / "base"
    path = base / "new" / "folder" / "file"
    with pytest.raises(durable.NotWritten, match="No such file or directory") as caught:
        durable.write(path, b"one", base)
    assert caught.value.is_away
    assert not base.exists()
    base.mkdir()
    durable.write(path, b"one", base)
    assert path.read_bytes() == b"one"


def test_content_and_name_are_on_the_disk_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def noted(*arguments: object, name: str = name, real: object = real) -> None:
            calls.append(name)
            real(*arguments)  # type: ignore[operator]

        monkeypatch.setattr(os, name, noted)
    durable.write(tmp_path / "file", b"content")
    assert calls == ["fsync", "replace", "fsync"]
    temporary = tmp_path / "file.tmp"
    temporary.write_bytes(b"later")
    durable.settle(temporary, tmp_path / "file")
    assert calls[3:] == ["fsync", "replace", "fsync"]
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"later"]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space and retry"),
        (errno.EDQUOT, "free some space and retry"),
        (errno.EROFS, "make sure that its folder is writable and retry"),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, advice: str
) -> None:
    path = tmp_path / "file"
    durable.write(path, b"before")

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, refuse)
    with pytest.raises(durable.NotWritten) as caught:
        durable.write(path, b"after")
    assert str(caught.value) == f"could not write {path}: {os.strerror(number)}; {advice}"
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"before"


def test_a_path_in_a_store_is_written_as_its_store_does(tmp_path: Path) -> None:
    path: Any = UPath("memory://durable/folder/file")
    durable.write(path, b"content")
    assert path.read_bytes() == b"content"
    assert (durable.is_local(path), durable.is_local(tmp_path)) == (False, True)
