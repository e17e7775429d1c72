"""The values that runs have in a field, and how many runs have each."""

import json
from collections import Counter
from typing import Final

from sqlalchemy import String, cast, func, select
from sqlmodel import Session, col

from app.runs.listing.errors import QueryError
from app.runs.listing.fields import COLUMNS, FIELDS, Field
from app.schemas.lists import FieldValue, FieldValues
from app.storage.tables import Run, StudyRun

MOST: Final = 200
"""Maximum number of values in a response."""

_COUNTED: Final = ("word", "choice", "flag", "whole", "number")


def values_of(session: Session, name: str) -> FieldValues:
    """The most frequent values of a field; texts, times and measurements have none worth listing.

    Raises:
        QueryError: there is no such field.
    """
    field = FIELDS.get(name)
    if field is None:
        raise QueryError("field", f"there is no field {name[:40]!r}; expected one of {', '.join(FIELDS)}")
    counts = _tags(session) if name == "tag" else _counts(session, field)
    return FieldValues(
        field=name,
        values=[FieldValue(value=value, runs=runs) for value, runs in counts.most_common(MOST)],
    )


def _tags(session: Session) -> Counter[str]:
    """The runs of each tag; runs with the same tags are counted by the database."""
    stored = cast(Run.tags, String)
    counts: Counter[str] = Counter()
    for text, runs in session.execute(select(stored, func.count()).select_from(Run).group_by(stored)):
        counts.update(dict.fromkeys(json.loads(text), runs))
    return counts


def _counts(session: Session, field: Field) -> Counter[str]:
    if field.kind not in _COUNTED or field.name == "id":
        return Counter()
    if field.name == "study":
        studies = col(StudyRun.study_id)
        rows = session.execute(select(studies, func.count()).group_by(studies)).all()
    else:
        of_runs = COLUMNS[field.name]
        rows = session.execute(
            select(of_runs, func.count())
            .select_from(Run)
            .where(of_runs.is_not(None))
            .group_by(of_runs)
            .order_by(func.count().desc())
            .limit(MOST)
        ).all()
    return Counter({_written(field, value): runs for value, runs in rows})


def _written(field: Field, value: object) -> str:
    if field.kind == "flag":
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)
