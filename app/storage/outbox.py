"""The outbox: messages for the operator's webhook, stored in the transaction of the change they tell of.

A server claims a message for a while, sends it and deletes it. If the server dies in between, the message
becomes due again: it is sent at least once.
"""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import delete, exists, insert, literal, update
from sqlmodel import Session, col, select

from app.schemas.status import ENDED
from app.storage.database import now
from app.storage.tables import Notice, Run, Study, StudyRun

CLAIM_SECONDS: Final = 60.0
"""How long a server has to send a message before another server may send it."""


def put_failure(session: Session, run_id: int, reason: str | None) -> None:
    """Store that a run failed."""
    values = {"kind": "run_failed", "subject": run_id, "reason": reason}
    session.execute(insert(Notice).values(**values, created_at=now(), due_at=now()))


def put_ends(session: Session, study_ids: Collection[int]) -> None:
    """Store the end of those of these studies of which every run has ended; call it when a run has ended."""
    if not study_ids:
        return
    is_open = col(Run.status).not_in(ENDED)
    member = col(StudyRun.study_id) == Study.id
    ended = select(literal("study_ended"), Study.id, now(), now()).where(
        col(Study.id).in_(study_ids),
        exists().where(member),
        ~exists().where(member, col(StudyRun.run_id) == Run.id, is_open),
    )
    session.execute(insert(Notice).from_select(["kind", "subject", "created_at", "due_at"], ended))


def studies_of(session: Session, run_ids: Collection[int]) -> Sequence[int]:
    """The ids of the studies that contain one of these runs."""
    return session.exec(select(StudyRun.study_id).where(col(StudyRun.run_id).in_(run_ids)).distinct()).all()


def anything_due(session: Session) -> bool:
    """Whether a message is due; reads only."""
    return session.exec(select(Notice.id).where(col(Notice.due_at) <= now()).limit(1)).first() is not None


def claim(session: Session) -> Notice | None:
    """Claim the message that has been due longest, for `CLAIM_SECONDS`."""
    first = (
        select(Notice.id)
        .where(col(Notice.due_at) <= now())
        .order_by(col(Notice.due_at), col(Notice.id))
        .limit(1)
        .scalar_subquery()
    )
    taken = (
        update(Notice)
        .where(col(Notice.id) == first)
        .values(due_at=now() + CLAIM_SECONDS, tries=col(Notice.tries) + 1)
        .returning(Notice)
    )
    return session.execute(taken).scalars().first()


def remove(session: Session, notice: Notice) -> None:
    """Remove a message: it was accepted, nothing is left to tell, or it was given up."""
    session.execute(delete(Notice).where(col(Notice.id) == notice.id))


def postpone(session: Session, notice: Notice, seconds: float) -> None:
    """Make a claimed message due again in some seconds."""
    session.execute(update(Notice).where(col(Notice.id) == notice.id).values(due_at=now() + seconds))


def clear(session: Session) -> None:
    """Remove all messages, because there is no webhook to send them to."""
    session.execute(delete(Notice))
