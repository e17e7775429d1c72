"""Atomic and durable file writes, even if the process or the machine is killed."""

import errno
import os
import secrets
from pathlib import Path
from typing import Final

TEMPORARY: Final = ".tmp"
"""Suffix of unfinished files; a killed process leaves one behind."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class NotWritten(Exception):
    """A file could not be written; the message says why and what to do.

    `is_away`: the place of its folder is missing, for example because a disk was unmounted, and may return.
    """

    def __init__(self, path: Path, error: OSError) -> None:
        self.is_away = error.errno == errno.ENOENT
        cure = "free some space" if error.errno in _FULL else "make sure that its folder is writable"
        super().__init__(f"could not write {path}: {error.strerror or error}; {cure} and retry")


def is_local(path: object) -> bool:
    """Whether a path is on this machine, rather than in a remote store with the same methods."""
    return isinstance(path, Path)


def write(path: Path, content: bytes, base: Path | None = None) -> None:
    """Write or replace a file atomically and durably: after the return it survives a power failure.

    Creates missing folders, but never `base` or a folder above it. Raises `NotWritten` and then leaves an
    existing file unchanged. A path in a remote store (a `upath.UPath`) is written with the guarantees of that
    store.
    """
    if not is_local(path):
        _put(path, content)
        return
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        _make(path.parent, base)
        try:
            _write(temporary, content)
            os.replace(temporary, path)  # noqa: PTH105  # named as the system call it is
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync(path.parent)
    except OSError as error:
        raise NotWritten(path, error) from error


def settle(temporary: Path, path: Path) -> None:
    """Rename a complete file to `path` durably. Raises `OSError`."""
    opened = os.open(temporary, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
    os.replace(temporary, path)  # noqa: PTH105
    _sync(path.parent)


def _put(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise NotWritten(path, error) from error


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _make(folder: Path, base: Path | None) -> None:
    """Create a folder and its missing parents, up to `base`, durably."""
    if not folder.is_dir():
        if folder == base:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
        _make(folder.parent, base)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Sync a folder's entries to disk: until then, a power failure undoes a rename."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
