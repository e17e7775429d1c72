"""Files that are there whole or not at all, whatever kills the process or the machine in between."""

import errno
import os
import secrets
from pathlib import Path
from typing import Final

TEMPORARY: Final = ".tmp"
"""How the names of unfinished files end; a process that was killed leaves one behind."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class NotWritten(Exception):
    """A file could not be written; the message says why and what to do."""

    def __init__(self, path: Path, error: OSError) -> None:
        cure = "free some space" if error.errno in _FULL else "make sure that its folder can be written"
        super().__init__(f"could not write {path}: {error.strerror or error}; {cure} and retry")


def is_local(path: object) -> bool:
    """Whether a path is one of this machine's, and not one of a store that has the same methods."""
    return isinstance(path, Path)


def write(path: Path, content: bytes) -> None:
    """Put a file in place of the one that is there; once this returns, it is on the disk to stay.

    Folders are made as needed. Raises `NotWritten`, and then leaves everything as it was. A path that is
    none of this machine's (a `upath.UPath`) is written as its store does it.
    """
    if not is_local(path):
        _put(path, content)
        return
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        _make(path.parent)
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
    """Give a file that is complete its name, to stay on the disk under it. Raises `OSError`."""
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


def _make(folder: Path) -> None:
    """Make a folder, and those above it, to stay."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Make the names in a folder last: a rename is lost with the power until this is done."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
