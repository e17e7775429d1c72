"""Actions of people on queued, running and ended runs: cancel, edit, delete."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert
from sqlmodel import Session, col, select

from app import text_keys
from app.queue import endings, idempotency, names, run_rows
from app.queue.run_rows import Refusals
from app.schemas.status import STATUSES, Status
from app.storage import outbox
from app.storage.database import next_change
from app.storage.tables import Attempt, Deletion, Epoch, PendingDeletion, Run, StudyRun

_SEARCHED: Final = ("name", "tags", "note")
"""The fields that a search covers."""


def cancel(session: Session, run_id: int) -> Run:
    """Cancel a queued run immediately; ask the worker of a running one to stop.

    Raises:
        RunNotFound: there is no such run.
        WrongState: it has already ended.
    """
    run_rows.raise_first(cancel_all(session, [run_id]))
    return run_rows.read_again(session, run_id)


def cancel_all(session: Session, run_ids: Sequence[int]) -> Refusals:
    """Cancel these runs like `cancel`, in a few statements."""
    states = run_rows.states_of(session, run_ids)
    endings.cancel_waiting(session, run_rows.those_in(states, "queued"))
    run_rows.write_all(session, run_rows.those_in(states, "running"), {"cancel_requested": True})
    why = "is {status}; only a queued or running run can be cancelled"
    return run_rows.refusals(run_ids, states, ("queued", "running"), why)


def edit(session: Session, run_id: int, changes: Mapping[str, Any], version: int | None = None) -> None:
    """Change the editable fields: name (None for the default), tags, note, archived, priority.

    Raises:
        RunNotFound: there is no such run.
        WrongState: `version` is given and outdated.
    """
    run = run_rows.get(session, run_id)
    run_rows.require_version(f"run {run_id}", run.version, version)
    if not changes:
        return
    values = dict(changes)
    if "name" in values:
        values |= names.renamed(session, run, values.pop("name"))
    if values.keys() & set(_SEARCHED):
        values |= text_keys.of_run(**{name: values.get(name, getattr(run, name)) for name in _SEARCHED})
    as_read = col(Run.id) == run.id, col(Run.status) == run.status
    run_rows.write(session, as_read, **values, version=run.version + 1)
    session.refresh(run)


def edit_all(session: Session, changes: Mapping[int, Mapping[str, Any]]) -> Refusals:
    """Change these runs like `edit`; all changes have the same fields, and no default name."""
    states = run_rows.states_of(session, changes)
    known = list(states)
    searchable = _with_keys(session, {run_id: changes[run_id] for run_id in known})
    fields = {name for run_id in known for name in searchable[run_id]}
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in fields}
    parameters = [{f"new_{name}": searchable[run_id][name] for name in fields} for run_id in known]
    run_rows.write_all(session, known, {**values, "version": Run.version + 1}, parameters)
    return run_rows.refusals(changes, states, STATUSES, "")


def _with_keys(session: Session, changes: Mapping[int, Mapping[str, Any]]) -> Mapping[int, Mapping[str, Any]]:
    """Adds the changed runs' search keys to the changes."""
    if not any(values.keys() & set(_SEARCHED) for values in changes.values()):
        return changes
    columns = [getattr(Run, name) for name in _SEARCHED]
    rows = session.execute(select(Run.id, *columns).where(col(Run.id).in_(changes)))
    stored = {run_id: dict(zip(_SEARCHED, labels, strict=True)) for run_id, *labels in rows}
    return {
        run_id: {
            **values,
            **text_keys.of_run(**{name: values.get(name, stored[run_id][name]) for name in _SEARCHED}),
        }
        for run_id, values in changes.items()
    }


def remove(session: Session, run_id: int) -> None:
    """Delete a run with its epochs, attempts, places in studies and stored responses.

    Raises:
        RunNotFound: there is no such run.
        WrongState: it is running; cancel it first.
    """
    run_rows.raise_first(remove_all(session, [run_id]))


def remove_all(session: Session, run_ids: Sequence[int]) -> Refusals:
    """Delete these runs like `remove`, in a few statements."""
    states = run_rows.states_of(session, run_ids)
    removable: tuple[Status, ...] = ("queued", "finished", "failed", "cancelled")
    gone = run_rows.those_in(states, *removable)
    if gone:
        studies = outbox.studies_of(session, run_rows.those_in(states, "queued"))
        for owned in (Epoch, Attempt, StudyRun, PendingDeletion):
            session.execute(delete(owned).where(col(owned.run_id).in_(gone)))
        idempotency.forget_runs(session, gone)
        session.execute(delete(Run).where(col(Run.id).in_(gone)))
        change = next_change(session, len(gone))
        traces = [{"run_id": run_id, "change": change + offset} for offset, run_id in enumerate(gone)]
        session.execute(insert(Deletion), traces)
        outbox.put_ends(session, studies)
    return run_rows.refusals(run_ids, states, removable, "is {status}; cancel it before deleting it")
