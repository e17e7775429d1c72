"""Adds existing runs to studies and removes runs from them, and accounts for results that were visible."""

from collections.abc import Iterable, Sequence

import sqlalchemy
from sqlmodel import Session, col, select

from app.queue import run_rows
from app.queue.run_rows import RunNotFound, WrongState
from app.runs.studies import creation, progress, rows
from app.schemas.studies import StudyOut
from app.storage.tables import PendingDeletion, Run, StudyRun


def add_runs(session: Session, study_id: int, run_ids: Sequence[int]) -> StudyOut:
    """Add existing runs to a study; runs that it has already are left as they are.

    Runs without a recorded epoch extend the plan of the study. If a run of the study has finished, this is
    another look at it. Runs whose results were visible are a selection: the study loses its plan, so that its
    comparison is exploratory.

    Raises:
        StudyNotFound: the study does not exist.
        RunNotFound: one of the runs does not exist; none is added.
        WrongState: one of the runs is being deleted with its study; none is added.
        StudyTooLarge: the study would have more runs than allowed.
    """
    study = rows.get(session, study_id)
    known = run_rows.states_of(session, run_ids)
    ending = set(session.exec(select(PendingDeletion.run_id)))
    for run_id in run_ids:
        if run_id not in known:
            raise RunNotFound(run_id)
        if run_id in ending:
            raise WrongState(f"run {run_id} is being deleted, because its study was deleted with its runs")
    fresh = missing(session, study_id, known)
    rows.check_size(len(rows.member_ids(session, study_id)) + len(fresh))
    if not fresh:
        return progress.answer(session, study)
    were_visible = rows.any_recorded(session, fresh)
    configs = creation.configs_of(session, col(Run.id).in_(fresh)).values()
    study.look = max(
        study.look + int(were_visible or rows.has_finished(session, study_id)),
        creation.first_look(session, None, list(configs)),
    )
    if were_visible:
        study.planned = 0
    else:
        rows.plan(session, study, len(fresh))
    places = [{"study_id": study_id, "run_id": run_id} for run_id in fresh]
    session.execute(sqlalchemy.insert(StudyRun), places)
    return progress.answer(session, study)


def missing(session: Session, study_id: int, run_ids: Iterable[int]) -> list[int]:
    """Returns those of these runs that a study does not have, each once."""
    present = set(rows.member_ids(session, study_id))
    return [run_id for run_id in dict.fromkeys(run_ids) if run_id not in present]


def remove_runs(session: Session, study_id: int, run_ids: Sequence[int]) -> StudyOut:
    """Remove runs from a study; the runs stay.

    Before a result is visible, this reduces the plan. Afterwards planned runs are missing, so that the
    comparison of the study is exploratory.

    Raises:
        StudyNotFound: the study does not exist.
        WrongState: one of the runs does not belong to it; none is removed.
    """
    study = rows.get(session, study_id)
    present = set(rows.member_ids(session, study_id))
    gone = list(dict.fromkeys(run_ids))
    for run_id in gone:
        if run_id not in present:
            raise WrongState(f"run {run_id} does not belong to study {study_id}")
    if not (rows.any_recorded(session, gone) or rows.has_finished(session, study_id)):
        study.planned = max(0, study.planned - len(gone))
    session.execute(
        sqlalchemy.delete(StudyRun).where(col(StudyRun.study_id) == study_id, col(StudyRun.run_id).in_(gone))
    )
    return progress.answer(session, study)
