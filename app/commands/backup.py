"""Writes a backup: a snapshot of the database and its files, even while the dashboard runs."""

import secrets
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from sqlmodel import Session, col, select

from app.commands.archive import TABLES, BackupError, Contents, copy_tables, needed_files, tables_file
from app.storage import artifacts, migrations
from app.storage.artifacts import Checkpoint
from app.storage.database import Database
from app.storage.tables import Run
from trainer.files import durable

_LOOKS: Final = 3
"""How often a missing checkpoint is searched for: a newer one can replace it before it is read."""


def save(database: Database, location: str, path: Path) -> Contents:
    """Write a backup of the database, and of the files at `location`, to a new file.

    It includes the checkpoints of runs that have not ended. It does not include data sets.

    Raises:
        BackupError: the file exists, it can't be written, or the schema is of an older version.
        SchemaError: the schema is of a newer version.
    """
    if path.exists():
        raise BackupError(f"{path} already exists; specify a new file, or remove the existing one")
    if not migrations.is_current(database):
        raise BackupError(
            "the database has no tables, or those of an older version; start this version once with "
            "`depthboard up` to create or upgrade them"
        )
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{durable.TEMPORARY}")
    try:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(temporary, "x") as archive:
            saved = _SavedFiles(archive, location)
            with database.read() as session:
                resumable = _resumable(session)
            saved.add_checkpoints(resumable)
            tables = Path(folder) / TABLES
            with tables_file(tables) as copy:
                runs = _save_tables(database, copy, saved)
            archive.write(tables, TABLES, zipfile.ZIP_DEFLATED)
            saved.add_results(runs)
            saved.add_checkpoints(runs)
            files = len(needed_files(archive, runs))
        durable.settle(temporary, path)
    except OSError as error:
        raise BackupError(f"{path} could not be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return Contents(len(runs), files, path.stat().st_size)


class _SavedFiles:
    """The files added to a new archive; files missing at `location` are skipped."""

    def __init__(self, archive: zipfile.ZipFile, location: str) -> None:
        self._archive = archive
        self._location = location
        self._checkpoints: dict[int | None, set[Checkpoint]] = defaultdict(set)

    def add_results(self, runs: Iterable[Run]) -> None:
        """Add the results of finished runs."""
        for run in runs:
            if run.status == "finished":
                files = artifacts.of_run(self._location, run.id or 0)
                self._add(run, files.model(run.attempt))
                self._add(run, files.predictions(run.attempt))

    def add_checkpoints(self, runs: Iterable[Run]) -> None:
        """Add every checkpoint from which one of these runs can resume, unless it has been added already."""
        for run in runs:
            if run.status == "finished" or not run.epochs_done:
                continue
            files = artifacts.of_run(self._location, run.id or 0)
            for each in files.usable(run.epochs_done):
                if each not in self._checkpoints[run.id] and self._add(run, files.path_of(each)):
                    self._checkpoints[run.id].add(each)

    def lacks_checkpoint(self, run: Run) -> bool:
        """Whether the run can't resume from any checkpoint added so far."""
        return not any(each.epoch <= run.epochs_done for each in self._checkpoints[run.id])

    def _add(self, run: Run, path: Path) -> bool:
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # the run has saved a newer checkpoint, or was deleted
            return False
        self._archive.writestr(f"runs/{run.id}/{path.parent.name}/{path.name}", content)
        return True


def _save_tables(database: Database, copy: Database, saved: _SavedFiles) -> Sequence[Run]:
    """Copy one snapshot of a database and return its runs.

    Every run that has a checkpoint in this snapshot has one among the saved files. Other writers wait until
    the checkpoints are saved: a run saves no further checkpoint before its epoch is recorded, so at most one
    newer checkpoint can replace the one being read.
    """
    with database.read() as source:
        with database.write() as turn:
            turn.connection()
            resumable = _resumable(source)
            for _ in range(_LOOKS):
                saved.add_checkpoints(filter(saved.lacks_checkpoint, resumable))
        with copy.write() as target:
            copy_tables(source, target)
        return source.exec(select(Run).order_by(col(Run.id))).all()


def _resumable(session: Session) -> Sequence[Run]:
    """The runs that can resume from a checkpoint; those training now come last."""
    return session.exec(
        select(Run)
        .where(Run.status != "finished", Run.epochs_done > 0)
        .order_by(col(Run.status) == "running", col(Run.id))
    ).all()
