"""Studies as responses: the totals of their runs, their progress and remaining time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy
from sqlmodel import Session, col

from app.queue.forecasting import forecast
from app.queue.forecasting.pace import Guess
from app.runs.reading import timestamp
from app.runs.studies import rows
from app.schemas.status import ENDED, STATUSES, Status
from app.schemas.studies import StudyOut
from app.storage.tables import Run, Study, StudyRun


def find_study(session: Session, study_id: int) -> StudyOut | None:
    """A study and its progress, None if there is none."""
    study = session.get(Study, study_id)
    return answer(session, study) if study else None


def get_study(session: Session, study_id: int) -> StudyOut:
    """A study and its progress.

    Raises:
        StudyNotFound: the study does not exist.
    """
    return answer(session, rows.get(session, study_id))


def answer(session: Session, study: Study) -> StudyOut:
    """A stored study as a response."""
    return answers(session, [study])[0]


def answers(session: Session, studies: Sequence[Study]) -> list[StudyOut]:
    """Studies with the totals of their runs, read in one query for all studies."""
    found: dict[int, list[_Row]] = {rows.id_of(study): [] for study in studies}
    query = (
        sqlalchemy.select(StudyRun.study_id, Run.id, Run.status, Run.epochs, Run.epochs_done)  # type: ignore[call-overload]
        .where(col(StudyRun.study_id).in_(found), col(StudyRun.run_id) == col(Run.id))
        .order_by(col(Run.id))
    )
    for study_id, *row in session.execute(query):
        found[study_id].append(_Row(*row))
    is_open = any(row.status not in ENDED for members in found.values() for row in members)
    ends = forecast.ends(session) if is_open else {}
    return [_summed_up(study, found[rows.id_of(study)], ends) for study in studies]


class _Row(NamedTuple):
    run_id: int
    status: Status
    epochs: int
    epochs_done: int


def _summed_up(study: Study, members: Sequence[_Row], ends: Mapping[int, Guess]) -> StudyOut:
    counts: Counter[Status] = Counter(row.status for row in members)
    asked = sum(row.epochs for row in members)
    settled = sum(row.epochs if row.status in ENDED else row.epochs_done for row in members)
    end = forecast.last(ends, [row.run_id for row in members if row.status not in ENDED])
    return StudyOut(
        id=rows.id_of(study),
        name=study.name,
        description=study.description,
        tags=study.tags,
        archived=study.archived,
        version=study.version,
        created_at=timestamp(study.created_at),
        runs=[row.run_id for row in members],
        counts={status: counts[status] for status in STATUSES},
        progress=settled / asked if asked else 1.0,
        eta_seconds=round(end.seconds, 1) if end else None,
        eta_range=end.range if end else None,
    )
