"""The runs that match a query: in pages, all of them, or those beside a run."""

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.orm import defer
from sqlmodel import Session, col, func, select

from app.runs.listing import conditions
from app.runs.listing.errors import QueryError
from app.runs.listing.fields import ORDERS
from app.runs.listing.paging import MAX_LIMIT
from app.runs.listing.query import RunQuery
from app.runs.reading import as_answers
from app.schemas.bodies import MAX_ID
from app.schemas.runs import RunOut, RunPage
from app.storage.tables import Run

_UNREAD: Final = tuple(defer(getattr(Run, f"{name}_key")) for name in ("name", "search", "dataset"))
"""Columns for sorting and searching that a list of runs does not load."""

_BACK: Final = "back"
"""Marks the cursor of a page that ends before a run."""


def list_runs(session: Session, query: RunQuery) -> RunPage:
    """One page of runs; nulls sort last, ties by id.

    Raises:
        QueryError: the cursor belongs to another order or is damaged.
    """
    query = query.of_runs
    where = conditions.of(session, query)
    key = ORDERS[query.sort.lstrip("-")]
    found = select(Run.id, key.label("key")).where(*where).limit(query.limit + 1)
    is_back = False
    if query.cursor:
        last, last_id, is_back = _read_cursor(query, key)
        found = found.where((_before if is_back else _after)(query, key, last, last_id))
    rows = session.execute(found.order_by(*_order(query, key, is_reversed=is_back))).all()
    is_cut = len(rows) > query.limit
    rows = rows[: query.limit]
    if is_back:
        rows = rows[::-1]
    total = session.execute(select(func.count()).select_from(Run).where(*where)).scalar_one()
    has_next, has_previous = (True, is_cut) if is_back else (is_cut, bool(query.cursor))
    return RunPage(
        runs=as_answers(session, _rows(session, [run_id for run_id, _ in rows])),
        next_cursor=_write_cursor(query.sort, rows[-1], back=False) if has_next and rows else None,
        previous_cursor=_write_cursor(query.sort, rows[0], back=True) if has_previous and rows else None,
        total=total,
    )


def all_runs(session: Session, query: RunQuery) -> Iterator[RunOut]:
    """All runs that match the filters, in order, without paging; only a part is in memory at a time."""
    query = query.of_runs
    key = ORDERS[query.sort.lstrip("-")]
    where = conditions.of(session, query)
    wanted = select(Run).options(*_UNREAD).where(*where).order_by(*_order(query, key))
    for part in session.execute(wanted, execution_options={"yield_per": MAX_LIMIT}).scalars().partitions():
        yield from as_answers(session, part)


def most_layers(session: Session, query: RunQuery) -> int:
    """The highest number of layers among all runs that match the filters; 0 without runs."""
    longest = select(func.max(Run.depth)).where(*conditions.of(session, query))
    return session.execute(longest).scalar() or 0


def matching_ids(session: Session, query: RunQuery) -> list[int]:
    """The ids of all runs that match the filters, in order."""
    query = query.of_runs
    key = ORDERS[query.sort.lstrip("-")]
    found = select(Run.id).where(*conditions.of(session, query)).order_by(*_order(query, key))
    return [run_id for run_id in session.execute(found).scalars() if run_id is not None]


class Neighbor(NamedTuple):
    """A run beside another in a list."""

    id: int
    name: str


def neighbors(session: Session, query: RunQuery, run_id: int) -> tuple[Neighbor | None, Neighbor | None]:
    """The runs before and after a run in the list, wherever its page begins; the run itself may not match."""
    query = query.of_runs
    key = ORDERS[query.sort.lstrip("-")]
    own = session.execute(select(key).where(col(Run.id) == run_id)).scalar_one()
    where = conditions.of(session, query)
    found = [
        session.execute(select(Run.id, Run.name).where(*where, beside).order_by(*order).limit(1)).first()
        for beside, order in (
            (_before(query, key, own, run_id), _order(query, key, is_reversed=True)),
            (_after(query, key, own, run_id), _order(query, key)),
        )
    ]
    before, after = (Neighbor(*row) if row else None for row in found)
    return before, after


def _rows(session: Session, ids: Sequence[int]) -> list[Run]:
    """The rows of these runs, in this order."""
    rows = session.execute(select(Run).options(*_UNREAD).where(col(Run.id).in_(ids))).scalars()
    by_id = {run.id: run for run in rows}
    return [by_id[run_id] for run_id in ids]


def _order(
    query: RunQuery, key: ColumnElement[Any], *, is_reversed: bool = False
) -> tuple[ColumnElement[Any], ...]:
    identity = col(Run.id)
    nulls: tuple[ColumnElement[Any], ...] = () if _is_never_null(key) else (key.is_(None),)
    if is_reversed:
        nulls = tuple(each.desc() for each in nulls)
    if query.sort.startswith("-") != is_reversed:
        return *nulls, key.desc(), identity.desc()
    return *nulls, key.asc(), identity.asc()


def _is_never_null(key: ColumnElement[Any]) -> bool:
    """Whether the key needs no condition on nulls, so that the database can use its index."""
    return not getattr(key, "nullable", True) or key is ORDERS["activity"]


def _after(query: RunQuery, key: ColumnElement[Any], last: Any, last_id: int) -> ColumnElement[bool]:  # noqa: ANN401
    """Whether a run follows this one in the order (null last, key, id)."""
    descending = query.sort.startswith("-")
    tie = col(Run.id) < last_id if descending else col(Run.id) > last_id
    if last is None:
        return and_(key.is_(None), tie)
    further = key < last if descending else key > last
    return or_(key.is_(None), further, and_(key == last, tie))


def _before(query: RunQuery, key: ColumnElement[Any], first: Any, first_id: int) -> ColumnElement[bool]:  # noqa: ANN401
    """Whether a run precedes this one in the order (null last, key, id)."""
    descending = query.sort.startswith("-")
    tie = col(Run.id) > first_id if descending else col(Run.id) < first_id
    if first is None:
        return or_(key.is_not(None), tie)
    nearer = key > first if descending else key < first
    return or_(nearer, and_(key == first, tie))


def _write_cursor(sort: str, row: Any, *, back: bool) -> str:  # noqa: ANN401  # an id and its key
    run_id, key = row
    place = [sort, key, run_id, *([_BACK] if back else [])]
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def _read_cursor(query: RunQuery, key: ColumnElement[Any]) -> tuple[Any, int, bool]:
    """The key and id of a run, and whether the page ends before it instead of starting after it."""
    text = query.cursor or ""
    try:
        sort, last, last_id, *back = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, TypeError):
        sort, last, last_id, back = None, None, None, []
    if (
        sort != query.sort
        or not _fits(last_id, int)
        or not (last is None or _fits(last, key.type.python_type))
        or back not in ([], [_BACK])
    ):
        raise QueryError("cursor", "invalid cursor; use next_cursor of the previous page with the same sort")
    return last, last_id, bool(back)


def _fits(value: object, kind: type) -> bool:
    """Whether a cursor's value is comparable with a column of this type."""
    if kind is int:
        return type(value) is int and abs(value) <= MAX_ID
    if kind is float:
        return type(value) is float
    return isinstance(value, str) and "\0" not in value
