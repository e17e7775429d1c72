"""Allows one `depthboard up` per data folder and database."""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TextIO

_NAME: Final = "up.lock"
SUFFIX: Final = ".lock"
"""Suffix of lock files."""


@dataclass(frozen=True, slots=True)
class Place:
    """A resource that only one dashboard may use, and its lock file."""

    lock: Path
    kind: str
    name: Path
    another: str

    @classmethod
    def folder(cls, path: Path) -> Self:
        """A data folder."""
        return cls(path / _NAME, "data folder", path, "another folder with --data-dir")

    @classmethod
    def database(cls, path: Path) -> Self:
        """A SQLite file, which another data folder or a link may also reach."""
        real = Path(os.path.realpath(path))
        lock = real.with_name(f"{real.name}{SUFFIX}")
        return cls(lock, "database", path, "another database with --database-url")


class FolderInUse(Exception):
    """Another `depthboard up` uses the place; the message says which and what to do."""

    def __init__(self, place: Place, holder: str) -> None:
        who = f" ({holder})" if holder else ""
        super().__init__(
            f"Depthboard is already running on the {place.kind} {str(place.name)!r}{who}. "
            f"Stop it first, or use {place.another}."
        )


class LockUnusable(Exception):
    """The lock file can't be locked; the message says why and what to do."""

    def __init__(self, place: Place, error: OSError) -> None:
        super().__init__(
            f"{str(place.lock)!r} can't be locked: {error.strerror or error}. Start Depthboard as the user "
            f"that owns the {place.kind}, or use {place.another}."
        )


@contextmanager
def held(places: Sequence[Place]) -> Iterator[Callable[[str], None]]:
    """Lock these places for the block; the locks end with this process, even if it is killed.

    Yields a function that stores a description of the holder, for the messages of other processes.

    Raises:
        FolderInUse: another process holds a lock.
        LockUnusable: a lock file belongs to another user, or its file system does not support locks.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(_locked(place)) for place in places]

        def introduce(holder: str) -> None:
            for file in files:
                file.seek(0)
                file.truncate()
                file.write(f"{holder}\n")
                file.flush()

        introduce("")
        yield introduce


@contextmanager
def _locked(place: Place) -> Iterator[TextIO]:
    with _opened(place) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise FolderInUse(place, file.read().strip()) from error
        except OSError as error:
            raise LockUnusable(place, error) from error
        yield file


def _opened(place: Place) -> TextIO:
    try:
        place.lock.parent.mkdir(parents=True, exist_ok=True)
        return place.lock.open("a+", encoding="utf-8")
    except OSError as error:
        raise LockUnusable(place, error) from error
