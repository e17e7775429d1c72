"""One file with everything: the tables as a SQLite database, and what runs have produced.

A backup is taken from one moment of the database while the dashboard runs. It does not depend on the kind of
database: what was saved from PostgreSQL can be restored into SQLite, and the reverse.
"""

import secrets
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Table, delete, func, insert, text
from sqlmodel import Session, SQLModel, col, select

from app import artifacts, migrations, run_queue
from app.artifacts import RunFiles
from app.db import Database
from app.models import Deletion, Run, Study, Worker
from trainer import durable

_TABLES: Final = "depthboard.sqlite3"
_BATCH: Final = 1000
_WHY_QUEUED: Final = "the database was restored from a backup"


class BackupError(Exception):
    """A backup that can't be taken or restored; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds."""

    runs: int
    files: int
    bytes: int


def save(database: Database, location: str, path: Path) -> Contents:
    """Write a backup of the database, and of the files at `location`, to a new file.

    Left out are data sets of one's own. Checkpoints of runs that have not ended are in it.

    Raises:
        BackupError: there is such a file, it can't be written, or the schema is an older version's.
        SchemaError: the schema is a newer version's.
    """
    if path.exists():
        raise BackupError(f"{path} is there already; name a new file, or remove that one")
    if not migrations.is_current(database):
        raise BackupError(
            "the database has the tables of an older version, or none; start this version once with "
            "`depthboard up`, which brings them up to date"
        )
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{durable.TEMPORARY}")
    try:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(temporary, "x") as archive:
            tables = Path(folder) / _TABLES
            with _sqlite(tables) as copy:
                runs = _save_tables(database, copy)
            archive.write(tables, _TABLES, zipfile.ZIP_DEFLATED)
            files = sum(_save_files(archive, location, run) for run in runs)
        durable.settle(temporary, path)
    except OSError as error:
        raise BackupError(f"{path} could not be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return Contents(len(runs), files, path.stat().st_size)


def restore(path: Path, database: Database, location: str) -> Contents:
    """Fill an empty database, and the place of its files, from a backup.

    Runs that were training when the backup was taken wait in the queue again, no crash counted; they resume
    from their checkpoints. Nothing is changed if this fails.

    Raises:
        BackupError: the file is no backup or damaged, or the database is not empty.
        SchemaError: the backup was taken by a newer version.
    """
    migrations.upgrade(database)
    with database.read() as session:
        _refuse_unless_empty(session)
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
            if damaged := archive.testzip():
                raise BackupError(f"{path} is damaged: {damaged} in it is not what was saved")
            archive.extract(_TABLES, folder)
            with _sqlite(Path(folder) / _TABLES) as saved:
                return _restore(archive, saved, database, location)
    except (zipfile.BadZipFile, KeyError) as error:
        raise BackupError(f"{path} is no backup of Depthboard, or it is damaged: {error}") from error
    except OSError as error:
        raise BackupError(f"{path} could not be restored: {error.strerror or error}") from error


@contextmanager
def _sqlite(path: Path) -> Iterator[Database]:
    """A SQLite database of the newest schema that is one file, with no journal beside it."""
    database = Database(f"sqlite:///{path}")
    try:
        migrations.upgrade(database)
        yield database
    finally:
        database.close()
    plain = sqlite3.connect(path)
    plain.execute("PRAGMA journal_mode=DELETE")
    plain.close()


def _save_tables(database: Database, copy: Database) -> list[Run]:
    """Copy one moment of a database; the runs of that moment."""
    with database.read() as source, copy.write() as target:
        _copy_tables(source, target)
        return list(source.exec(select(Run).order_by(col(Run.id))))


def _copy_tables(source: Session, target: Session) -> None:
    for table in _tables():
        target.execute(delete(table))
        rows = source.execute(table.select().execution_options(yield_per=_BATCH))
        for batch in rows.mappings().partitions(_BATCH):
            target.execute(insert(table), [dict(row) for row in batch])


def _tables() -> list[Table]:
    """Every table but that of the workers, which say themselves that they live; referred ones first."""
    workers = SQLModel.metadata.tables[Worker.__tablename__]
    return [table for table in SQLModel.metadata.sorted_tables if table is not workers]


def _save_files(archive: zipfile.ZipFile, location: str, run: Run) -> int:
    """Put what a run needs of its files into the archive; how many. What is not there is left out."""
    files = artifacts.of_run(location, run.id or 0)
    saved = 0
    for path in _needed(files, run):
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # the run has gone on, or was deleted
            continue
        archive.writestr(f"runs/{run.id}/{path.parent.name}/{path.name}", content)
        saved += 1
    return saved


def _needed(files: RunFiles, run: Run) -> list[Path]:
    if run.status == "finished":
        return [files.model(run.attempt), files.predictions(run.attempt)]
    return [files.path_of(each) for each in files.usable(run.epochs_done)]


def _refuse_unless_empty(session: Session) -> None:
    found = {
        kind: session.exec(select(func.count()).select_from(table)).one()
        for kind, table in (("runs", Run), ("studies", Study), ("deleted runs", Deletion))
    }
    if any(found.values()):
        told = ", ".join(f"{count} {kind}" for kind, count in found.items() if count)
        raise BackupError(
            f"the database is not empty ({told}); restore into a new data folder (--data-dir) or database "
            "(--database-url)"
        )


def _restore(archive: zipfile.ZipFile, saved: Database, database: Database, location: str) -> Contents:
    written: list[RunFiles] = []
    try:
        with saved.read() as source, database.write() as target:
            _refuse_unless_empty(target)
            _copy_tables(source, target)
            _continue_numbering(target)
            _queue_again(target)
            runs = target.exec(select(func.count()).select_from(Run)).one()
            names = [name for name in archive.namelist() if name != _TABLES]
            for name in names:
                _, run_id, *rest = Path(name).parts
                files = artifacts.of_run(location, int(run_id))
                written.append(files)
                durable.write(files.folder.joinpath(*rest), archive.read(name))
    except BaseException:
        for files in written:
            files.remove()
        raise
    return Contents(runs, len(names), sum(archive.getinfo(name).file_size for name in names))


def _continue_numbering(session: Session) -> None:
    """Let new runs and studies have ids that none ever had, those of deleted runs included."""
    newest = {
        "run": max(_highest(session, Run.id), _highest(session, Deletion.run_id)),
        "study": _highest(session, Study.id),
    }
    sqlite_one = session.get_bind().dialect.name == "sqlite"
    for table, number in newest.items():
        if not number:
            continue
        if sqlite_one:
            session.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), {"table": table})
            session.execute(
                text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :number)"),
                {"table": table, "number": number},
            )
        else:
            session.execute(
                text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :number)"),
                {"table": table, "number": number},
            )


def _highest(session: Session, column: object) -> int:
    return session.execute(select(func.max(column))).scalar() or 0


def _queue_again(session: Session) -> None:
    """Give back the runs that were training: their workers know nothing of this database."""
    workers = session.exec(select(Run.worker_id).where(Run.status == "running").distinct()).all()
    for worker_id in workers:
        if worker_id:
            run_queue.disown(session, worker_id, (), _WHY_QUEUED)
