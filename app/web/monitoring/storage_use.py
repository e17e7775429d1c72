"""Storage used by runs and the database, measured at most once a minute."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Final

from sqlmodel import Session, func, select

from app.schemas.monitoring import StorageOut
from app.settings import Settings, is_url
from app.storage import sqlite
from app.storage.database import Database

KEPT_SECONDS: Final = 60.0


class StorageUse:
    """Measures storage; results are reused for a minute, because thousands of files have to be looked up."""

    def __init__(
        self, database: Database, settings: Settings, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._artifacts = settings.artifacts
        self._monotonic = monotonic
        self._measured: StorageOut | None = None
        self._due = 0.0
        self._lock = Lock()

    def read(self) -> StorageOut:
        """The newest measurement, or a new one if it is older than a minute."""
        with self._lock:
            if self._measured is None or self._monotonic() >= self._due:
                self._measured = self._measure()
                self._due = self._monotonic() + KEPT_SECONDS
            return self._measured

    def _measure(self) -> StorageOut:
        folder = None if is_url(self._artifacts) else Path(self._artifacts)
        with self._database.read() as session:
            database = _size_of_database(self._database, session)
        return StorageOut(
            runs=None if folder is None else _size_of_folder(folder / "runs"),
            database=database,
            free=None if folder is None else shutil.disk_usage(_existing(folder)).free,
        )


def _size_of_database(database: Database, session: Session) -> int:
    path = sqlite.file(database.url)
    if path is None:
        return int(session.exec(select(func.pg_database_size(func.current_database()))).one())
    files = [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")]
    return sum(file.stat().st_size for file in files if file.exists())


def _size_of_folder(folder: Path) -> int:
    """Bytes of all files in a folder; files that are removed meanwhile count nothing."""
    total = 0
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            continue
    return total


def _existing(folder: Path) -> Path:
    """The nearest existing folder that contains it: it is created with the first run."""
    return next(place for place in (folder, *folder.parents) if place.exists())
