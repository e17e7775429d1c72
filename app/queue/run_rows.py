"""Reads and writes rows of the run table; every write gets a change number."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, delete, update
from sqlmodel import Session, SQLModel, col, select

from app.schemas.status import Status
from app.storage.database import next_change
from app.storage.tables import PendingDeletion, Run

TABLE: Final = SQLModel.metadata.tables["run"]
"""The table, for statements on many rows without objects."""

REQUEUED: Final[dict[str, Any]] = {
    "status": "queued",
    "reason": None,
    "worker_id": None,
    "lease_expires": None,
    "cancel_requested": False,
    "started_at": None,
}
"""Values of a run's row when it is queued again."""


class RunNotFound(Exception):
    """There is no run with this id."""

    def __init__(self, run_id: int) -> None:
        super().__init__(f"there is no run {run_id}")


class WrongState(Exception):
    """The run's state does not allow the action; the message names both."""


def require_version(what: str, stored: int, read: int | None) -> None:
    """Raises `WrongState` if `read`, the version that an edit is based on, is given and outdated."""
    if read is not None and read != stored:
        raise WrongState(
            f"{what} was changed in the meantime: its version is {stored}, the request has {read}; read the "
            f"{what.partition(' ')[0]} again"
        )


Refusals = dict[int, Exception]
"""Skipped runs by id, with the reason."""


def get(session: Session, run_id: int) -> Run:
    """Returns the run with this id.

    Raises:
        RunNotFound: there is none.
    """
    run = session.get(Run, run_id)
    if run is None:
        raise RunNotFound(run_id)
    return run


def read_again(session: Session, run_id: int) -> Run:
    """Returns the run with this id as it is stored now. Raises `RunNotFound`."""
    run = get(session, run_id)
    session.refresh(run)
    return run


def id_of(run: Run) -> int:
    """Returns the id of a stored run."""
    if run.id is None:
        raise ValueError("the run has not been stored yet")
    return run.id


def states_of(session: Session, run_ids: Iterable[int]) -> dict[int, Status]:
    """Returns the states of those runs that exist, in the order of their ids."""
    rows = session.execute(select(Run.id, Run.status).where(col(Run.id).in_(run_ids)).order_by(col(Run.id)))
    return dict(rows.all())


def those_in(states: Mapping[int, Status], *wanted: Status) -> list[int]:
    """Returns the ids of the runs in one of these states."""
    return [run_id for run_id, status in states.items() if status in wanted]


def refusals(
    run_ids: Iterable[int], states: Mapping[int, Status], able: Collection[Status], why: str
) -> Refusals:
    """Returns the reason for each run that is unknown or in none of the states `able`."""
    return {
        run_id: WrongState(f"run {run_id} {why.format(status=states[run_id])}")
        if run_id in states
        else RunNotFound(run_id)
        for run_id in run_ids
        if states.get(run_id) not in able
    }


def keep(session: Session, run_ids: Sequence[int]) -> None:
    """Cancel the pending deletion of these runs, if there is one."""
    session.execute(delete(PendingDeletion).where(col(PendingDeletion.run_id).in_(run_ids)))


def raise_first(refused: Refusals) -> None:
    """Raise the first reason, if any."""
    for refusal in refused.values():
        raise refusal


def write(session: Session, where: Iterable[ColumnElement[bool]], **values: object) -> Sequence[Run]:
    """Write to the run that still matches `where`, and number the change; returns no run if none does."""
    statement = (
        update(Run)
        .where(*where)
        .values(**values, change=next_change(session))
        .returning(Run)
        .execution_options(populate_existing=True)
    )
    return session.execute(statement).scalars().all()


def write_all(
    session: Session,
    run_ids: Sequence[int],
    values: Mapping[str, Any],
    parameters: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Write to runs whose state this transaction has read, and number each change.

    `parameters` has, for each run, the values of the bind parameters in `values`.
    """
    if not run_ids:
        return
    change = next_change(session, len(run_ids))
    statement = (
        update(TABLE)
        .where(TABLE.c.id == bindparam("written"))
        .values({**values, "change": bindparam("number")})
    )
    rows = [
        {"written": run_id, "number": change + offset, **(parameters[offset] if parameters else {})}
        for offset, run_id in enumerate(run_ids)
    ]
    session.connection().execute(statement, rows)
