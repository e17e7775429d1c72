"""Conditions in SQL, on both databases."""

import json

import pytest
from sqlmodel import select

from app.queue import actions
from app.runs.listing import conditions
from app.runs.listing.query import RunQuery
from app.schemas.bodies import Labels
from app.storage.database import Database, clock
from app.storage.tables import Run
from tests.app.runs.listed import ids
from tests.app.states import add_worker, failed_run, finished_run, queue_run, study_of
from tests.backends import on_both


@pytest.fixture
def listed_runs(database: Database) -> Database:
    """Runs 1 to 6 in several states; number 6 is archived."""
    add_worker(database)
    finished_run(database, 0.97, depth=2, lr=0.1)
    finished_run(database, 0.94, depth=3, lr=0.01)
    failed_run(database, "diverged: loss became non-finite", depth=4, lr=1.0)
    queue_run(database, Labels(name="Ärger", tags=["draft", "Föhn"], note="Two words"), depth=3, lr=0.05)
    queue_run(database, Labels(name="plain", tags=["keep"], note="ärger"), depth=1)
    queue_run(database, Labels(name="old"), depth=5)
    study_of(database, [1, 2])
    with database.write() as session:
        actions.edit(session, 6, {"archived": True})
        row = session.get(Run, 1)
        assert row
        row.created_at = clock(session) - 10 * 86_400
    return database


FOUND: list[tuple[str, list[int]]] = [
    ("test_accuracy>0.95", [1]),
    ("test_accuracy<=0.94", [2]),
    ("-test_accuracy>0.95", [6, 5, 4, 3, 2]),
    ("test_accuracy:*", [2, 1]),
    ("-test_accuracy:*", [6, 5, 4, 3]),
    ("lr:0.01..0.1", [6, 5, 4, 2, 1]),
    ("lr:0.05..0.5", [6, 5, 4, 1]),
    ("depth:1-2", [5, 1]),
    ("-depth:3", [6, 5, 3, 1]),
    ("-tag:draft", [6, 5, 3, 2, 1]),
    ("tag:draft,keep", [5, 4]),
    ("tag:föhn", []),
    ("tag:Föhn", [4]),
    ("tag~draf", [4]),
    ("tag:*", [5, 4]),
    ("note:two", [4]),
    ('note="Two words"', [4]),
    ("note=two", []),
    ("note:*", [5, 4]),
    ("name:ärger", [4]),
    ("name:ÄRGER", [4]),
    ("ärger", [5, 4]),
    ("ärger -words", [5]),
    ("reason:diverged", [3]),
    ("status:failed,finished", [3, 2, 1]),
    ("-status:queued lr<1", [2, 1]),
    ("study:1", [2, 1]),
    ("-study:*", [6, 5, 4, 3]),
    ("study:2..", []),
    ("created_at:7d", [6, 5, 4, 3, 2]),
    ("created_at<7d", [1]),
    ("created_at:14d..7d", [1]),
    ("created_at:today,yesterday", [6, 5, 4, 3, 2]),
    ("archived:true", [6]),
    ("lr>0.5 depth:4 diverged", []),
    ('lr>0.5 depth:4 "layers"', [3]),
]
"""Searches and the runs that they find."""


@on_both
def test_a_search_finds_the_runs_that_meet_all_terms(listed_runs: Database) -> None:
    for search, expected in FOUND:
        archived = "" if "archived" in search else "all"
        assert ids(listed_runs, q=search, archived=archived) == expected, search


def test_the_same_filters_work_as_parameters(listed_runs: Database) -> None:
    assert ids(listed_runs, lr=">0.05", **{"-status": "failed"}) == [1]
    assert ids(listed_runs, note="~WORDS") == [4]
    assert ids(listed_runs, **{"-tag": "*", "archived": "false"}) == [3, 2, 1]


def test_filters_of_indexed_columns_use_their_index(database: Database) -> None:
    if not database.is_sqlite:
        pytest.skip("SQLite's plan")
    for search, index in (
        ("status:running", "run_claim"),
        ("study_id:3", "study_id"),
        ("id:3..9", "PRIMARY"),
    ):
        with database.read() as session:
            query = RunQuery.parse([("q", search), ("archived", "all")], strict=True)
            found = select(Run.id).where(*conditions.of(session, query))
            text = str(found.compile(session.get_bind(), compile_kwargs={"literal_binds": True}))
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
        assert index in json.dumps([list(row) for row in plan]), search
