"""Query strings under a name."""

import pytest

from app.storage import saved_queries
from app.storage.saved_queries import MOST, NameTaken, QueryNotFound, TooManySaved
from app.storage.tables import SavedQuery
from tests.app.conftest import Served


def test_a_name_is_unique_among_the_queries_of_a_kind_until_it_is_overwritten(site: Served) -> None:
    with site.database.write() as session:
        first = saved_queries.save(session, "preset", "b", "depth=1", overwrite=False)
        saved_queries.save(session, "view", "b", "depth=1", overwrite=False)
        saved_queries.save(session, "preset", "A", "depth=2", overwrite=False)
        assert saved_queries.save(session, "preset", "b", "depth=1", overwrite=False) is first
        with pytest.raises(NameTaken, match="'b'"):
            saved_queries.save(session, "preset", "b", "depth=3", overwrite=False)
        saved_queries.save(session, "preset", "b", "depth=3", overwrite=True)
        found = [(each.name, each.query) for each in saved_queries.saved(session, "preset")]
        assert found == [("A", "depth=2"), ("b", "depth=3")]


def test_only_a_query_of_the_kind_can_be_found_and_deleted(site: Served) -> None:
    with site.database.write() as session:
        view = saved_queries.save(session, "view", "v", "depth=1", overwrite=False).id or 0
        with pytest.raises(QueryNotFound):
            saved_queries.delete(session, "preset", view)
        assert saved_queries.delete(session, "view", view).name == "v"
        with pytest.raises(QueryNotFound):
            saved_queries.find(session, "view", view)


def test_the_number_of_queries_of_a_kind_is_limited(site: Served) -> None:
    with site.database.write() as session:
        session.add_all(
            SavedQuery(kind="view", name=str(number), query="", created_at=1.0) for number in range(MOST)
        )
        session.flush()
        with pytest.raises(TooManySaved, match="200 views"):
            saved_queries.save(session, "view", "one more", "", overwrite=False)
        saved_queries.save(session, "view", "7", "depth=1", overwrite=True)
