"""The pause of the queue: no run is claimed while it lasts; running runs continue."""

from sqlalchemy import ColumnElement, delete, update
from sqlmodel import Session, select

from app.storage.database import clock, next_change
from app.storage.tables import Counter, Pause


def since(session: Session) -> float | None:
    """Returns when the queue was paused; None if it is not."""
    return session.exec(select(Pause.since)).first()


def is_running() -> ColumnElement[bool]:
    """Returns the condition that is true while the queue is not paused."""
    return ~select(Pause.id).exists()


def begin(session: Session) -> bool:
    """Pause the queue; returns False if it was paused already, which keeps its `since`."""
    if since(session) is not None:
        return False
    session.add(Pause(since=clock(session)))
    _number(session)
    return True


def end(session: Session) -> bool:
    """Resume the queue; returns False if it was not paused."""
    if since(session) is None:
        return False
    session.execute(delete(Pause))
    _number(session)
    return True


def _number(session: Session) -> None:
    """Give the change a number, so that open pages learn of it."""
    session.execute(update(Counter).values(queue_change=next_change(session)))
