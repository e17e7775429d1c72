"""Deletes a study, with its runs if asked, and continues interrupted deletions."""

from collections.abc import Callable, Sequence
from logging import getLogger
from threading import Lock, Thread
from typing import Final

from sqlmodel import col, select

from app.queue import run_rows
from app.runs import bulk, studies
from app.schemas.runs import BulkOut, BulkRequest
from app.settings import Settings
from app.storage.database import Database
from app.storage.tables import PendingDeletion

PATIENCE_SECONDS: Final = 0.5
"""How long a page waits for the deletion of a study's runs."""

GOES_ON: Final = "they are being deleted"
"""Why runs remain whose deletion goes on after the response."""

_deleting: Final = Lock()
"""Held by the thread of this process that deletes runs of studies."""

_log: Final = getLogger(__name__)


def delete_study(
    database: Database,
    settings: Settings,
    study_id: int,
    *,
    with_runs: bool,
    stopping: Callable[[], bool],
    patience: float | None = None,
) -> BulkOut:
    """Delete a study and, `with_runs`, those of its runs that no other study has.

    The study is gone at once; its runs are deleted like in bulk, which can take seconds because other writers
    come first. After `patience` seconds the deletion continues in the background, and all its runs are in
    `remaining`. `skipped` are runs that were kept, with the reason. If the server stops or the database fails
    meanwhile, `carry_on` deletes the rest.

    Raises:
        StudyNotFound: the study does not exist.
        WrongState: with runs, one of which is running; nothing is changed.
    """
    with database.write() as session:
        left = studies.remove(session, study_id, with_runs=with_runs)
    if not left.to_delete:
        return BulkOut(done=[], skipped=left.kept, remaining=[], stopped=None)

    def delete() -> BulkOut:
        with _deleting:
            return _delete(database, settings, left.to_delete, stopping)

    outcome = delete() if patience is None else _begun(delete, left.to_delete, patience)
    return outcome.model_copy(update={"skipped": [*left.kept, *outcome.skipped]})


def carry_on(database: Database, settings: Settings, stopping: Callable[[], bool]) -> None:
    """Delete the runs of deleted studies that an interrupted deletion has left.

    Does nothing while a request of this process deletes runs.
    """
    if not _deleting.acquire(blocking=False):
        return
    try:
        with database.read() as session:
            pending = session.exec(select(PendingDeletion.run_id).order_by(col(PendingDeletion.run_id))).all()
        if pending:
            outcome = _delete(database, settings, pending, stopping)
            _log.info(
                "deleted %d runs of deleted studies; %d remain", len(outcome.done), len(outcome.remaining)
            )
    finally:
        _deleting.release()


def _delete(
    database: Database, settings: Settings, ids: Sequence[int], stopping: Callable[[], bool]
) -> BulkOut:
    """Delete these runs; the deletion of those that can't be deleted is no longer pending."""
    request = BulkRequest.model_construct(ids=list(ids), action="delete")
    outcome = bulk.apply(database, settings, request, stopping)
    if outcome.skipped:
        with database.write() as session:
            run_rows.keep(session, [skip.id for skip in outcome.skipped])
    return outcome


def _begun(apply: Callable[[], BulkOut], ids: list[int], patience: float) -> BulkOut:
    """The outcome of a deletion if it ends in time; it goes on in any case."""
    ended: list[BulkOut] = []

    def delete() -> None:
        try:
            ended.append(apply())
        except Exception:  # noqa: BLE001  # the response may have been sent
            _log.exception("the runs of a deleted study could not be deleted")

    deleting = Thread(target=delete, name="delete runs of a study", daemon=True)
    deleting.start()
    deleting.join(patience)
    return ended[0] if ended else BulkOut(done=[], skipped=[], remaining=ids, stopped=GOES_ON)
