"""Work on many runs: in portions, in few statements, and accounted for when it ends early."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, select

from app.queue import actions, admission, run_rows
from app.runs import bulk, studies
from app.runs.retrain import Again, train_again
from app.schemas.bodies import Labels
from app.schemas.studies import StudyRequest
from app.storage.database import Database
from app.storage.tables import Run
from app.web.events import read_after
from tests.app.conftest import Served
from tests.app.states import ROOM, finished_run, queue_run
from trainer.config import TrainConfig

MANY = 120


def queued(database: Database, count: int) -> list[int]:
    """The ids of so many new runs that wait."""
    with database.write() as session:
        return admission.enqueue_all(
            session, [(TrainConfig(depth=1, seed=seed), Labels(), None) for seed in range(count)], limit=ROOM
        )


@contextmanager
def transactions(database: Database) -> Iterator[list[int]]:
    """How many statements each writing transaction of the block takes."""
    counts: list[int] = []
    engine, _ = database.engines

    def executed(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("BEGIN"):
            counts.append(0)
        else:
            counts[-1] += 1

    event.listen(engine, "before_cursor_execute", executed)
    try:
        yield counts
    finally:
        event.remove(engine, "before_cursor_execute", executed)


ACTIONS: list[tuple[str, Callable[[Session, list[int]], object]]] = [
    ("cancel", actions.cancel_all),
    ("delete", actions.remove_all),
    ("archive", lambda session, ids: actions.edit_all(session, {each: {"archived": True} for each in ids})),
    ("train again", lambda session, ids: train_again(session, Again(run_ids=ids, study_id=None), limit=ROOM)),
    ("cancel a study", lambda session, _: studies.cancel_study(session, 1)),
    (
        "create a study",
        lambda session, ids: studies.create_study(
            session, StudyRequest.model_validate({"depth": 2, "seed": list(range(len(ids)))}), limit=ROOM
        ),
    ),
]


@pytest.mark.parametrize(("what", "action"), ACTIONS)
def test_the_number_of_statements_does_not_grow_with_the_runs(
    database: Database, what: str, action: Callable[[Session, list[int]], object]
) -> None:
    taken = []
    for count in (3, MANY):
        with database.write() as session:
            request = StudyRequest.model_validate({"depth": 1, "seed": list(range(count))})
            ids = studies.create_study(session, request, limit=ROOM).runs
        if what == "train again":
            with database.write() as session:
                for run_id in ids:
                    run_rows.get(session, run_id).status = "finished"
        with transactions(database) as counts, database.write() as session:
            action(session, ids)
        taken.append(sum(counts))
    assert taken[1] <= taken[0] + 3, what


@pytest.mark.parametrize("action", ["cancel", "archive"])
def test_each_run_of_a_bulk_action_has_a_separate_change_number(site: Served, action: str) -> None:
    """Or the event stream, which reads changes in chunks, would leave runs out."""
    ids = queued(site.database, MANY)
    with site.database.read() as session:
        _, seen = read_after(session, 0)
    answer = site.client.post("/runs/bulk", json={"ids": ids, "action": action})
    assert answer.json()["done"] == ids
    with site.database.read() as session:
        events, _ = read_after(session, seen)
    assert [event.run_id for event in events] == ids
    assert len({event.id for event in events}) == MANY


def test_a_portion_ends_when_its_time_has_passed(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = queued(site.database, MANY)
    monkeypatch.setattr(bulk, "PORTION_SECONDS", 0.0)
    monkeypatch.setattr(bulk, "REST_SECONDS", 0.0)
    with transactions(site.app.state.database) as counts:
        answer = site.client.post("/runs/bulk", json={"ids": ids, "action": "cancel"})
    assert answer.json()["done"] == ids
    assert len(counts) >= MANY / bulk.STEP_RUNS


def test_runs_with_many_epochs_are_deleted_in_smaller_steps(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [finished_run(site.database, epochs=6) for _ in range(4)]
    monkeypatch.setattr(bulk, "PORTION_SECONDS", 0.0)
    monkeypatch.setattr(bulk, "STEP_EPOCHS", 5)
    with transactions(site.app.state.database) as counts:
        answer = site.client.post("/runs/bulk", json={"ids": ids, "action": "delete"})
    assert answer.json()["done"] == ids
    assert len(counts) == len(ids)


def test_other_writers_can_write_between_portions(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that waits gets the lock in the first rest, not after all portions."""
    ids = queued(site.database, MANY)
    left: list[int] = []
    monkeypatch.setattr(bulk, "PORTION_SECONDS", 0.0)

    def rest(_: float) -> None:
        with Database(site.database.url.render_as_string(), busy_seconds=0.1).write() as session:
            left.append(len(session.exec(select(Run.id)).all()))

    monkeypatch.setattr("app.runs.bulk.time.sleep", rest)
    site.client.post("/runs/bulk", json={"ids": ids, "action": "delete"})
    assert left == [MANY - done for done in range(bulk.STEP_RUNS, MANY, bulk.STEP_RUNS)]


def failing_at(portion: int, real: Callable[..., Any]) -> Callable[..., Any]:
    """The step of the queue, whose disk is full from this call on."""
    calls = 0

    def step(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls >= portion:
            raise OperationalError("UPDATE", {}, Exception("database or disk is full"))
        return real(*arguments)

    return step


def test_an_outage_in_the_middle_reports_the_remaining_runs(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = queued(site.database, MANY)
    monkeypatch.setattr(bulk, "PORTION_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(actions, "remove_all", failing_at(3, actions.remove_all))
        answer = site.client.post("/runs/bulk", json={"ids": [*ids, 10**6], "action": "delete"})
    assert answer.status_code == 200
    found = answer.json()
    assert found["done"] == ids[: 2 * bulk.STEP_RUNS]
    assert found["remaining"] == [*ids[2 * bulk.STEP_RUNS :], 10**6]
    assert "disk is full" in found["stopped"]
    assert site.client.get("/runs?archived=all").json()["total"] == MANY - 2 * bulk.STEP_RUNS
    again = site.client.post("/runs/bulk", json={"ids": [*ids, 10**6], "action": "delete"}).json()
    assert again["done"] == found["remaining"][:-1]
    assert {skip["reason"] for skip in again["skipped"]} == {
        f"there is no run {run_id}" for run_id in [*found["done"], 10**6]
    }
    assert (again["remaining"], again["stopped"]) == ([], None)


def test_an_outage_before_the_first_portion_is_an_error(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = queued(site.database, 2)
    monkeypatch.setattr(actions, "cancel_all", failing_at(1, actions.cancel_all))
    answer = site.client.post("/runs/bulk", json={"ids": ids, "action": "cancel"})
    assert answer.status_code == 503
    assert "Nothing was changed" in answer.json()["detail"]


def test_a_bulk_action_of_a_stopping_server_reports_the_remaining_runs(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = queued(site.database, MANY)
    monkeypatch.setattr(bulk, "PORTION_SECONDS", 0.0)
    site.app.state.events.closing = True
    found = site.client.post("/runs/bulk", json={"ids": ids, "action": "archive"}).json()
    assert found["done"] == ids[: bulk.STEP_RUNS]
    assert found["remaining"] == ids[bulk.STEP_RUNS :]
    assert found["stopped"] == "the server is stopping"


def test_the_notice_counts_unprocessed_runs(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = queued(site.database, MANY)
    monkeypatch.setattr(bulk, "PORTION_SECONDS", 0.0)
    monkeypatch.setattr(actions, "cancel_all", failing_at(2, actions.cancel_all))
    form = {"ids": ", ".join(map(str, ids)), "action": "cancel"}
    page = site.client.post("/runs/bulk", data=form, follow_redirects=True, headers={"Accept": "text/html"})
    assert f"Not processed: {MANY - bulk.STEP_RUNS} runs" in page.text
    assert "disk is full" in page.text


def test_a_bulk_retry_of_a_queued_and_an_unknown_run_skips_both(site: Served) -> None:
    run_id = queue_run(site.database)
    answer = site.client.post("/runs/bulk", json={"ids": [run_id, 77], "action": "retry"}).json()
    assert [skip["id"] for skip in answer["skipped"]] == [run_id, 77]
    assert "only a failed or cancelled run" in answer["skipped"][0]["reason"]


def test_a_filter_selects_the_runs(site: Served) -> None:
    ids = queued(site.database, 4)
    tagged = {"action": "tag", "tag": "few"}
    answer = site.client.post("/runs/bulk", json={"filter": "seed=>=2&limit=1", "expected": 2, **tagged})
    assert sorted(answer.json()["done"]) == ids[2:]
    assert site.client.get("/runs?tag=few").json()["total"] == 2
    unexpected = site.client.post("/runs/bulk", json={"filter": "?q=-tag:few", "expected": 3, **tagged})
    assert unexpected.status_code == 409
    assert "the filter matches 2 runs, not 3; nothing was changed" in unexpected.json()["detail"].replace(
        "The", "the"
    )
    assert site.client.post("/runs/bulk", json={"filter": "archived=all", "action": "archive"}).json()["done"]
    assert site.client.get("/runs?archived=true").json()["total"] == 4


@pytest.mark.parametrize(
    ("body", "place", "words"),
    [
        ({"filter": ""}, ["filter"], "archived=all for all runs"),
        ({"filter": "sort=-id&limit=5"}, ["filter"], "it has no filter"),
        ({"filter": "lr=fast"}, ["filter"], "lr: 'fast' is not a number"),
        ({"filter": "hue=1"}, ["filter"], "hue: unknown parameter"),
        ({"filter": "depth=1", "ids": [1]}, [], "either `ids` or `filter`"),
        ({}, [], "either `ids` or `filter`"),
        ({"ids": [1], "expected": 1}, [], "`expected` is allowed only with `filter`"),
    ],
)
def test_a_filter_has_to_select(site: Served, body: dict[str, Any], place: list[str], words: str) -> None:
    (run_id,) = queued(site.database, 1)
    answer = site.client.post("/runs/bulk", json={"action": "archive", **body})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["loc"] == place
    assert words in error["msg"]
    assert site.client.get(f"/runs/{run_id}").json()["archived"] is False
