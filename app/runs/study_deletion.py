"""Deletes a study, with its runs if asked."""

from collections.abc import Callable
from logging import getLogger
from threading import Thread
from typing import Final

from app.runs import bulk, studies
from app.schemas.runs import BulkOut, BulkRequest
from app.settings import Settings
from app.storage.database import Database

PATIENCE_SECONDS: Final = 0.5
"""How long a page waits for the deletion of a study's runs."""

GOES_ON: Final = "they are being deleted"
"""Why runs remain whose deletion goes on after the response."""

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
    `remaining`. `skipped` are runs that were kept, with the reason.

    Raises:
        StudyNotFound: the study does not exist.
        WrongState: with runs, one of which is running; nothing is changed.
    """
    with database.write() as session:
        left = studies.remove(session, study_id, with_runs=with_runs)
    if not left.to_delete:
        return BulkOut(done=[], skipped=left.kept, remaining=[], stopped=None)
    request = BulkRequest(ids=left.to_delete, action="delete")
    if patience is None:
        outcome = bulk.apply(database, settings, request, stopping)
    else:
        outcome = _begun(lambda: bulk.apply(database, settings, request, stopping), left.to_delete, patience)
    return outcome.model_copy(update={"skipped": [*left.kept, *outcome.skipped]})


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
