"""Changes studies: labels, cancelling what remains, and deletion."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete
from sqlmodel import Session, col, select

from app.prose import listed
from app.queue import actions, idempotency, run_rows
from app.queue.run_rows import WrongState
from app.runs.studies import axes, creation, progress, rows
from app.schemas.runs import BulkSkip
from app.schemas.status import ENDED
from app.schemas.studies import StudyOut
from app.storage.tables import PendingDeletion, Run, Study, StudyRun


class Left(NamedTuple):
    """What remains of a deleted study: runs to delete, and those that are kept, with the reason."""

    to_delete: list[int]
    kept: list[BulkSkip]


def edit(session: Session, study_id: int, changes: Mapping[str, Any], version: int | None = None) -> StudyOut:
    """Change name (None for the default), description, tags or archived of a study.

    Raises:
        StudyNotFound: the study does not exist.
        WrongState: `version` is given and outdated.
    """
    study = rows.get(session, study_id)
    run_rows.require_version(f"study {study_id}", study.version, version)
    for name, value in changes.items():
        setattr(study, name, _default_name(session, study_id) if name == "name" and value is None else value)
    if changes:
        study.version += 1
    return progress.answer(session, study)


def _default_name(session: Session, study_id: int) -> str:
    configs = creation.configs_of(session, col(Run.id).in_(rows.members(study_id))).values()
    return creation.default_name(axes.of_runs(configs)) if configs else f"study {study_id}"


def cancel_study(session: Session, study_id: int) -> StudyOut:
    """Cancel every run of a study that has not ended.

    Raises:
        StudyNotFound: the study does not exist.
    """
    study = rows.get(session, study_id)
    not_ended = select(Run.id).where(col(Run.id).in_(rows.members(study_id)), col(Run.status).not_in(ENDED))
    actions.cancel_all(session, [run_id or 0 for run_id in session.exec(not_ended)])
    return progress.answer(session, study)


def remove(session: Session, study_id: int, *, with_runs: bool) -> Left:
    """Delete a study; returns the runs that the caller deletes; without `with_runs`, there are none.

    Runs that other studies have too are kept. Queued runs to be deleted are cancelled, so that no worker
    claims them meanwhile. The deletion of the runs is pending from this transaction on: it survives the
    process.

    Raises:
        StudyNotFound: the study does not exist.
        WrongState: with runs, one of which is running; nothing is changed.
    """
    study = rows.get(session, study_id)
    ids = rows.member_ids(session, study_id)
    shared = rows.shared(session, study_id) if with_runs else {}
    own = [run_id for run_id in ids if with_runs and run_id not in shared]
    states = run_rows.states_of(session, own)
    if running := run_rows.those_in(states, "running"):
        raise WrongState(_still_running(study_id, running))
    actions.cancel_all(session, run_rows.those_in(states, "queued"))
    launched = session.exec(select(Run.id).where(Run.study_id == study_id).order_by(col(Run.id))).all()
    run_rows.write_all(session, [run_id or 0 for run_id in launched], {"study_id": None})
    session.execute(delete(StudyRun).where(col(StudyRun.study_id) == study_id))
    idempotency.forget_study(session, study_id)
    session.execute(delete(Study).where(col(Study.id) == rows.id_of(study)))
    session.add_all(PendingDeletion(run_id=run_id) for run_id in own)
    return Left(own, [BulkSkip(id=run_id, reason=_kept(run_id, others)) for run_id, others in shared.items()])


def _still_running(study_id: int, running: Sequence[int]) -> str:
    which = listed([f"run {run_id}" for run_id in running])
    verb = "is" if len(running) == 1 else "are"
    return f"study {study_id} can't be deleted with its runs: {which} {verb} running; cancel the study first"


def _kept(run_id: int, others: Sequence[int]) -> str:
    return f"run {run_id} also belongs to {listed([f'study {other}' for other in others])}"
