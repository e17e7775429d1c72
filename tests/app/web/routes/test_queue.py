"""The queue for programs: its contents, pause and moves."""

from typing import Any

import httpx
import pytest

from app.web import events
from tests.app.conftest import Served
from tests.app.states import claimed, queue_run, take
from tests.app.web.asking import created, places, post, problem


def test_the_queue_shows_what_runs_and_what_waits_in_order(site: Served) -> None:
    first, second = queue_run(site.database), queue_run(site.database)
    created(site.client, priority=5)
    take(site.database)
    found = site.client.get("/queue").json()
    assert [run["id"] for run in found["running"]] == [3]
    assert [run["id"] for run in found["queued"]] == [first, second]
    assert (found["paused"], found["since"], found["waiting"]) == (False, None, 2)


def test_pause_and_resume(site: Served) -> None:
    queue_run(site.database)
    paused = site.client.post("/queue/pause").json()
    assert paused == site.client.post("/queue/pause").json()
    assert site.client.get("/queue").json()["since"] == paused["since"] != None  # noqa: E711  # a chain
    assert take(site.database) is None
    assert site.client.post("/queue/resume").json() == {"paused": False, "since": None}
    assert take(site.database) is not None


def test_a_pause_and_its_end_are_events_of_every_stream(site: Served) -> None:
    run_id = queue_run(site.database)
    site.client.post("/queue/pause")
    with site.database.read() as session:
        before, seen = events.read_after(session, 1, run_id)
    site.client.post("/queue/resume")
    with site.database.read() as session:
        after, _ = events.read_after(session, seen)
    assert [(event.id, event.kind) for event in before + after] == [(2, "queue"), (3, "queue")]
    assert after[0].data == '{"paused":false,"since":null}'


def test_a_run_is_moved_and_the_response_says_where_it_is(site: Served) -> None:
    for priority in (3, 0, 0):
        created(site.client, priority=priority)
    assert post(site.client, "/queue/move", id=3, to="top").json() == {
        "moved": [{"id": 3, "position": 1, "priority": 3, "priority_before": 0}],
        "skipped": [],
        "waiting": 3,
    }
    assert post(site.client, "/queue/move", ids=[1, 9], to=3).json()["skipped"] == [
        {"id": 9, "reason": "there is no run 9"}
    ]
    assert [run["id"] for run in site.client.get("/queue").json()["queued"]] == [3, 2, 1]


def test_a_run_that_is_unknown_or_not_queued_is_not_moved(site: Served) -> None:
    run_id = queue_run(site.database)
    claimed(site.database)
    problem(post(site.client, "/queue/move", id=9, to="top"), 404)
    assert "is running" in problem(post(site.client, "/queue/move", id=run_id, to="top"), 409)["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"id": 1}, "to"),
        ({"id": 1, "to": 0}, "to"),
        ({"id": 1, "to": "2"}, "to"),
        ({"id": 1, "to": 2.0}, "to"),
        ({"id": 1, "to": True}, "to"),
        ({"id": "1", "to": "top"}, "id"),
        ({"id": 1, "to": "top", "by": 2}, "by"),
        ({"ids": [], "to": "top"}, "ids"),
    ],
)
def test_a_malformed_move_names_the_field(client: httpx.Client, body: dict[str, Any], field: str) -> None:
    assert places(post(client, "/queue/move", **body))[0][0] == field


def test_a_move_needs_one_of_id_and_ids(client: httpx.Client) -> None:
    for body in ({"to": "top"}, {"id": 1, "ids": [1], "to": "top"}):
        assert "either `id` or `ids`" in problem(client.post("/queue/move", json=body), 422)["detail"]
