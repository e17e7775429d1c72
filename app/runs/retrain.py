"""Retrains finished runs that lack data stored by newer versions."""

from pydantic import BaseModel
from sqlalchemy import delete, insert
from sqlmodel import Session, col, select

from app.queue import admission, names
from app.runs import studies
from app.schemas.bodies import Labels
from app.storage.tables import Run, StudyRun


class Again(BaseModel):
    """The runs to train again, and the study in which the new runs replace them."""

    run_ids: list[int]
    study_id: int | None


class Replaced(BaseModel):
    """The ids of the new runs by the ids of the old ones."""

    by: dict[int, int]


def train_again(session: Session, again: Again, *, limit: int) -> Replaced:
    """Queue finished runs again, with the same seeds and given names.

    In the study the new runs replace the old ones, which stay in the list of runs; this is another look. A
    run is determined by its hyperparameters, so a mean over both would count the same result twice.

    Raises:
        QueueFull: more than `limit` runs would be queued; the caller must roll back its transaction.
    """
    study_id = again.study_id
    finished = session.exec(
        select(Run).where(col(Run.id).in_(again.run_ids), Run.status == "finished").order_by(col(Run.id))
    ).all()
    members = set(
        session.exec(
            select(StudyRun.run_id).where(
                StudyRun.study_id == study_id, col(StudyRun.run_id).in_([old.id for old in finished])
            )
        )
    )
    queued = admission.enqueue_all(
        session,
        [
            (
                old.config,
                Labels(name=names.given(old), tags=old.tags, note=old.note, priority=old.priority),
                study_id if old.id in members else None,
            )
            for old in finished
        ],
        limit=limit,
    )
    made = {old.id or 0: new for old, new in zip(finished, queued, strict=True)}
    places = [{"study_id": study_id, "run_id": new} for old, new in made.items() if old in members]
    if places and study_id is not None:
        studies.count_look(session, study_id)
        session.execute(
            delete(StudyRun).where(col(StudyRun.study_id) == study_id, col(StudyRun.run_id).in_(members))
        )
        session.execute(insert(StudyRun), places)
    return Replaced(by=made)
