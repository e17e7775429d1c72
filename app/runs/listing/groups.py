"""Groups of runs with equal values of one or two fields, counted and averaged in SQL."""

import base64
import binascii
import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Integer, Row, Select, and_, case, cast, func, select
from sqlmodel import Session, col

from app.runs.listing import conditions
from app.runs.listing.errors import QueryError
from app.runs.listing.fields import COLUMNS, FIELDS, ORDERS
from app.runs.listing.query import RunQuery
from app.runs.listing.writing import filter_of
from app.schemas.lists import AccuracySpread, RunGroup, RunGroups
from app.schemas.status import DIVERGED, STATUSES
from app.storage.database import position
from app.storage.tables import Run

_NEAR: Final = 0.9
"""Sums of squares are relative to this accuracy, so that rounding does not distort small deviations."""

_ACCURACY: Final = case((col(Run.status) == "finished", col(Run.test_accuracy)))

_FIGURES: Final[dict[str, ColumnElement[Any]]] = {
    "test_accuracy": func.avg(_ACCURACY),
    "best": func.max(_ACCURACY),
    "n": func.count(_ACCURACY),
    "runs": func.count(),
}
"""The sort keys of groups besides their values."""


def list_groups(session: Session, query: RunQuery, parameters: Sequence[tuple[str, str]] = ()) -> RunGroups:
    """One page of the groups of a query with `group`; `parameters` are those that it was parsed from.

    Groups are in ascending order of their values, or if the query sorts by it, in that of a group's field, of
    the mean or best test accuracy, of `n` or of the number of runs. Unknown values come last.

    Raises:
        QueryError: the cursor belongs to another grouping or is damaged.
    """
    start = _read_cursor(query)
    columns = [COLUMNS[name] for name in query.group]
    where = conditions.of(session, query)
    counted = _counted(columns, where)
    shown = session.execute(counted.order_by(*_order(query)).limit(query.limit).offset(start)).all()
    first = shown[0] if shown else session.execute(counted.limit(1)).first() if start else None
    total, group_count = (first.total, first.group_count) if first else (0, 0)
    best = _best(session, columns, where, [row.best for row in shown if row.best is not None])
    end = start + len(shown)
    return RunGroups(
        groups=[_group(query, row, best, parameters) for row in shown],
        next_cursor=_write_cursor(query, end) if shown and end < group_count else None,
        previous_cursor=_write_cursor(query, max(0, start - query.limit)) if start else None,
        total=total,
        group_count=group_count,
    )


def _counted(
    columns: Sequence[ColumnElement[Any]], where: Sequence[ColumnElement[bool]]
) -> Select[tuple[Any, ...]]:
    difference = _ACCURACY - _NEAR
    is_diverged = and_(col(Run.status) == "failed", position(col(Run.reason), DIVERGED) == 1)
    return (
        select(
            *columns,
            func.count().label("runs"),
            func.avg(_ACCURACY).label("mean"),
            func.count(_ACCURACY).label("n"),
            func.sum(difference).label("sum"),
            func.sum(difference * difference).label("squares"),
            func.min(_ACCURACY).label("worst"),
            func.max(_ACCURACY).label("best"),
            func.sum(case((is_diverged, 1), else_=0)).label("diverged"),
            *(func.sum(case((col(Run.status) == status, 1), else_=0)).label(status) for status in STATUSES),
            func.count().over().label("group_count"),
            cast(func.sum(func.count()).over(), Integer).label("total"),
        )
        .select_from(Run)
        .where(*where)
        .group_by(*columns)
    )


def _order(query: RunQuery) -> Iterator[ColumnElement[Any]]:
    by, is_descending = query.sort.removeprefix("-"), query.sort.startswith("-")
    keys = {name: func.min(ORDERS[name]) for name in query.group}  # names have a key to sort by
    first = _FIGURES.get(by, keys.get(by))
    for key in keys.values() if first is None else (first, *keys.values()):
        yield key.is_(None)
        yield key.desc() if is_descending and first is not None else key.asc()


def _best(
    session: Session,
    columns: Sequence[ColumnElement[Any]],
    where: Sequence[ColumnElement[bool]],
    accuracies: Sequence[float],
) -> dict[tuple[Any, ...], int]:
    """The oldest run with each group's best accuracy, by the group's values and the accuracy."""
    found = (
        select(*columns, col(Run.test_accuracy), func.min(Run.id))
        .where(*where, col(Run.status) == "finished", col(Run.test_accuracy).in_(set(accuracies)))
        .group_by(*columns, col(Run.test_accuracy))
    )
    return {tuple(row[:-1]): row[-1] for row in session.execute(found)}


def _group(
    query: RunQuery,
    row: Row[Any],
    best: dict[tuple[Any, ...], int],
    parameters: Sequence[tuple[str, str]],
) -> RunGroup:
    values = tuple(row[: len(query.group)])
    key = {
        name: bool(value) if value is not None and _is_flag(name) else value
        for name, value in zip(query.group, values, strict=True)
    }
    return RunGroup(
        key=key,
        runs=row.runs,
        counts={status: getattr(row, status) for status in STATUSES},
        diverged=row.diverged,
        test_accuracy=AccuracySpread(
            n=row.n,
            mean=row.mean,
            std=_deviation(row),
            best=row.best,
            best_run=best[*values, row.best],
        )
        if row.n
        else None,
        filter=filter_of(parameters, key),
    )


def _is_flag(name: str) -> bool:
    return name == "archived" or FIELDS[name].kind == "flag"


def _deviation(row: Row[Any]) -> float | None:
    if row.n == 1:
        return None
    if row.best == row.worst:
        return 0.0
    return math.sqrt(max(0.0, (row.squares - row.sum * row.sum / row.n) / (row.n - 1)))


def _write_cursor(query: RunQuery, start: int) -> str:
    place = [query.sort, ",".join(query.group), start]
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def _read_cursor(query: RunQuery) -> int:
    if not query.cursor:
        return 0
    text = query.cursor
    try:
        sort, group, start = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, TypeError):
        sort, group, start = None, None, None
    if sort != query.sort or group != ",".join(query.group) or type(start) is not int or start < 0:
        raise QueryError("cursor", "invalid cursor; use next_cursor of the page before with the same group")
    return start
