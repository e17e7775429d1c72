"""One file with everything: the tables as a SQLite database, and what runs have produced.

A backup is taken from one moment of the database while the dashboard runs. It does not depend on the kind of
database: what was saved from PostgreSQL can be restored into SQLite, and the reverse.
"""

import re
import secrets
import sqlite3
import tempfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Table, delete, func, insert, text, update
from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlmodel import Session, SQLModel, col, select

from app.queue import registry
from app.storage import artifacts, integrity, migrations
from app.storage.artifacts import Checkpoint
from app.storage.database import Database, clock, newest_change
from app.storage.outage import OUTAGES
from app.storage.tables import Counter, Deletion, Epoch, Run, Study, Worker
from trainer.files import durable

_TABLES: Final = "depthboard.sqlite3"
_BATCH: Final = 1000
_WHY_QUEUED: Final = "the database was restored from a backup"

_LOOKS: Final = 3
"""How often a checkpoint is looked for that one newer one may replace meanwhile."""

_CHANGES_PER_SECOND: Final = 1_000_000
"""More than any database makes: the time in this unit is beyond what an earlier one can have counted to."""

_UNREADABLE: Final = (zipfile.BadZipFile, KeyError, EOFError, RuntimeError, ValueError, zlib.error)
"""What reading an archive may raise that is damaged, or none, or encrypted."""

_FILE: Final = re.compile(
    r"runs/(?P<run>[1-9][0-9]{0,17})/"
    r"(?:attempt-(?P<attempt>[0-9]{1,9})/(?P<kind>model|predictions)"
    r"|checkpoints/attempt-(?P<saved_by>[0-9]{1,9})-epoch-(?P<epoch>[0-9]{1,9}))\.safetensors"
)
"""The name of a file of a run in the archive."""


class BackupError(Exception):
    """A backup that can't be taken or restored; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds."""

    runs: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class _File:
    """A file of a run in the archive, by its name there; `epoch` is that of a checkpoint, else None."""

    name: str
    run_id: int
    attempt: int
    epoch: int | None = None

    @classmethod
    def named(cls, name: str) -> "_File | None":
        """What the name says; None if no file of a run is called so."""
        found = _FILE.fullmatch(name)
        if found is None:
            return None
        if found["kind"]:
            return cls(name, int(found["run"]), int(found["attempt"]))
        return cls(name, int(found["run"]), int(found["saved_by"]), int(found["epoch"]))

    def is_needed(self, runs: dict[int | None, Run]) -> bool:
        """Whether one of these runs ends or goes on with it."""
        run = runs.get(self.run_id)
        if run is None:
            return False
        if self.epoch is None:
            return run.status == "finished" and self.attempt == run.attempt
        return run.status != "finished" and self.epoch <= run.epochs_done

    def at(self, location: str) -> Path:
        """Where it lies when it is restored."""
        files = artifacts.of_run(location, self.run_id)
        if self.epoch is not None:
            return files.path_of(Checkpoint(self.attempt, self.epoch))
        of_attempt = files.model if self.name.endswith("model.safetensors") else files.predictions
        return of_attempt(self.attempt)


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
            "`depthboard up` to upgrade them"
        )
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{durable.TEMPORARY}")
    try:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(temporary, "x") as archive:
            saved = _SavedFiles(archive, location)
            with database.read() as session:
                resumable = _resumable(session)
            saved.add_checkpoints(resumable)
            tables = Path(folder) / _TABLES
            with _sqlite(tables) as copy:
                runs = _save_tables(database, copy, saved)
            archive.write(tables, _TABLES, zipfile.ZIP_DEFLATED)
            saved.add_results(runs)
            saved.add_checkpoints(runs)
            files = len(_needed(archive, runs))
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
        BackupError: the file is no backup or damaged, the database is not empty, or files of runs lie at
            `location` already.
        SchemaError: the backup was taken by a newer version.
    """
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            archive = stack.enter_context(_opened(path, folder))
            saved = stack.enter_context(_saved_tables(path, folder))
            _refuse_unless_vacant(location)
            migrations.upgrade(database)
            return _restore(archive, saved, database, location)
    except DBAPIError as error:
        if isinstance(error, OUTAGES):
            raise
        raise BackupError(f"{path} does not fit the tables of this version: {error.orig}") from error
    except OSError as error:
        raise BackupError(f"{path} could not be restored: {error.strerror or error}") from error


@contextmanager
def _sqlite(path: Path) -> Iterator[Database]:
    """A SQLite database of the newest schema that is one file, with no journal beside it."""
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
def _opened(path: Path, folder: Path) -> Iterator[zipfile.ZipFile]:
    """A backup that is whole and holds nothing else; its tables are put into a folder."""
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            damaged = archive.testzip()
            strange = [name for name in archive.namelist() if name != _TABLES and not _File.named(name)]
            if not (damaged or strange):
                archive.extract(_TABLES, folder)
        except _UNREADABLE as error:
            raise BackupError(f"{path} is not a Depthboard backup, or it is damaged: {error}") from error
        if damaged:
            raise BackupError(f"{path} is damaged: {damaged} in it differs from what was saved")
        if strange:
            raise BackupError(f"{path} is not a Depthboard backup: it contains {strange[0]!r}")
        yield archive


@contextmanager
def _saved_tables(path: Path, folder: Path) -> Iterator[Database]:
    """The tables of a backup, with the newest schema."""
    with ExitStack() as stack:
        try:
            faults = _faults(folder / _TABLES)
            if not faults:
                saved = stack.enter_context(_sqlite(folder / _TABLES))
                with saved.read() as session:
                    newest_change(session)
        except DBAPIError as error:
            faults = [str(error.orig)]
        except NoResultFound as error:
            faults = [str(error)]
        if faults:
            raise BackupError(f"{path} is damaged: the tables in it can't be read ({'; '.join(faults)})")
        yield saved


def _faults(tables: Path) -> list[str]:
    """What is wrong with a file of tables."""
    with closing(Database(URL.create("sqlite", database=str(tables)))) as database:
        with database.engine.connect() as connection:
            if migrations.version(connection) is None:
                return ["there are none"]
        return integrity.faults(database)


class _SavedFiles:
    """The files in an archive that is being made; what is not at `location` is left out."""

    def __init__(self, archive: zipfile.ZipFile, location: str) -> None:
        self._archive = archive
        self._location = location
        self._checkpoints: dict[int | None, set[Checkpoint]] = defaultdict(set)

    def add_results(self, runs: Iterable[Run]) -> None:
        """Add what finished runs have made."""
        for run in runs:
            if run.status == "finished":
                files = artifacts.of_run(self._location, run.id or 0)
                self._add(run, files.model(run.attempt))
                self._add(run, files.predictions(run.attempt))

    def add_checkpoints(self, runs: Iterable[Run]) -> None:
        """Add every checkpoint from which one of these runs can go on and that is not here yet."""
        for run in runs:
            if run.status == "finished" or not run.epochs_done:
                continue
            files = artifacts.of_run(self._location, run.id or 0)
            for each in files.usable(run.epochs_done):
                if each not in self._checkpoints[run.id] and self._add(run, files.path_of(each)):
                    self._checkpoints[run.id].add(each)

    def lacks_checkpoint(self, run: Run) -> bool:
        """Whether nothing is here from which the run can go on."""
        return not any(each.epoch <= run.epochs_done for each in self._checkpoints[run.id])

    def _add(self, run: Run, path: Path) -> bool:
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # the run has gone on, or was deleted
            return False
        self._archive.writestr(f"runs/{run.id}/{path.parent.name}/{path.name}", content)
        return True


def _save_tables(database: Database, copy: Database, saved: _SavedFiles) -> Sequence[Run]:
    """Copy one moment of a database; the runs of that moment.

    Each has a checkpoint among the saved files then, if it has any. Nobody writes until that is so: without
    a record there is no newer checkpoint, so that at most one replaces what is looked for.
    """
    with database.read() as source:
        with database.write() as turn:
            turn.connection()
            resumable = _resumable(source)
            for _ in range(_LOOKS):
                saved.add_checkpoints(filter(saved.lacks_checkpoint, resumable))
        with copy.write() as target:
            _copy_tables(source, target)
        return source.exec(select(Run).order_by(col(Run.id))).all()


def _resumable(session: Session) -> Sequence[Run]:
    """The runs that can go on where they were, those first that are not going on now."""
    return session.exec(
        select(Run)
        .where(Run.status != "finished", Run.epochs_done > 0)
        .order_by(col(Run.status) == "running", col(Run.id))
    ).all()


def _needed(archive: zipfile.ZipFile, runs: Iterable[Run]) -> list[_File]:
    """The files in an archive that belong to the state in which these runs are."""
    by_id = {run.id: run for run in runs}
    files = (_File.named(name) for name in archive.namelist())
    return [file for file in files if file and file.is_needed(by_id)]


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


def _refuse_unless_vacant(location: str) -> None:
    found = sorted(artifacts.run_ids(location))
    if found:
        raise BackupError(
            f"{location} holds the files of {len(found)} runs already, perhaps another installation's; "
            "restore into a new data folder (--data-dir) or place (--artifacts-url), or move them away"
        )


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
    written: list[Path] = []
    try:
        with saved.read() as source, database.write() as target:
            _refuse_unless_empty(target)
            _copy_tables(source, target)
            _count_on(target)
            _continue_numbering(target)
            _queue_again(target)
            runs = target.exec(select(Run)).all()
            files = _needed(archive, runs)
            for file in files:
                written.append(file.at(location))
                durable.write(written[-1], archive.read(file.name))
    except BaseException:
        artifacts.withdraw(written)
        raise
    return Contents(len(runs), len(files), sum(archive.getinfo(file.name).file_size for file in files))


def _count_on(session: Session) -> None:
    """Give every change a number that no database before this one has given to another.

    Whoever has seen what came after the backup, and is lost now, is thereby known by the number it names.
    """
    counter = session.exec(select(Counter)).one()
    origin = max(round(clock(session) * _CHANGES_PER_SECOND), counter.value)
    shift = origin - counter.origin
    numbers: tuple[Any, ...] = (Run.change, Run.reset_change, Epoch.change, Deletion.change)
    for number in numbers:
        session.execute(
            update(number.class_).where(number > 0).values({number: number + shift}),
            execution_options={"synchronize_session": False},
        )
    counter.value, counter.origin = counter.value + shift, origin
    session.flush()


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
            registry.disown(session, worker_id, (), _WHY_QUEUED)
