"""Reads rows of studies, and which runs belong to them."""

from collections.abc import Iterable, Sequence

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.schemas.studies import MAX_GRID
from app.storage.tables import Run, Study, StudyRun


class StudyNotFound(Exception):
    """The study does not exist."""

    def __init__(self, study_id: int) -> None:
        super().__init__(f"there is no study {study_id}")


class StudyTooLarge(ValueError):
    """The study would have more runs than allowed."""


def get(session: Session, study_id: int) -> Study:
    """Returns the study with this id.

    Raises:
        StudyNotFound: there is none.
    """
    study = session.get(Study, study_id)
    if study is None:
        raise StudyNotFound(study_id)
    return study


def id_of(study: Study) -> int:
    """Returns the id of a stored study."""
    if study.id is None:
        raise ValueError("the study has not been stored yet")
    return study.id


def members(study_id: int) -> SelectOfScalar[int]:
    """Selects the ids of a study's runs."""
    return select(StudyRun.run_id).where(StudyRun.study_id == study_id)


def member_ids(session: Session, study_id: int) -> list[int]:
    """Returns the ids of a study's runs, in order."""
    return list(session.exec(members(study_id).order_by(col(StudyRun.run_id))).all())


def check_size(runs: int) -> None:
    """Raise `StudyTooLarge` if a study can't have that many runs."""
    if runs > MAX_GRID:
        raise StudyTooLarge(f"the study would have {runs:,} runs; at most {MAX_GRID:,} are allowed")


def has_finished(session: Session, study_id: int) -> bool:
    """Returns whether a run of the study has finished, so that results of the study are visible."""
    finished = select(Run.id).where(col(Run.id).in_(members(study_id)), col(Run.status) == "finished")
    return session.exec(finished.limit(1)).first() is not None


def count_look(session: Session, study_id: int) -> None:
    """Count another look if results of the study are visible."""
    if has_finished(session, study_id):
        get(session, study_id).look += 1


def any_recorded(session: Session, run_ids: Iterable[int]) -> bool:
    """Returns whether any of these runs has recorded an epoch: its results are visible."""
    recorded = select(Run.id).where(col(Run.id).in_(run_ids), Run.epochs_done > 0)
    return session.exec(recorded.limit(1)).first() is not None


def plan(session: Session, study: Study, runs: int) -> None:
    """Add runs to the plan of a study; a study that has lost its plan gets no new one while it has runs."""
    if study.planned or not session.exec(members(id_of(study)).limit(1)).first():
        study.planned += runs


def shared(session: Session, study_id: int) -> dict[int, Sequence[int]]:
    """Returns the runs of a study that other studies have too, each with the ids of those studies."""
    others = (
        select(StudyRun.run_id, StudyRun.study_id)
        .where(col(StudyRun.run_id).in_(members(study_id)), StudyRun.study_id != study_id)
        .order_by(col(StudyRun.run_id), col(StudyRun.study_id))
    )
    found: dict[int, list[int]] = {}
    for run_id, other in session.exec(others):
        found.setdefault(run_id, []).append(other)
    return dict(found)


def newest(session: Session, most: int) -> list[tuple[int, str]]:
    """Returns id and name of the newest studies that are not archived."""
    query = (
        select(Study.id, Study.name).where(~col(Study.archived)).order_by(col(Study.id).desc()).limit(most)
    )
    return [(study_id or 0, name) for study_id, name in session.exec(query)]
