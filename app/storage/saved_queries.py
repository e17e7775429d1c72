"""Saved queries: query strings under a name, unique among those of a kind."""

from collections.abc import Sequence
from typing import Final

from sqlmodel import Session, col, func, select

from app.storage.database import clock
from app.storage.tables import SavedQuery

MOST: Final = 200
"""How many queries of a kind can be saved: pages list all of them."""


class NameTaken(Exception):
    """A query of this kind has the name already; `id` is its id."""

    def __init__(self, kind: str, named: SavedQuery) -> None:
        super().__init__(
            f"there is already a {kind} named {named.name!r}; choose another name, or overwrite it"
        )
        self.id = named.id or 0


class TooManySaved(Exception):
    """No more queries of this kind can be saved."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"there are already {MOST} {kind}s; delete one first")


class QueryNotFound(Exception):
    """There is no saved query of this kind with this id."""

    def __init__(self, kind: str, query_id: int) -> None:
        super().__init__(f"there is no {kind} {query_id}")


def saved(session: Session, kind: str) -> Sequence[SavedQuery]:
    """All queries of a kind, by name."""
    query = select(SavedQuery).where(SavedQuery.kind == kind)
    return session.exec(query.order_by(func.lower(SavedQuery.name), col(SavedQuery.id))).all()


def find(session: Session, kind: str, query_id: int) -> SavedQuery:
    """The query of this kind with this id.

    Raises:
        QueryNotFound: there is none.
    """
    found = session.get(SavedQuery, query_id)
    if found is None or found.kind != kind:
        raise QueryNotFound(kind, query_id)
    return found


def save(session: Session, kind: str, name: str, query: str, *, overwrite: bool) -> SavedQuery:
    """Save a query; `overwrite` replaces the query of the kind that has this name.

    Raises:
        NameTaken: a query of the kind has this name, and `overwrite` is false.
        TooManySaved: there are as many queries of the kind as allowed.
    """
    named = _named(session, kind, name)
    if named is not None:
        if not overwrite and named.query != query:
            raise NameTaken(kind, named)
        named.query = query
        return named
    if session.exec(select(func.count()).where(SavedQuery.kind == kind)).one() >= MOST:
        raise TooManySaved(kind)
    new = SavedQuery(kind=kind, name=name, query=query, created_at=clock(session))
    session.add(new)
    session.flush()
    return new


def change(
    session: Session, kind: str, query_id: int, *, name: str | None = None, query: str | None = None
) -> SavedQuery:
    """Rename a query or replace its text; None keeps them.

    Raises:
        QueryNotFound: there is no such query.
        NameTaken: another query of the kind has this name.
    """
    found = find(session, kind, query_id)
    if name is not None and name != found.name:
        if named := _named(session, kind, name):
            raise NameTaken(kind, named)
        found.name = name
    if query is not None:
        found.query = query
    session.flush()
    return found


def delete(session: Session, kind: str, query_id: int) -> SavedQuery:
    """Delete a query and return it. Raises `QueryNotFound`."""
    found = find(session, kind, query_id)
    session.delete(found)
    session.flush()
    return found


def _named(session: Session, kind: str, name: str) -> SavedQuery | None:
    return session.exec(select(SavedQuery).where(SavedQuery.kind == kind, SavedQuery.name == name)).first()
