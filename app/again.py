"""Training again: new runs in the places of finished ones that lack something which is stored today."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from app import run_queue
from app.models import Run, StudyRun
from app.requests import Labels


def train_again(session: Session, run_ids: Sequence[int], study_id: int | None) -> dict[int, int]:
    """Queue finished runs anew, same seeds and names; the new ids by the old ones.

    In the study the new runs take the places of the old ones, which stay in the list of runs: a run is a
    function of its hyperparameters, so both in one mean would count the same thing twice.
    """
    found = session.exec(
        select(Run).where(col(Run.id).in_(run_ids), Run.status == "finished").order_by(col(Run.id))
    ).all()
    memberships = {
        member.run_id: member
        for member in session.exec(
            select(StudyRun).where(StudyRun.study_id == study_id, col(StudyRun.run_id).in_(run_ids))
        )
    }
    made: dict[int, int] = {}
    for old in found:
        labels = Labels(name=old.name, tags=old.tags, note=old.note, priority=old.priority)
        member = memberships.get(old.id or 0)
        (new,) = run_queue.enqueue(session, [old.config], labels, study_id if member else None)
        made[old.id or 0] = new.id or 0
        if member and study_id is not None:
            session.delete(member)
            session.add(StudyRun(study_id=study_id, run_id=new.id or 0))
    session.flush()
    return made
