"""The history of a run's attempts."""

from sqlalchemy import ScalarSelect, update
from sqlmodel import Session, col, func, select

from app.schemas.status import Outcome
from app.storage.database import now
from app.storage.tables import Attempt, Run, Worker


def begin(session: Session, run: Run, host: str | None = None) -> None:
    """Record that a worker has claimed a run, to train it on `host`, by default its own."""
    worker = session.get(Worker, run.worker_id) if host is None else None
    session.add(
        Attempt(
            run_id=run.id or 0,
            attempt=run.attempt,
            worker_id=run.worker_id or "",
            host=host or (worker.host if worker else ""),
            started_at=run.started_at or 0.0,
        )
    )
    session.flush()


def start(session: Session, run_id: int, attempt: int, device: str, epoch: int) -> None:
    """Record the device of an attempt and the epoch after which it resumes."""
    _update(session, run_id, attempt, device=device, resumed_from=epoch, reached=epoch)


def end(session: Session, run: Run, outcome: Outcome, reason: str | None = None) -> None:
    """Record how the newest attempt of a run ended, and how many epochs the run had then."""
    _update(
        session,
        run.id or 0,
        run.attempt,
        ended_at=now(),
        reached=run.epochs_done,
        outcome=outcome,
        reason=reason,
    )


def furthest_before(run_id: int, attempt: int) -> ScalarSelect[int]:
    """Returns a subquery of the most epochs of a run that were recorded before this attempt."""
    earlier = (col(Attempt.run_id) == run_id, col(Attempt.attempt) < attempt)
    return select(func.coalesce(func.max(Attempt.reached), 0)).where(*earlier).scalar_subquery()


def _update(session: Session, run_id: int, attempt: int, **values: object) -> None:
    session.execute(
        update(Attempt).where(col(Attempt.run_id) == run_id, col(Attempt.attempt) == attempt).values(**values)
    )
