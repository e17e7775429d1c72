"""Requests that queue runs: once per key, and within the limit of the queue."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlmodel import col, select, update

from app.queue import idempotency
from app.settings import Settings
from app.storage.tables import IdempotencyKey
from tests.app.conftest import Served, answering, contents
from tests.app.states import queue_run
from tests.app.web.asking import created, places, post, problem
from tests.backends import on_both
from tests.waiting import eventually


@on_both
def test_the_same_key_creates_one_run(site: Served) -> None:
    headers = {"Idempotency-Key": "once"}
    first = site.client.post("/runs", json={"depth": 2}, headers=headers)
    again = site.client.post("/runs", json={"seed": 0, "depth": 2}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.headers["location"] == again.headers["location"]
    assert site.client.get("/runs").json()["total"] == 1


@pytest.mark.parametrize(("path", "body"), [("/studies", {"depth": 2}), ("/studies/1/runs", {"seeds": 2})])
def test_a_repeated_request_for_a_study_gets_its_first_response(
    site: Served, path: str, body: dict[str, Any]
) -> None:
    post(site.client, "/studies", depth=1)
    headers = {"Idempotency-Key": "once"}
    first = site.client.post(path, json=body, headers=headers)
    assert first.status_code == 201
    ids = [run["id"] for run in site.client.get("/runs").json()["runs"]]
    assert post(site.client, "/runs/bulk", ids=ids, action="delete").json()["done"] == ids
    again = site.client.post(path, json=body, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert site.client.get("/runs").json()["total"] == 0


@on_both
@pytest.mark.parametrize("how", ["alone", "in bulk"])
def test_deleting_a_run_erases_its_text_and_its_key_returns_410(site: Served, how: str) -> None:
    def ask() -> httpx.Response:
        body = {"depth": 2, "name": "a secret name", "note": "a secret note", "tags": ["a secret tag"]}
        return site.client.post("/runs", json=body, headers={"Idempotency-Key": "once"})

    run_id = ask().json()["id"]
    other = created(site.client, depth=1)
    if how == "alone":
        assert site.client.delete(f"/runs/{run_id}").status_code == 204
    else:
        assert post(site.client, "/runs/bulk", ids=[run_id], action="delete").json()["done"] == [run_id]
    assert "secret" not in str(contents(site.database))
    for _ in range(2):
        detail = problem(ask(), 410)["detail"]
        assert f"created /runs/{run_id}, which was deleted; nothing was created" in detail
        assert "use a new key" in detail
    assert [run["id"] for run in site.client.get("/runs").json()["runs"]] == [other["id"]]


def test_deleting_a_run_keeps_the_key_of_a_study_with_the_same_id(client: httpx.Client) -> None:
    first = client.post("/studies", json={"depth": 2}, headers={"Idempotency-Key": "once"})
    assert client.delete(f"/runs/{first.json()['id']}").status_code == 204
    again = client.post("/studies", json={"depth": 2}, headers={"Idempotency-Key": "once"})
    assert again.content == first.content


@on_both
def test_a_key_in_flight_is_a_conflict_that_passes(site: Served) -> None:
    def ask(client: httpx.Client) -> httpx.Response:
        return client.post("/runs", json={"depth": 2}, headers={"Idempotency-Key": "once"})

    with site.database.write() as session, ThreadPoolExecutor(1) as threads:
        session.connection()  # the first request waits for its turn to write
        first = threads.submit(ask, site.client)
        with site.another_client() as other:
            eventually(lambda: site.app.state.keys.in_flight)
            answer = ask(other)
        assert "still being processed; retry in a moment" in problem(answer, 409)["detail"]
        assert answer.headers["retry-after"] == "1"
        session.rollback()
        assert first.result().status_code == 201
    assert ask(site.client).json() == first.result().json()
    assert site.client.get("/runs").json()["total"] == 1


@on_both
def test_a_key_is_forgotten_after_a_week(site: Served) -> None:
    first = site.client.post("/runs", json={"depth": 2}, headers={"Idempotency-Key": "once"})
    with site.database.write() as session:
        session.execute(
            update(IdempotencyKey).values(created_at=col(IdempotencyKey.created_at) - 7 * 24 * 3600 - 1)
        )
    another = site.client.post("/runs", json={"depth": 2}, headers={"Idempotency-Key": "another"})
    again = site.client.post("/runs", json={"depth": 2}, headers={"Idempotency-Key": "once"})
    assert [another.json()["id"], again.json()["id"]] == [first.json()["id"] + 1, first.json()["id"] + 2]


@on_both
def test_old_keys_are_removed_in_the_background_and_others_stay(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(key: str) -> None:
        site.client.post("/runs", json={"depth": 2}, headers={"Idempotency-Key": key})

    for number in range(5):
        ask(f"old {number}")
    with site.database.write() as session:
        session.execute(
            update(IdempotencyKey).values(created_at=col(IdempotencyKey.created_at) - 7 * 24 * 3600 - 1)
        )
    ask("new")
    monkeypatch.setattr(idempotency, "FORGOTTEN_AT_ONCE", 2)
    idempotency.forget_old(site.database)
    with site.database.read() as session:
        assert session.exec(select(IdempotencyKey.key)).all() == ["new"]


def test_a_key_belongs_to_its_body_and_its_route(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "once"}
    client.post("/runs", json={"depth": 2}, headers=headers)
    other = client.post("/runs", json={"depth": 3}, headers=headers)
    assert "already used with a different body" in problem(other, 422)["detail"]
    study = client.post("/studies", json={"depth": 2}, headers=headers)
    assert study.status_code == 201
    again = client.post("/studies", json={"depth": 2}, headers=headers)
    assert again.json()["id"] == study.json()["id"]
    assert client.get("/runs").json()["total"] == 2


def test_a_refused_request_does_not_use_up_its_key(site: Served) -> None:
    headers = {"Idempotency-Key": "once"}
    problem(site.client.post("/runs", json={"depth": 9}, headers=headers), 422)
    assert site.client.post("/runs", json={"depth": 3}, headers=headers).status_code == 201
    with site.database.read() as session:
        assert len(session.exec(select(IdempotencyKey)).all()) == 1


def test_a_key_has_a_length(unchanged: httpx.Client) -> None:
    for key in ("", "x" * 256):
        answer = unchanged.post("/runs", json={"depth": 1}, headers={"Idempotency-Key": key})
        assert places(answer) == [["Idempotency-Key"]]


@pytest.fixture
def nearly_full(settings: Settings) -> Iterator[Served]:
    """A server whose queue has room for one more run."""
    with answering(settings.model_copy(update={"queue_limit": 3})) as site:
        for seed in range(2):
            queue_run(site.database, seed=seed)
        yield site


@on_both
@pytest.mark.parametrize(
    ("path", "body"),
    [("/runs", {"depth": 1}), ("/studies", {"depth": [1, 2]}), ("/studies/1/runs", {"seeds": 2})],
)
def test_a_request_above_the_queue_limit_creates_nothing(
    nearly_full: Served, path: str, body: dict[str, Any]
) -> None:
    client = nearly_full.client
    assert post(client, "/studies", depth=3).status_code == 201
    before = contents(nearly_full.database)
    answer = client.post(path, json=body, headers={"Idempotency-Key": "once"})
    detail = problem(answer, 429)["detail"]
    assert "runs; the limit is 3 (DEPTHBOARD_QUEUE_LIMIT)" in detail
    assert 1 <= int(answer.headers["retry-after"]) <= 3600
    assert contents(nearly_full.database) == before
    assert post(client, "/runs/1/cancel").status_code == 200
    assert post(client, "/runs/2/cancel").status_code == 200
    assert client.post(path, json=body, headers={"Idempotency-Key": "once"}).status_code == 201


def test_a_retry_checks_the_queue_limit(nearly_full: Served) -> None:
    client = nearly_full.client
    ids = [created(client, depth=1)["id"], 1, 2]
    for run_id in ids:
        client.post(f"/runs/{run_id}/cancel")
    for seed in range(2):
        queue_run(nearly_full.database, seed=seed)
    answer = post(client, "/runs/bulk", ids=ids, action="retry").json()
    assert answer["done"] == ids[:1]
    assert [skip["id"] for skip in answer["skipped"]] == ids[1:]
    assert "the queue would hold 4 runs; the limit is 3" in answer["skipped"][0]["reason"]
    problem(client.post("/runs/1/retry"), 429)
    assert client.get("/runs/1").json()["status"] == "cancelled"
