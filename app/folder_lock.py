"""One `depthboard up` per data folder: a second would fight the first over ports, cores and log lines."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

NAME: Final = "up.lock"


class FolderInUse(Exception):
    """Another `depthboard up` runs on this data folder; the message says which and what to do."""

    def __init__(self, folder: Path, holder: str) -> None:
        who = f" ({holder})" if holder else ""
        super().__init__(
            f"Depthboard is already running on the data folder {str(folder)!r}{who}. "
            "Stop it first, or name another folder with --data-dir."
        )


class LockUnusable(Exception):
    """The file that shows who runs can't be locked; the message says why and what to do."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"{str(path)!r} can't be locked: {error.strerror or error}. Start Depthboard as the user that "
            "the data folder belongs to, or name another folder with --data-dir."
        )


@contextmanager
def held(folder: Path) -> Iterator[Callable[[str], None]]:
    """Hold the folder for the block; the lock ends with this process, however that ends.

    The block gets a function that notes what others are to be told about the holder.

    Raises:
        FolderInUse: another process holds it.
        LockUnusable: its file is another user's, or lies where nothing can be locked.
    """
    with _opened(folder / NAME) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise FolderInUse(folder, file.read().strip()) from error
        except OSError as error:
            raise LockUnusable(folder / NAME, error) from error

        def introduce(holder: str) -> None:
            file.seek(0)
            file.truncate()
            file.write(f"{holder}\n")
            file.flush()

        introduce("")
        yield introduce


def _opened(path: Path) -> TextIO:
    try:
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise LockUnusable(path, error) from error
