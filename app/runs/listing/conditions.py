"""The conditions of a query in SQL, for SQLite and PostgreSQL alike."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, String, and_, cast, exists, false, func, not_, or_, true
from sqlmodel import Session, col, select

from app import text_keys
from app.runs.listing.fields import COLUMNS, FIELDS
from app.runs.listing.grammar import Term
from app.runs.listing.query import RunQuery
from app.runs.listing.values import Ago, Point, Range, Values
from app.schemas.bodies import MAX_ID
from app.storage.database import clock, position
from app.storage.tables import Run, StudyRun

_WHOLE: Final = re.compile(r"[0-9]{1,19}")


def of(session: Session, query: RunQuery) -> list[ColumnElement[bool]]:
    """The conditions that a run must meet; ages are relative to the database's clock."""
    is_relative = any(
        isinstance(end, Ago)
        for term in query.terms
        for found in term.values.ranges
        for end in (found.low, found.high)
    )
    now = clock(session) if is_relative else 0.0
    where = [_holds(term, now) for term in query.terms]
    if query.archived != "all":
        where.append(col(Run.archived).is_(true() if query.archived == "true" else false()))
    return where


def _holds(term: Term, now: float) -> ColumnElement[bool]:
    met = or_(*_alternatives(term, now))
    if not term.negated:
        return met
    column = COLUMNS.get(term.field)
    is_nullable = column is not None and getattr(column, "nullable", True)
    return or_(column.is_(None), not_(met)) if column is not None and is_nullable else not_(met)


def _alternatives(term: Term, now: float) -> Iterator[ColumnElement[bool]]:
    if not term.field:
        yield from map(_mentions, term.values.parts)
    elif term.field == "study":
        yield from _of_studies(term.values, now)
    elif term.field == "tag":
        yield from _tagged(term.values)
    else:
        yield from _of_column(term.field, term.values, now)


def _of_column(name: str, found: Values, now: float) -> Iterator[ColumnElement[bool]]:
    column = COLUMNS[name]
    if found.exact:
        yield column.in_(_spelled(found.exact))
    for span in found.ranges:
        yield _within(column, span, now)
    for part in found.parts:
        yield _contains(name, column, part)
    if found.is_set:
        yield _is_set(name, column)


def _is_set(name: str, column: ColumnElement[Any]) -> ColumnElement[bool]:
    known = column.is_not(None)
    return and_(known, column != "") if FIELDS[name].kind in ("word", "text") else known


def _spelled(exact: tuple[Any, ...]) -> list[Any]:
    """The values, texts in each Unicode normal form."""
    return [
        way for value in exact for way in (text_keys.spellings(value) if isinstance(value, str) else [value])
    ]


def _within(column: ColumnElement[Any], span: Range, now: float) -> ColumnElement[bool]:
    ends = []
    if span.low is not None:
        low = _at(span.low, now)
        ends.append(column > low if span.low_open else column >= low)
    if span.high is not None:
        high = _at(span.high, now)
        ends.append(column < high if span.high_open else column <= high)
    return and_(*ends)


def _at(point: Point, now: float) -> int | float:
    return point.at(now) if isinstance(point, Ago) else point


def _of_studies(found: Values, now: float) -> Iterator[ColumnElement[bool]]:
    if found.exact:
        yield _in_studies(col(StudyRun.study_id).in_(found.exact))
    for span in found.ranges:
        yield _in_studies(_within(cast(StudyRun.study_id, BigInteger), span, now))
    if found.is_set:
        yield exists().where(col(StudyRun.run_id) == col(Run.id))


def _in_studies(chosen: ColumnElement[bool]) -> ColumnElement[bool]:
    return col(Run.id).in_(select(StudyRun.run_id).where(chosen))


def _tagged(found: Values) -> Iterator[ColumnElement[bool]]:
    stored = cast(Run.tags, String)
    for way in _spelled(found.exact):
        yield position(stored, json.dumps(way)) > 0
    for part in found.parts:
        yield position(func.lower(stored), json.dumps(part.lower())[1:-1].lower()) > 0
    if found.is_set:
        yield stored != "[]"


def _contains(name: str, column: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Whether a text contains a part; in any case for the name, and for ASCII letters of other texts."""
    if name == "name":
        place = position(col(Run.search_key), text_keys.sought(part))
        return and_(place > 0, place < position(col(Run.search_key), text_keys.BETWEEN))
    ways = dict.fromkeys(text_keys.spellings(part))
    found = [position(column, way) > 0 for way in ways]
    return or_(*found, *(position(func.lower(column), way.lower()) > 0 for way in ways))


def _mentions(text: str) -> ColumnElement[bool]:
    """Whether name, note or a tag contains the text in any case, or the text is the id."""
    mentioned: ColumnElement[bool] = position(col(Run.search_key), text_keys.sought(text)) > 0
    number = text_keys.folded(text).lstrip("#")
    if _WHOLE.fullmatch(number) and int(number) <= MAX_ID:
        mentioned = or_(mentioned, col(Run.id) == int(number))
    return mentioned
