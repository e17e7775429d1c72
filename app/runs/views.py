"""Saved views: named query strings of the list of runs."""

from typing import Final
from urllib.parse import urlencode

from sqlmodel import Session, col, select

from app import text_keys
from app.runs.listing.errors import QueryError
from app.runs.listing.groups import pairs_of
from app.runs.listing.query import RunQuery
from app.runs.reading import timestamp
from app.schemas.answers import ViewList, ViewOut
from app.schemas.requests import ViewRequest
from app.storage.database import clock
from app.storage.tables import SavedQuery

_KIND: Final = "view"
_NOT_SAVED: Final = ("cursor", "view", "unfold")
"""Parameters of a place in the list, which a view does not save."""


class ViewNotFound(LookupError):
    """No view has this id."""


class NameTaken(ValueError):
    """Another view has this name; `view` is that view."""

    def __init__(self, view: ViewOut) -> None:
        super().__init__(
            f"there is already a view {view.name!r}; change it (its id is {view.id}) or choose another name"
        )
        self.view = view


def list_views(session: Session) -> ViewList:
    """All views, in natural order of their names."""
    rows = session.exec(select(SavedQuery).where(col(SavedQuery.kind) == _KIND)).all()
    return ViewList(views=[_out(row) for row in sorted(rows, key=lambda row: text_keys.natural(row.name))])


def get_view(session: Session, view_id: int) -> ViewOut:
    """One view.

    Raises:
        ViewNotFound: no view has this id.
    """
    return _out(_row(session, view_id))


def create_view(session: Session, request: ViewRequest) -> ViewOut:
    """Save a view.

    Raises:
        NameTaken: another view has this name.
        QueryError: its query is invalid.
    """
    query = saved(request.query)
    _check_name(session, request.name)
    row = SavedQuery(kind=_KIND, name=request.name, query=query, created_at=clock(session))
    session.add(row)
    session.flush()
    return _out(row)


def change_view(
    session: Session, view_id: int, *, name: str | None = None, query: str | None = None
) -> ViewOut:
    """Rename a view or replace its query; None keeps them.

    Raises:
        ViewNotFound: no view has this id.
        NameTaken: another view has this name.
        QueryError: its query is invalid.
    """
    row = _row(session, view_id)
    if query is not None:
        row.query = saved(query)
    if name is not None and name != row.name:
        _check_name(session, name)
        row.name = name
    session.add(row)
    session.flush()
    return _out(row)


def delete_view(session: Session, view_id: int) -> None:
    """Delete a view; its runs stay.

    Raises:
        ViewNotFound: no view has this id.
    """
    session.delete(_row(session, view_id))
    session.flush()


def saved(query: str) -> str:
    """A query string as views save it: without empty parameters and without the place in the list.

    Raises:
        QueryError: the query string is invalid.
    """
    kept = [(name, text) for name, text in pairs_of(query) if text.strip() and name not in _NOT_SAVED]
    try:
        RunQuery.parse(kept, strict=True)
    except QueryError as error:
        raise QueryError("query", f"{error.parameter}: {error}") from None
    return urlencode(kept, safe=",:*")


def _check_name(session: Session, name: str) -> None:
    other = session.exec(
        select(SavedQuery).where(col(SavedQuery.kind) == _KIND, col(SavedQuery.name) == name)
    ).first()
    if other:
        raise NameTaken(_out(other))


def _row(session: Session, view_id: int) -> SavedQuery:
    row = session.get(SavedQuery, view_id)
    if row is None or row.kind != _KIND:
        raise ViewNotFound(f"there is no view {view_id}")
    return row


def _out(row: SavedQuery) -> ViewOut:
    return ViewOut(id=row.id or 0, name=row.name, query=row.query, created_at=timestamp(row.created_at))
