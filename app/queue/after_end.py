"""Follow-up of the end or deletion of a run: removes files that are no longer needed."""

import logging
from typing import NamedTuple

from sqlalchemy import ColumnElement, or_
from sqlmodel import Session, col, select

from app.schemas.status import ENDED
from app.storage import artifacts
from app.storage.database import Database, newest_change
from app.storage.tables import Deletion, Run

log = logging.getLogger(__name__)


class _Ended(NamedTuple):
    run_id: int
    status: str
    attempt: int


def follow_up(session: Session, location: str, run_id: int) -> None:
    """Remove the unneeded files of a run, if it has ended; `Aftercare` retries failures.

    `location` is that of all artifacts.
    """
    run = session.get(Run, run_id)
    if run is not None and run.status in ENDED:
        _follow_up(location, _Ended(run_id, run.status, run.attempt))


def _follow_up(location: str, ended: _Ended) -> bool:
    """Remove the unneeded files of an ended run; returns False if this must be retried."""
    if ended.status != "finished":
        return True  # a retry resumes from its checkpoints
    files = artifacts.of_run(location, ended.run_id)
    try:
        return files.keep_only(ended.attempt)
    except OSError as error:
        log.warning("could not list %s: %s", files.folder, error.strerror or error)
        return False


class Aftercare:
    """Removes the unneeded files of all runs that any process has ended or deleted since the last call.

    The first call covers every run, because a killed process may have left files. Each call retries the
    failures of the previous one.
    """

    def __init__(self, database: Database, location: str) -> None:
        self._database = database
        self._location = location
        self._seen = -1
        self._failed: set[int] = set()

    def catch_up(self) -> None:
        """Remove the files of deleted runs, and all files of finished runs except their results.

        Files of runs that this database has never had stay: they may belong to another database.
        """
        with self._database.read() as session:
            newest = newest_change(session)
            deleted = session.exec(
                select(Deletion.run_id).where(self._due(Deletion.change, Deletion.run_id))
            ).all()
            rows = session.exec(
                select(Run.id, Run.status, Run.attempt).where(
                    col(Run.status).in_(ENDED), self._due(Run.change, Run.id)
                )
            )
            ended = [_Ended(run_id or 0, status, attempt) for run_id, status, attempt in rows]
        with_files = set(artifacts.run_ids(self._location)) if deleted or ended else set()
        self._failed = {
            *(
                run.run_id
                for run in ended
                if run.run_id in with_files and not _follow_up(self._location, run)
            ),
            *(run_id for run_id in deleted if run_id in with_files and not self._is_removed(run_id)),
        }
        self._seen = newest

    def _due(self, change: object, run_id: object) -> ColumnElement[bool]:
        return or_(col(change) > self._seen, col(run_id).in_(self._failed))

    def _is_removed(self, run_id: int) -> bool:
        """Remove the files of a deleted run; returns False if some could not be removed."""
        files = artifacts.of_run(self._location, run_id)
        try:
            return files.remove()
        except OSError as error:
            log.warning("could not list %s: %s", files.folder, error.strerror or error)
            return False
