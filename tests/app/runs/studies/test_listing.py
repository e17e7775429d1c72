"""The list of studies: search, tags, sorting and paging."""

from collections.abc import Sequence

import pytest

from app.queue import endings
from app.runs import studies
from app.runs.listing.errors import QueryError
from app.runs.studies.listing import StudyQuery
from app.storage.database import Database
from tests.app.runs.grids import create
from tests.app.states import RESULTS, claimed
from tests.backends import on_both


def listed(database: Database, **parameters: str) -> list[int]:
    query = StudyQuery.parse(parameters.items(), strict=True)
    with database.read() as session:
        return [study.id for study in studies.list_studies(session, query).studies]


@on_both
def test_studies_are_listed_newest_first_without_archived_ones(database: Database) -> None:
    first, second, third = (create(database, depth=depth) for depth in (1, 2, 3))
    with database.write() as session:
        studies.edit(session, second.id, {"archived": True})
    assert listed(database) == [third.id, first.id]
    assert listed(database, archived="true") == [second.id]
    assert listed(database, archived="all") == listed(database, archived="ALL")
    assert listed(database, archived="all") == [third.id, second.id, first.id]
    with database.read() as session:
        assert studies.count_archived(session) == 1


@on_both
def test_search_and_tags(database: Database) -> None:
    create(database, depth=1, name="Learning RATES", tags=["lr", "größe"])
    create(database, depth=2, name="Depths", note="why deeper stalls", tags=["depth"])
    create(database, depth=3, name="100 %")
    assert listed(database, q="rates") == [1]
    assert listed(database, q="STALLS") == [2]
    assert listed(database, q="GRÖSSE") == [1]
    assert listed(database, q="3") == [3]
    assert listed(database, q="#2") == [2]
    assert listed(database, q="%") == [3]
    assert listed(database, tag="lr") == [1]
    assert listed(database, tag="lr, depth") == [2, 1]
    assert listed(database, tag="lr", q="stalls") == []
    with database.read() as session:
        assert studies.tags_in_use(session) == ["depth", "größe", "lr"]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("id", [1, 2, 3]),
        ("-created_at", [3, 2, 1]),
        ("name", [2, 1, 3]),
        ("-runs", [3, 1, 2]),
        ("progress", [3, 2, 1]),
        ("eta_seconds", [2, 3, 1]),
        ("-eta_seconds", [3, 2, 1]),
    ],
)
def test_order(database: Database, sort: str, order: Sequence[int]) -> None:
    create(database, depth=[1, 2], name="lr 10")
    for _ in range(2):
        claim = claimed(database)
        with database.write() as session:
            assert endings.finish(session, claim, RESULTS)
    create(database, depth=1, name="lr 9", seed=1)
    claimed(database)
    create(database, depth=[1, 2, 3], name="lr 10")
    if sort == "progress":
        order = [2, 3, 1]  # both have none, so that the ids decide
    assert listed(database, sort=sort) == order


def test_pages(database: Database) -> None:
    for depth in (1, 2, 3):
        create(database, depth=depth)
    with database.read() as session:
        first = studies.list_studies(session, StudyQuery.parse([("limit", "2")], strict=True))
        assert ([study.id for study in first.studies], first.next_cursor, first.total) == ([3, 2], "2", 3)
    assert listed(database, limit="2", cursor=first.next_cursor or "") == [1]
    assert listed(database, limit="2", cursor="2", sort="runs") == [3]
    assert listed(database, cursor="7") == []


@pytest.mark.parametrize(
    ("parameter", "text", "words"),
    [
        ("archived", "yes", "'yes' is not one of false, true, all"),
        ("sort", "-lr", "can't sort by '-lr'; expected one of id, name"),
        ("limit", "501", "must be from 1 to 500, not 501"),
        ("limit", "x", "'x' is not a whole number"),
        ("cursor", "-1", "invalid cursor"),
        ("q", "x" * 1_001, "at most 1,000 characters are allowed, not 1,001"),
        ("tag", ",".join("abcdefghijklmnopqrstuvwxyz" * 2), "at most 50 values are allowed, not 52"),
        ("depth", "1", "unknown parameter; expected one of q, tag, archived"),
    ],
)
def test_malformed_queries(parameter: str, text: str, words: str) -> None:
    with pytest.raises(QueryError, match=words) as raised:
        StudyQuery.parse([(parameter, text)], strict=True)
    assert raised.value.parameter == parameter


def test_pages_ignore_unknown_and_empty_parameters_and_programs_repeat_none() -> None:
    given = [("depth", "1"), ("tag", " , "), ("q", ""), ("q", "a")]
    assert StudyQuery.parse(given, strict=False, limit=50) == StudyQuery(text="a", limit=50)
    with pytest.raises(QueryError, match="repeated"):
        StudyQuery.parse([("q", "a"), ("q", "b")], strict=True)
