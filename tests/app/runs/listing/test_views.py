"""Saved views."""

import pytest

from app.runs.listing import views
from app.runs.listing.errors import QueryError
from app.schemas.lists import ViewRequest
from app.storage.database import Database
from app.storage.saved_queries import NameTaken, QueryNotFound
from app.storage.tables import SavedQuery


def save(database: Database, name: str, query: str = "") -> int:
    with database.write() as session:
        return views.create_view(session, ViewRequest(name=name, query=query)).id


def test_a_view_saves_the_query_without_the_place_in_the_list() -> None:
    query = "?q=lr>0.1&status=&sort=-lr&group=depth&columns=name,lr:90&limit=25"
    assert (
        views.saved(f"{query}&cursor=abc&view=3&unfold=depth%3D2")
        == "q=lr%3E0.1&sort=-lr&group=depth&columns=name,lr:90&limit=25"
    )
    for wrong, words in (("q=colour:red", "q: there is no field"), ("colour=red", "colour: unknown")):
        with pytest.raises(QueryError, match=words) as caught:
            views.saved(wrong)
        assert caught.value.parameter == "query"


def test_views_are_listed_by_name_and_presets_are_none(database: Database) -> None:
    for name in ("set 10", "set 2", "Set 1"):
        save(database, name)
    with database.write() as session:
        session.add(SavedQuery(id=99, kind="preset", name="set 2", query="", created_at=0))
    with database.read() as session:
        assert [view.name for view in views.list_views(session).views] == ["Set 1", "set 2", "set 10"]
        with pytest.raises(QueryNotFound):
            views.get_view(session, 99)


def test_a_name_is_taken_once(database: Database) -> None:
    first, second = save(database, "mine", "depth=3"), save(database, "other")
    with pytest.raises(NameTaken) as caught:
        save(database, "mine")
    assert caught.value.id == first
    with database.write() as session, pytest.raises(NameTaken):
        views.change_view(session, second, name="mine")
    with database.write() as session:
        assert views.change_view(session, first, name="mine", query="depth=4").query == "depth=4"
        assert views.change_view(session, second, name="new").name == "new"
        views.delete_view(session, first)
        with pytest.raises(QueryNotFound, match=f"there is no view {first}"):
            views.delete_view(session, first)
