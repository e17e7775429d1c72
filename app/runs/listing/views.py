"""Saved views: named query strings of the list of runs."""

from typing import Final
from urllib.parse import urlencode

from sqlmodel import Session

from app import text_keys
from app.runs.listing.errors import QueryError
from app.runs.listing.query import PLACE, RunQuery
from app.runs.listing.writing import pairs_of
from app.runs.reading import timestamp
from app.schemas.lists import ViewList, ViewOut, ViewRequest
from app.storage import saved_queries
from app.storage.tables import SavedQuery

_KIND: Final = "view"
_NOT_SAVED: Final = ("view", *PLACE)
"""Parameters that a view does not save: itself, and a place in the list."""


def list_views(session: Session) -> ViewList:
    """All views, in natural order of their names."""
    rows = sorted(saved_queries.saved(session, _KIND), key=lambda row: text_keys.natural(row.name))
    return ViewList(views=list(map(_out, rows)))


def get_view(session: Session, view_id: int) -> ViewOut:
    """One view. Raises `QueryNotFound`."""
    return _out(saved_queries.find(session, _KIND, view_id))


def create_view(session: Session, request: ViewRequest) -> ViewOut:
    """Save a view.

    Raises:
        NameTaken: another view has this name.
        TooManySaved: there are as many views as allowed.
        QueryError: its query is invalid.
    """
    return _out(saved_queries.save(session, _KIND, request.name, saved(request.query), overwrite=False))


def change_view(
    session: Session, view_id: int, *, name: str | None = None, query: str | None = None
) -> ViewOut:
    """Rename a view or replace its query; None keeps them.

    Raises:
        QueryNotFound: no view has this id.
        NameTaken: another view has this name.
        QueryError: its query is invalid.
    """
    text = None if query is None else saved(query)
    return _out(saved_queries.change(session, _KIND, view_id, name=name, query=text))


def delete_view(session: Session, view_id: int) -> None:
    """Delete a view; its runs stay. Raises `QueryNotFound`."""
    saved_queries.delete(session, _KIND, view_id)


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


def _out(row: SavedQuery) -> ViewOut:
    return ViewOut(id=row.id or 0, name=row.name, query=row.query, created_at=timestamp(row.created_at))
