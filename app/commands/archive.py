"""The backup file: the tables as a SQLite database, and the files of runs.

A backup does not depend on the kind of database: a backup of PostgreSQL can be restored into SQLite, and a
backup of SQLite into PostgreSQL.
"""

import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Table, delete, insert
from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlmodel import Session, SQLModel

from app.storage import artifacts, integrity, migrations
from app.storage.artifacts import Checkpoint
from app.storage.database import Database, newest_change
from app.storage.tables import MachineSample, Run, Worker

TABLES: Final = "depthboard.sqlite3"
"""The name of the tables in the archive."""

_BATCH: Final = 1000

_UNREADABLE: Final = (zipfile.BadZipFile, KeyError, EOFError, RuntimeError, ValueError, zlib.error)
"""Errors raised on reading a file that is not an archive, or one that is damaged or encrypted."""

_FILE: Final = re.compile(
    r"runs/(?P<run>[1-9][0-9]{0,17})/"
    r"(?:attempt-(?P<attempt>[0-9]{1,9})/(?P<kind>model|predictions)"
    r"|checkpoints/attempt-(?P<saved_by>[0-9]{1,9})-epoch-(?P<epoch>[0-9]{1,9}))\.safetensors"
)
"""The name in the archive of a file of a run."""


class BackupError(Exception):
    """A backup that can't be taken or restored; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The number of runs and files in a backup, and its size."""

    runs: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file of a run in the archive; `epoch` is set for checkpoints only."""

    name: str
    run_id: int
    attempt: int
    epoch: int | None = None

    @classmethod
    def named(cls, name: str) -> "ArchivedFile | None":
        """Parse the name of an archived file; None if it is not a run's file."""
        found = _FILE.fullmatch(name)
        if found is None:
            return None
        if found["kind"]:
            return cls(name, int(found["run"]), int(found["attempt"]))
        return cls(name, int(found["run"]), int(found["saved_by"]), int(found["epoch"]))

    def is_needed(self, runs: dict[int | None, Run]) -> bool:
        """Whether a finished run has it as its result, or an unfinished run can resume from it."""
        run = runs.get(self.run_id)
        if run is None:
            return False
        if self.epoch is None:
            return run.status == "finished" and self.attempt == run.attempt
        return run.status != "finished" and self.epoch <= run.epochs_done

    def at(self, location: str) -> Path:
        """Its path in a restored installation."""
        files = artifacts.of_run(location, self.run_id)
        if self.epoch is not None:
            return files.path_of(Checkpoint(self.attempt, self.epoch))
        of_attempt = files.model if self.name.endswith("model.safetensors") else files.predictions
        return of_attempt(self.attempt)


@contextmanager
def tables_file(path: Path) -> Iterator[Database]:
    """Open a SQLite database of the newest schema as a single file, with no journal beside it."""
    database = Database(URL.create("sqlite", database=str(path)))
    try:
        migrations.upgrade(database)
        yield database
    finally:
        database.close()
    plain = sqlite3.connect(path)
    plain.execute("PRAGMA journal_mode=DELETE")
    plain.close()


@contextmanager
def opened(path: Path, folder: Path) -> Iterator[zipfile.ZipFile]:
    """Open a complete backup that contains no other files, and extract its tables into a folder."""
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            damaged = archive.testzip()
            strange = [name for name in archive.namelist() if name != TABLES and not ArchivedFile.named(name)]
            if not (damaged or strange):
                archive.extract(TABLES, folder)
        except _UNREADABLE as error:
            raise BackupError(f"{path} is not a Depthboard backup, or it is damaged: {error}") from error
        if damaged:
            raise BackupError(f"{path} is damaged: the checksum of {damaged} is wrong")
        if strange:
            raise BackupError(f"{path} is not a Depthboard backup: it contains {strange[0]!r}")
        yield archive


@contextmanager
def saved_tables(path: Path, folder: Path) -> Iterator[Database]:
    """Open the tables of a backup, upgraded to the newest schema."""
    with ExitStack() as stack:
        try:
            faults = _faults(folder / TABLES)
            if not faults:
                saved = stack.enter_context(tables_file(folder / TABLES))
                with saved.read() as session:
                    newest_change(session)
        except DBAPIError as error:
            faults = [str(error.orig)]
        except NoResultFound as error:
            faults = [str(error)]
        if faults:
            raise BackupError(f"{path} is damaged: its tables can't be read ({'; '.join(faults)})")
        yield saved


def _faults(tables: Path) -> list[str]:
    """The faults of a file of tables."""
    with closing(Database(URL.create("sqlite", database=str(tables)))) as database:
        with database.engine.connect() as connection:
            if migrations.version(connection) is None:
                return ["it has no tables"]
        return integrity.faults(database)


def needed_files(archive: zipfile.ZipFile, runs: Iterable[Run]) -> list[ArchivedFile]:
    """The archived files that these runs need in their present states."""
    by_id = {run.id: run for run in runs}
    files = (ArchivedFile.named(name) for name in archive.namelist())
    return [file for file in files if file and file.is_needed(by_id)]


def copy_tables(source: Session, target: Session) -> None:
    """Replace every row of the target database with the rows of the source."""
    for table in _tables():
        target.execute(delete(table))
        rows = source.execute(table.select().execution_options(yield_per=_BATCH))
        for batch in rows.mappings().partitions(_BATCH):
            target.execute(insert(table), [dict(row) for row in batch])


def _tables() -> list[Table]:
    """Every table except those that workers fill at their start; referenced tables come first."""
    of_workers = {Worker.__tablename__, MachineSample.__tablename__}
    return [table for table in SQLModel.metadata.sorted_tables if table.name not in of_workers]
