"""Restores a backup into an empty database and an empty artifact location."""

import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, text, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from app.commands.archive import BackupError, Contents, copy_tables, needed_files, opened, saved_tables
from app.formats import plural
from app.queue import registry
from app.storage import artifacts, migrations, outbox
from app.storage.database import Database, clock
from app.storage.outage import OUTAGES
from app.storage.tables import Counter, Deletion, Epoch, Run, SavedQuery, Study
from trainer.files import durable

_WHY_QUEUED: Final = "the database was restored from a backup"

_CHANGES_PER_SECOND: Final = 1_000_000
"""More changes per second than any database makes, so the clock in this unit exceeds every earlier number."""


def restore(path: Path, database: Database, location: str) -> Contents:
    """Fill an empty database, and its place for files, from a backup.

    Runs that were training at the time of the backup return to the queue without a counted crash, and resume
    from their checkpoints. If the restore fails, it changes nothing.

    Raises:
        BackupError: the file is not a backup or is damaged, the database is not empty, or `location` already
            contains files of runs.
        SchemaError: the backup is from a newer version.
    """
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            archive = stack.enter_context(opened(path, folder))
            saved = stack.enter_context(saved_tables(path, folder))
            _refuse_unless_vacant(location)
            migrations.upgrade(database)
            return _restore(archive, saved, database, location)
    except DBAPIError as error:
        if isinstance(error, OUTAGES):
            raise
        raise BackupError(f"{path} does not match the tables of this version: {error.orig}") from error
    except OSError as error:
        raise BackupError(f"{path} could not be restored: {error.strerror or error}") from error


def _refuse_unless_vacant(location: str) -> None:
    found = sorted(artifacts.run_ids(location))
    if found:
        raise BackupError(
            f"{location} already contains the files of {plural(len(found), 'run')}, perhaps of another "
            "installation; restore into a new data folder (--data-dir) or location (--artifacts-url), or "
            "move these files"
        )


def _refuse_unless_empty(session: Session) -> None:
    kinds = (
        ("run", "runs", Run),
        ("study", "studies", Study),
        ("saved query", "saved queries", SavedQuery),
        ("deleted run", "deleted runs", Deletion),
    )
    counts = [
        (session.exec(select(func.count()).select_from(table)).one(), one, many) for one, many, table in kinds
    ]
    if told := ", ".join(plural(count, one, many) for count, one, many in counts if count):
        raise BackupError(
            f"the database is not empty ({told}); restore into a new data folder (--data-dir) or database "
            "(--database-url)"
        )


def _restore(archive: zipfile.ZipFile, saved: Database, database: Database, location: str) -> Contents:
    written: list[Path] = []
    try:
        with saved.read() as source, database.write() as target:
            _refuse_unless_empty(target)
            copy_tables(source, target)
            _count_on(target)
            _continue_numbering(target)
            _queue_again(target)
            outbox.clear(target)  # the original sends them
            runs = target.exec(select(Run)).all()
            files = needed_files(archive, runs)
            for file in files:
                written.append(file.at(location))
                durable.write(written[-1], archive.read(file.name))
    except BaseException:
        artifacts.withdraw(written)
        raise
    return Contents(len(runs), len(files), sum(archive.getinfo(file.name).file_size for file in files))


def _count_on(session: Session) -> None:
    """Renumber all changes above every number that an earlier database has given.

    A client that has seen changes made after the backup names a number below the new ones. The server detects
    this and resets the client.
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
    counter.value, counter.origin, counter.queue_change = counter.value + shift, origin, 0
    session.flush()


def _continue_numbering(session: Session) -> None:
    """Give new rows ids that no row has; ids of deleted runs are not used again either."""
    newest = {
        "run": max(_highest(session, Run.id), _highest(session, Deletion.run_id)),
        "study": _highest(session, Study.id),
        "saved_query": _highest(session, SavedQuery.id),
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
    """Requeue the runs that were training, because their workers do not know this database."""
    workers = session.exec(select(Run.worker_id).where(Run.status == "running").distinct()).all()
    for worker_id in workers:
        if worker_id:
            registry.disown(session, worker_id, (), _WHY_QUEUED)
