"""Checks that open SQLite files are still those at the database's path.

A file that is deleted, moved or replaced stays open in its connections. Their writes to it are committed,
but lost.
"""

import os
from pathlib import Path
from threading import Lock
from typing import Final

from sqlalchemy.exc import OperationalError

from app.storage.outage import RESTORE

LOG: Final = "-wal"
INDEX: Final = "-shm"
JOURNAL: Final = "-journal"
"""Suffixes of the files that SQLite keeps beside a database."""


def beside(path: Path, suffix: str) -> Path:
    """Returns the path of a file that SQLite keeps beside a database."""
    return path.with_name(path.name + suffix)


class Misplaced(OperationalError):
    """The database is missing or replaced: an outage, as it may return. The message says what to do.

    `committed` is True if a change was committed to the file before this was noticed.
    """

    def __init__(self, why: str) -> None:
        super().__init__(None, None, Exception(why))
        self.committed = False


class OpenFiles:
    """The files of one database, as its first connection found them.

    While any connection is open, the write-ahead log and its index must stay the same files, too.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        target = Path(os.path.realpath(path))  # the other files are beside a link's target
        self._path = str(self.path)
        self._beside = [str(beside(target, suffix)) for suffix in (LOG, INDEX)]
        self._database: tuple[int, int] | None = None
        self._log: dict[str, tuple[int, int] | None] = {}
        self._connections = 0
        self._lock = Lock()

    def opened(self, *, logged: bool) -> None:
        """Count a new connection; `logged` if it uses a write-ahead log. Raises `Misplaced`."""
        with self._lock:
            if self._database is None:
                self._database = self._found()
            if not self._connections:
                self._log = {path: _identity_or_none(path) for path in self._beside} if logged else {}
            self._connections += 1
        self.check()

    def closed(self) -> None:
        """Count a closed connection."""
        with self._lock:
            self._connections -= 1
            if not self._connections:  # the last connection of all processes removes the log
                self._log = {}

    def check(self) -> None:
        """Check that the path leads to the open files. Raises `Misplaced`."""
        if self._database is None:
            return
        if self._found() != self._database:
            raise Misplaced(self._replaced())
        for path, known in self._log.items():
            if _identity_or_none(path) != known:
                raise Misplaced(
                    f"{path}, a part of the database, was removed or replaced while Depthboard runs. Stop "
                    "Depthboard with Ctrl-C or SIGTERM; this saves committed data. Then start it again. "
                    "Until then, no results are recorded"
                )

    def _found(self) -> tuple[int, int]:
        try:
            return _identity(self._path)
        except OSError as error:
            raise Misplaced(self._gone(error)) from error

    def _replaced(self) -> str:
        old = [Path(path).name for path, known in self._log.items() if _identity_or_none(path) == known]
        removed = f", remove {' and '.join(old)} of the original file," if old else ""
        return (
            f"the database file {self._path} was replaced while Depthboard runs. To use the new file, stop "
            f"Depthboard{removed} and start it again. Otherwise, restore the original file. Until then, "
            "no results are recorded"
        )

    def _gone(self, error: OSError) -> str:
        folder = self.path.parent
        what = f"the database file {self._path}" if folder.is_dir() else f"the data folder {folder}"
        return (
            f"{what} is missing ({error.strerror}): it was moved or deleted while Depthboard runs. Put it "
            f"back, or stop Depthboard and restore a backup: {RESTORE}. Until then, no results are recorded"
        )


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116  # runs several times per write, and Path is slower
    return status.st_dev, status.st_ino


def _identity_or_none(path: str) -> tuple[int, int] | None:
    try:
        return _identity(path)
    except OSError:
        return None
