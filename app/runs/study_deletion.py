"""Deletes a study, with its runs if asked."""

from collections.abc import Callable

from app.runs import bulk, studies
from app.schemas.runs import BulkOut, BulkRequest
from app.settings import Settings
from app.storage.database import Database


def delete_study(
    database: Database, settings: Settings, study_id: int, *, with_runs: bool, stopping: Callable[[], bool]
) -> BulkOut:
    """Delete a study and, `with_runs`, those of its runs that no other study has.

    The study is gone at once; its runs are deleted like in bulk. `skipped` are runs that were kept, with the
    reason.

    Raises:
        StudyNotFound: the study does not exist.
        WrongState: with runs, one of which is running; nothing is changed.
    """
    with database.write() as session:
        left = studies.remove(session, study_id, with_runs=with_runs)
    if not left.to_delete:
        return BulkOut(done=[], skipped=left.kept, remaining=[], stopped=None)
    request = BulkRequest(ids=left.to_delete, action="delete")
    outcome = bulk.apply(database, settings, request, stopping)
    return outcome.model_copy(update={"skipped": [*left.kept, *outcome.skipped]})
