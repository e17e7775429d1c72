"""The list of runs: what a query string means, which runs it finds, in which order and on which page."""

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.queue import actions
from app.runs.listing import matches
from app.runs.listing.errors import QueryError
from app.runs.listing.fields import ACTIVITY, SORTABLE
from app.runs.listing.query import PARAMETERS, RunQuery
from app.schemas.bodies import Labels
from app.storage.database import Database
from app.storage.tables import Run, Study, StudyRun
from app.text_keys import natural
from tests.app.runs.listed import ids, listed, walk
from tests.app.states import add_worker, claimed, failed_run, finished_run, queue_run, record
from tests.postgres import PostgreSQL

BACKENDS = ("sqlite", "postgresql")


def fill(database: Database) -> None:
    """Make runs 1 to 8 in every state, with equal and missing figures."""
    add_worker(database)
    finished_run(database, 0.94, depth=1, seed=1)
    finished_run(database, 0.97, depth=2, seed=1)
    failed_run(database, depth=3)
    finished_run(database, 0.94, depth=1, seed=2, lr=0.5)
    queue_run(database, Labels(name="LÄUFE"), depth=5)
    record(database, claimed(database), 1)
    cancelled = queue_run(database, depth=2, seed=3)
    with database.write() as session:
        actions.cancel(session, cancelled)
    queue_run(database, Labels(name="Größe", tags=["Föhn", "a"], note="on a Sunday", priority=2), depth=4)
    queue_run(database, Labels(name="50% off_", tags=["a b"]), depth=4, seed=2**32 - 1, device="cuda")


@pytest.fixture(scope="module", params=BACKENDS)
def variety(
    migrated: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Database]:
    """Runs to look at, not to be changed; number 2 is archived."""
    with ExitStack() as stack:
        if request.param == "postgresql":
            server: PostgreSQL = request.getfixturevalue("postgresql")
            url = stack.enter_context(server.emptied())
        else:
            url = f"sqlite:///{shutil.copy(migrated, tmp_path_factory.mktemp('variety'))}"
        database = Database(url)
        fill(database)
        with database.write() as session:
            actions.edit(session, 2, {"archived": True})
        yield database
        database.close()


# Reading a query string


def test_an_empty_query_means_the_newest_fifty_that_are_not_archived() -> None:
    assert RunQuery.parse([], strict=True) == RunQuery(archived="false", sort="-id", limit=50)


def test_an_empty_value_means_absent() -> None:
    empty = [(name, "") for name in PARAMETERS] + [("q", " "), ("status", "")]
    assert RunQuery.parse(empty, strict=False) == RunQuery()
    assert RunQuery.parse([("status", ","), ("study", ","), ("tag", " , ")], strict=True) == RunQuery()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("depth", "x"),
        ("depth", "1.5"),
        ("depth", "--5"),
        ("depth", "-"),
        ("depth", "²"),
        ("depth", "1,x"),
        ("depth", "9" * 30),
        ("depth", "9" * 5000),
        ("study", "all"),
        ("lr", "fast"),
        ("lr", "nan"),
        ("lr", "inf"),
        ("lr", "1_0"),
        ("status", "done"),
        ("status", "finished,done"),
        ("archived", "yes"),
        ("name", "\0"),
        ("q", "\0"),
        ("tag", "a,\0"),
        ("sort", "colour"),
        ("sort", "--id"),
        ("sort", "tags"),
        ("sort", "id,depth"),
        ("limit", "0"),
        ("limit", "501"),
        ("limit", "-1"),
        ("limit", "many"),
        ("created_at", "soon"),
        ("created_at", "2026-13-01"),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_a_malformed_value_is_refused_by_name(name: str, text: str, *, strict: bool) -> None:
    with pytest.raises(QueryError) as caught:
        RunQuery.parse([(name, text)], strict=strict)
    assert caught.value.parameter == name
    assert len(str(caught.value)) < 700


def test_unknown_and_repeated_parameters_are_refused_only_where_it_is_strict() -> None:
    with pytest.raises(QueryError, match="unknown parameter; expected one of study, tag"):
        RunQuery.parse([("colour", "red")], strict=True)
    with pytest.raises(QueryError, match="repeated"):
        RunQuery.parse([("depth", "1"), ("depth", "2")], strict=True)
    assert RunQuery.parse([("colour", "red")], strict=False) == RunQuery()
    (term,) = RunQuery.parse([("depth", "1"), ("depth", "2")], strict=False).terms
    assert term.values.exact == (2,)


def test_a_time_without_a_zone_is_utc() -> None:
    times = ["2026-01-31T12:00:00", "2026-01-31T12:00:00.000Z", "2026-01-31T13:00:00+01:00"]
    queries = [RunQuery.parse([("created_at", text)], strict=True) for text in times]
    assert [query.terms[0].values.exact for query in queries] == [(1769860800.0,)] * 3


# Filters


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"status": "finished"}, [4, 2, 1]),
        ({"status": "finished,failed"}, [4, 3, 2, 1]),
        ({"status": "finished", "depth": "1"}, [4, 1]),
        ({"depth": "1,2", "seed": "1, 3"}, [6, 2, 1]),
        ({"lr": "0.5"}, [4]),
        ({"lr": "5e-1"}, [4]),
        ({"seed": "4294967295"}, [8]),
        ({"device": "cuda"}, [8]),
        ({"device_used": "cpu"}, [4, 2, 1]),
        ({"test_accuracy": "0.94"}, [4, 1]),
        ({"parameters": "7850"}, [4, 1]),
        ({"priority": "2"}, [7]),
        ({"attempt": "0"}, [8, 7, 6]),
        ({"reason": "cancelled by user"}, [6]),
        ({"name": "Größe"}, [7]),
        ({"name": "größe"}, []),
        ({"name": "2 layers, 3 epochs, seed 3"}, [6]),
        ({"name": "Größe,50% off_"}, [8, 7]),
        ({"id": "3,99"}, [3]),
        ({"tag": "a"}, [7]),
        ({"tag": "Föhn,a b"}, [8, 7]),
        ({"tag": "b"}, []),
        ({"q": "föhn"}, [7]),
        ({"q": "größe"}, [7]),
        ({"q": "SUNDAY"}, [7]),
        ({"q": "LÄUFE"}, [5]),
        ({"q": "50%"}, [8]),
        ({"q": "%"}, [8]),
        ({"q": "_"}, [8]),
        ({"q": "2 layers"}, [6, 2]),
        ({"q": "#3"}, [3]),
        ({"q": "nowhere"}, []),
        ({"q": "9" * 5000}, []),
        *(({"q": part}, []) for part in ("[", "]", "u00f6", "\\u00f6", "\\", '"\\""', '"\\", \\""')),
        ({"q": ","}, [6, 4, 3, 2, 1]),
        ({"q": "GRÖSSE"}, [7]),
        ({"q": "gro\u0308\u00dfe"}, [7]),
        ({"q": "FO\u0308HN"}, [7]),
        ({"q": "la\u0308ufe"}, [5]),
        ({"q": "A B"}, [8]),
        ({"q": "föhn a"}, []),
        ({"q": "a\x1fb"}, []),
        ({"q": "\ufdfa" * 10_000}, []),
        ({"q": "#\uff13"}, [3]),
        ({"tag": "Fo\u0308hn"}, [7]),
        ({"tag": "föhn"}, []),
        ({"tag": "%"}, []),
        ({"name": "Gro\u0308ße"}, [7]),
    ],
)
def test_filters(variety: Database, parameters: dict[str, str], expected: list[int]) -> None:
    assert ids(variety, **parameters) == expected
    assert listed(variety, **parameters, archived="all").total == len(expected)


def test_a_run_is_found_by_the_times_that_it_shows(variety: Database) -> None:
    run = listed(variety, id="1").runs[0]
    assert run.finished_at is not None
    assert 1 in ids(variety, created_at=run.created_at)
    assert 1 in ids(variety, finished_at=run.finished_at)


def test_archived_runs_are_hidden_unless_asked_for(variety: Database) -> None:
    assert [run.id for run in listed(variety).runs] == [8, 7, 6, 5, 4, 3, 1]
    assert ids(variety, archived="false") == [8, 7, 6, 5, 4, 3, 1]
    assert ids(variety, archived="true") == [2]
    assert ids(variety, archived="all") == [8, 7, 6, 5, 4, 3, 2, 1]


def test_a_study_includes_runs_that_other_studies_launched(database: Database) -> None:
    for _ in range(4):
        queue_run(database)
    with database.write() as session:
        session.add_all([Study(id=1, name="one", created_at=0), Study(id=2, name="two", created_at=0)])
        session.flush()
        session.add_all(
            StudyRun(study_id=study, run_id=run) for study, run in [(1, 1), (1, 2), (2, 2), (2, 4)]
        )
    assert ids(database, study="1") == [2, 1]
    assert ids(database, study="1,2") == [4, 2, 1]
    assert ids(database, study="3") == []


@pytest.mark.parametrize(
    "name", [name for name in PARAMETERS if name not in ("sort", "limit", "cursor", "group", "q")]
)
def test_every_flat_field_can_be_filtered_by_the_value_that_it_shows(variety: Database, name: str) -> None:
    shown = listed(variety, id="1").runs[0].model_dump()
    value = {"study": 1, "tag": "none", "archived": False}.get(name, shown.get(name))
    if name in ("study", "tag", "study_id", "reason", "verifies", "eta_seconds"):
        listed(variety, **{name: str(value or 1)})  # run 1 has none: only that it can be asked
    else:
        assert 1 in ids(variety, **{name: str(value).lower() if isinstance(value, bool) else str(value)})


# Order and pages


def test_the_best_come_first_nulls_last_and_ties_by_id(variety: Database) -> None:
    assert ids(variety, sort="-test_accuracy")[:3] == [2, 4, 1]
    assert ids(variety, sort="test_accuracy")[:4] == [5, 1, 4, 2]
    assert sorted(ids(variety, sort="test_accuracy")[4:]) == [3, 6, 7, 8]
    assert sorted(ids(variety, sort="-test_accuracy")[4:]) == [3, 6, 7, 8]


@pytest.mark.parametrize("name", SORTABLE)
@pytest.mark.parametrize("direction", ["", "-"])
def test_pages_hold_everything_exactly_once_in_order(variety: Database, name: str, direction: str) -> None:
    query = {"sort": direction + name, "archived": "all"}
    whole = ids(variety, **query, limit="500")
    assert sorted(whole) == list(range(1, 9))
    assert walk(variety, **query, limit="1") == whole
    if name == ACTIVITY:
        return
    values = [getattr(run, name) for run in listed(variety, **query).runs]
    known = [value for value in values if value is not None]
    if name not in ("eta_seconds", "reason"):  # what a run shows of these is made when it is read
        key = natural if name in ("name", "dataset") else None
        assert known == sorted(known, key=key, reverse=bool(direction))
        assert values[: len(known)] == known


@pytest.mark.parametrize("order", ["-id", "name", "test_accuracy", "-test_accuracy"])
def test_pages_of_several_runs_hold_everything_too(variety: Database, order: str) -> None:
    query = {"sort": order, "archived": "all"}
    assert walk(variety, **query, limit="3") == ids(variety, **query, limit="500")


NAMED = ["1", "exp 2", "Exp 10", "Istanbul", "İstanbul", "Σίσυφος", "STRASSE", "Straße", "a_b", "a%b", "a\\b"]


@pytest.mark.parametrize("limit", ["1", "4", "500"])
def test_names_are_sorted_naturally_on_every_page(database: Database, limit: str) -> None:
    for name in ("run 10", "Run 2", "run 1", "äpfel", "zebra", "apfel", "run 1,000", "run 2"):
        queue_run(database, Labels(name=name))
    ordered = ["apfel", "äpfel", "run 1", "Run 2", "run 2", "run 10", "run 1,000", "zebra"]
    by_id = {run.id: run.name for run in listed(database, archived="all").runs}
    assert [by_id[each] for each in walk(database, sort="name", limit=limit)] == ordered
    assert [by_id[each] for each in walk(database, sort="-name", limit=limit)] == ordered[::-1]


def test_data_sets_are_sorted_naturally(database: Database) -> None:
    for name in ("set10", "set2", "set1"):
        queue_run(database, dataset=name)
    assert ids(database, sort="dataset") == [3, 2, 1]


def test_a_search_ignores_case_and_matches_special_characters_literally(database: Database) -> None:
    for name in NAMED:
        queue_run(database, Labels(name=name))
    for text, names in (
        ("EXP", ["exp 2", "Exp 10"]),
        ("istanbul", ["Istanbul", "İstanbul"]),
        ("İSTANBUL", ["Istanbul", "İstanbul"]),
        ("ΣΊΣΥΦΟΣ", ["Σίσυφος"]),
        ("straße", ["STRASSE", "Straße"]),
        ("_", ["a_b"]),
        ("%", ["a%b"]),
        ("\\", ["a\\b"]),
        ("a_b", ["a_b"]),
    ):
        assert [run.name for run in listed(database, q=text, sort="id").runs] == names


def test_a_page_has_the_total_and_the_next_cursor(variety: Database) -> None:
    page = listed(variety, limit="5")
    assert (len(page.runs), page.total) == (5, 7)
    assert page.next_cursor is not None
    last = listed(variety, limit="5", cursor=page.next_cursor)
    assert (len(last.runs), last.total, last.next_cursor) == (2, 7, None)
    assert listed(variety, limit="7").next_cursor is None


def test_new_and_deleted_runs_do_not_shift_the_next_page(database: Database) -> None:
    for _ in range(6):
        queue_run(database)
    page = listed(database, limit="3")
    assert [run.id for run in page.runs] == [6, 5, 4]
    assert page.next_cursor is not None
    queue_run(database)
    with database.write() as session:
        actions.remove(session, 4)
    assert [run.id for run in listed(database, limit="3", cursor=page.next_cursor).runs] == [3, 2, 1]


def cursor_of(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "ä",
        "!!!!",
        "AAAA",
        "A" * 5000,
        cursor_of(7),
        cursor_of({"a": 1, "b": 2, "c": 3}),
        cursor_of(["-id"]),
        cursor_of(["-depth", 1, 1]),
        cursor_of(["-id", [1], 1]),
        cursor_of(["-id", 1, "1"]),
        cursor_of(["-id", 1, 1.5]),
        cursor_of(["-id", 1, None]),
        cursor_of(["-id", 1, 2**64 - 1]),
        cursor_of(["-id", 2**64 - 1, 1]),
        cursor_of(["-id", "one", 1]),
        cursor_of(["-id", 1, True]),
    ],
)
def test_a_damaged_or_foreign_cursor_is_refused(variety: Database, cursor: str) -> None:
    with pytest.raises(QueryError) as caught:
        listed(variety, cursor=cursor)
    assert caught.value.parameter == "cursor"


def test_a_cursor_with_values_of_another_type_is_read_or_refused(variety: Database) -> None:
    listed(variety, sort="created_at", cursor=cursor_of(["created_at", 0.0, 0]))
    for cursor in (["name", 1, 1], ["name", "x\0", 1]):
        with pytest.raises(QueryError):
            listed(variety, sort="name", cursor=cursor_of(cursor))


def test_all_runs_ignores_pages(variety: Database) -> None:
    with variety.read() as session:
        query = RunQuery.parse([("limit", "2"), ("sort", "id"), ("depth", "1,2")], strict=True)
        assert [run.id for run in matches.all_runs(session, query)] == [1, 4, 6]
        assert matches.most_layers(session, query) == 2
        assert matches.most_layers(session, RunQuery.parse([("q", "nowhere")], strict=True)) == 0


@pytest.mark.parametrize("number", [2**31, 2**40, 2**63 - 1])
@pytest.mark.parametrize("name", ["id", "depth", "priority", "study_id", "study", "q"])
def test_a_number_beyond_a_columns_range_is_just_not_found(variety: Database, name: str, number: int) -> None:
    with variety.read() as session:
        query = RunQuery.parse([(name, str(number))], strict=True)
        assert matches.list_runs(session, query).total == 0
        assert session.get(Run, number) is None


@pytest.mark.parametrize("sort", ["id", "-id", "test_accuracy", "-test_accuracy", "name", "-activity"])
def test_neighbors_are_those_of_the_list(variety: Database, sort: str) -> None:
    query = RunQuery(sort=sort, archived="all")
    with variety.read() as session:
        order = [run.id for run in matches.all_runs(session, query)]
        found = {run_id: matches.neighbors(session, query, run_id) for run_id in order}
    beside = {run_id: tuple(each and each.id for each in neighbors) for run_id, neighbors in found.items()}
    around = [None, *order, None]
    assert beside == {run_id: (around[place], around[place + 2]) for place, run_id in enumerate(order)}


def test_a_run_outside_the_list_has_neighbors_in_it(variety: Database) -> None:
    query = RunQuery.parse([("depth", "4"), ("sort", "id")], strict=True)
    with variety.read() as session:
        before, after = matches.neighbors(session, query, 1)
    assert before is None
    assert after is not None
    assert (after.id, after.name) == (7, "Größe")
