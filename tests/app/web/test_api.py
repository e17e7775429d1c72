"""The JSON contract over HTTP."""

import csv
import io
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel, col, func, select, update

from app import __version__
from app.main import ROUTES
from app.queue import idempotency, run_queue
from app.runs import bulk, run_list
from app.runs.run_list import PARAMETERS
from app.settings import Settings
from app.storage import artifacts
from app.storage.artifacts import Checkpoint
from app.storage.tables import IdempotencyKey, Run, Study
from tests.app.conftest import Served, contents, serving
from tests.app.states import (
    add_worker,
    claimed,
    failed_run,
    figures,
    finished_run,
    queue_run,
    record,
    take,
)
from tests.waiting import eventually
from trainer import durable

BACKENDS = ("sqlite", "postgresql")

HUGE = "99999999999999999999"


def post(client: httpx.Client, path: str, **body: Any) -> httpx.Response:
    return client.post(path, json=body)


def created(client: httpx.Client, **body: Any) -> dict[str, Any]:
    """A new run as JSON."""
    answer = post(client, "/runs", **{"depth": 1, **body})
    assert answer.status_code == 201, answer.text
    run: dict[str, Any] = answer.json()
    return run


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The error that an answer holds, which must have the right shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found.keys() == {"type", "title", "status", "detail", "errors"}
    assert found["status"] == status
    assert found["detail"]
    assert all(each.keys() == {"loc", "msg"} for each in found["errors"])
    return found


def places(answer: httpx.Response) -> list[list[Any]]:
    """Where a request breaks the contract."""
    return [each["loc"] for each in problem(answer, 422)["errors"]]


# Creating runs


def test_a_run_is_created_with_the_references_defaults(client: httpx.Client) -> None:
    answer = post(client, "/runs", depth=3)
    assert answer.status_code == 201
    assert answer.headers["location"] == "/runs/1"
    run = answer.json()
    times = {run.pop("created_at")}
    assert run == {
        "id": 1,
        "version": 1,
        "name": "3 layers, seed 0",
        "status": "queued",
        "reason": "no live worker",
        "cancel_requested": False,
        "study_id": None,
        "depth": 3,
        "epochs": 200,
        "lr": 0.05,
        "batch_size": 1024,
        "seed": 0,
        "width": 512,
        "optimizer": "sgd",
        "momentum": 0.0,
        "weight_decay": 0.0,
        "dropout": 0.0,
        "schedule": "constant",
        "patience": 0,
        "precision": "fp32",
        "device": "auto",
        "dataset": "mnist",
        "priority": 0,
        "layer_sizes": [784, 512, 256, 10],
        "parameters": 535818,
        "updates_per_epoch": 59,
        "flops_per_epoch": 144_445_440_000,
        "device_used": None,
        "data_version": None,
        "data_warnings": [],
        "epochs_done": 0,
        "eta_seconds": None,
        "attempt": 0,
        "crashes": 0,
        "worker_losses": 0,
        "started_at": None,
        "finished_at": None,
        "train_seconds": None,
        "train_loss": None,
        "test_loss": None,
        "train_accuracy": None,
        "test_accuracy": None,
        "chance_accuracy": 0.1135,
        "guessing": None,
        "tags": [],
        "note": "",
        "archived": False,
    }
    assert all(time.endswith("Z") and "T" in time for time in times)


def test_a_created_run_is_read_at_its_location(client: httpx.Client) -> None:
    body = {
        "depth": 5,
        "epochs": 7,
        "lr": 0.1,
        "batch_size": 60_000,
        "seed": 2**32 - 1,
        "device": "cpu",
        "dataset": "mnist",
        "priority": -3,
        "name": "Über <b>",
        "tags": ["a", "b c"],
        "note": "line one\nline two",
    }
    answer = client.post("/runs", json=body)
    read = client.get(answer.headers["location"]).json()
    assert {name: read[name] for name in body} == body
    assert answer.json().items() <= read.items()


def test_a_whole_number_is_a_learning_rate_too(client: httpx.Client) -> None:
    assert created(client, lr=1)["lr"] == 1


BAD_FIELDS: list[tuple[str, Any, str]] = [
    ("depth", 0, "greater than or equal to 1, got 0"),
    ("depth", 1000, "less than or equal to 10, got 1000"),
    ("depth", "3", "valid integer, got '3'"),
    ("depth", True, "valid integer, got True"),
    ("depth", 3.0, "valid integer, got 3.0"),
    ("depth", 2.5, "valid integer, got 2.5"),
    ("depth", None, "valid integer"),
    ("depth", [1, 2], "valid integer"),
    ("depth", {"a": 1}, "valid integer"),
    ("depth", 10**400, "less than or equal to 10"),
    ("depth", float("nan"), "got nan"),
    ("epochs", 0, "greater than or equal to 1, got 0"),
    ("epochs", 1_000_000_000, "less than or equal to 10000, got 1000000000"),
    ("epochs", 1e9, "valid integer"),
    ("lr", float("nan"), "finite number, got nan"),
    ("lr", float("inf"), "finite number, got inf"),
    ("lr", float("-inf"), "finite number, got -inf"),
    ("lr", -0.1, "greater than 0, got -0.1"),
    ("lr", 0, "greater than 0, got 0"),
    ("lr", 101, "less than or equal to 100, got 101"),
    ("lr", "abc", "valid number, got 'abc'"),
    ("lr", True, "valid number, got True"),
    ("batch_size", 0, "greater than or equal to 1, got 0"),
    ("batch_size", 70_000, "less than or equal to 60000, got 70000"),
    ("seed", -1, "greater than or equal to 0, got -1"),
    ("seed", 2**32, "less than or equal to 4294967295"),
    ("device", "tpu", "'auto', 'cpu', 'cuda' or 'mps', got 'tpu'"),
    ("device", "", "'auto', 'cpu', 'cuda' or 'mps', got ''"),
    ("device", 1, "'auto', 'cpu', 'cuda' or 'mps', got 1"),
    (
        "dataset",
        "cifar",
        "no complete data set 'cifar' here, only mnist; to add it, put its four IDX files",
    ),
    ("dataset", "../etc", "should be the name of a data set's folder"),
    ("priority", 1001, "less than or equal to 1000"),
    ("name", "x" * 101, "at most 100 characters"),
    ("name", "", "at least 1 character"),
    ("name", "a\0b", "control character U+0000"),
    ("name", "a\nb", "one line"),
    ("name", "\ud800", "valid"),
    ("note", "\ud800", "valid"),
    ("note", "x" * 10_001, "at most 10000 characters"),
    ("learning_rate", 0.1, "unknown field"),
    ("Depth", 1, "unknown field"),
    ("id", 1, "unknown field"),
    ("", 1, "unknown field"),
]


def test_a_bad_field_is_named_with_what_was_expected_and_nothing_is_created(unchanged: httpx.Client) -> None:
    for field, value, message in BAD_FIELDS:
        body = json.dumps({"depth": 1, field: value})
        for path in ("/runs", "/studies", "/studies/preview"):
            if path != "/runs" and isinstance(value, list):
                continue  # a study may have several
            answer = unchanged.post(path, content=body, headers={"Content-Type": "application/json"})
            errors = problem(answer, 422)["errors"]
            if path == "/runs":
                assert [each["loc"] for each in errors] == [[field]], body
                assert message in errors[0]["msg"], body
            else:
                assert errors[0]["loc"][0] == field, body


def test_bad_tags_are_named_by_their_place(unchanged: httpx.Client) -> None:
    for tags, loc in (
        (["ok", "x" * 51], ["tags", 1]),
        (["a,b"], ["tags", 0]),
        ([3], ["tags", 0]),
        ("a", ["tags"]),
        ([str(number) for number in range(21)], ["tags"]),
    ):
        assert places(post(unchanged, "/runs", depth=1, tags=tags)) == [loc]


def test_every_bad_field_is_reported_at_once(unchanged: httpx.Client) -> None:
    answer = post(unchanged, "/runs", depth=0, epochs=0, lr="abc", colour="red")
    assert places(answer) == [["depth"], ["epochs"], ["lr"], ["colour"]]
    assert "depth: should be greater than or equal to 1, got 0." in answer.json()["detail"]


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"null", 422),
        (b"[]", 422),
        (b"3", 422),
        (b'"depth"', 422),
        (b'{"depth": 1', 400),
        (b"depth=1", 400),
        (b'{"depth": 1} x', 400),
        (b"{'depth': 1}", 400),
        (b'{"depth": 1, "depth": 2}', 400),
        (b'{"depth": 1, "tags": [{"a": 1, "a": 2}]}', 400),
        (b'{"depth": 1, "\\ud800": 2, "\\ud800": 3}', 400),
        (b'{"depth": 1, "\\ud800": 2}', 422),
        (b'{"depth": 1, "note": "\\ud800"}', 422),
        (b'{"depth": 0x1}', 400),
        (b'{"depth": 01}', 400),
        (b'{"depth": 1, "name": "\xff"}', 400),
        (b'{"depth": 1, "name": "a\nb"}', 400),
        (b"\xff\xfe{\x00}\x00", 400),
        (b'\xef\xbb\xbf{"depth": 1}', 400),
        (b'{"depth": %s}' % (b"9" * 5000), 400),
        (DEEP.encode(), 400),
        (b'{"depth": 1, "note": %s}' % DEEP.encode(), 400),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400),
        (b'{"depth": 1, "note": "%s"}' % (b"x" * 1_000_001), 413),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(unchanged: httpx.Client, body: bytes, status: int) -> None:
    for path in ("/runs", "/studies", "/studies/preview", "/runs/bulk"):
        answer = unchanged.post(path, content=body, headers={"Content-Type": "application/json"})
        problem(answer, status)


@pytest.mark.parametrize("media_type", ["text/plain", "application/jsonx", "json", "", None])
def test_a_body_that_does_not_say_it_is_json_is_refused(
    unchanged: httpx.Client, media_type: str | None
) -> None:
    headers = {} if media_type is None else {"Content-Type": media_type}
    answer = unchanged.post("/runs", content=b'{"depth": 1}', headers=headers)
    assert "application/json" in problem(answer, 415)["detail"]


def test_json_may_say_its_character_set(client: httpx.Client) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert client.post("/runs", content=b'{"depth": 1}', headers=headers).status_code == 201


# Sending twice


def test_the_same_key_creates_one_run(server: Served) -> None:
    headers = {"Idempotency-Key": "once"}
    first = server.client.post("/runs", json={"depth": 2}, headers=headers)
    again = server.client.post("/runs", json={"seed": 0, "depth": 2}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.headers["location"] == again.headers["location"]
    assert server.client.get("/runs").json()["total"] == 1


@pytest.mark.parametrize(("path", "body"), [("/studies", {"depth": 2}), ("/studies/1/runs", {"seeds": 2})])
def test_a_repeated_request_for_a_study_gets_its_first_answer_whatever_became_of_the_runs(
    server: Served, path: str, body: dict[str, Any]
) -> None:
    post(server.client, "/studies", depth=1)
    headers = {"Idempotency-Key": "once"}
    first = server.client.post(path, json=body, headers=headers)
    assert first.status_code == 201
    ids = [run["id"] for run in server.client.get("/runs").json()["runs"]]
    assert post(server.client, "/runs/bulk", ids=ids, action="delete").json()["done"] == ids
    again = server.client.post(path, json=body, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert server.client.get("/runs").json()["total"] == 0


@pytest.mark.parametrize("how", ["alone", "in bulk"])
def test_a_deleted_run_leaves_no_word_in_the_database_and_its_key_says_that_it_is_gone(
    server: Served, how: str
) -> None:
    def ask() -> httpx.Response:
        body = {"depth": 2, "name": "a secret name", "note": "a secret note", "tags": ["a secret tag"]}
        return server.client.post("/runs", json=body, headers={"Idempotency-Key": "once"})

    run_id = ask().json()["id"]
    other = created(server.client, depth=1)
    if how == "alone":
        assert server.client.delete(f"/runs/{run_id}").status_code == 204
    else:
        assert post(server.client, "/runs/bulk", ids=[run_id], action="delete").json()["done"] == [run_id]
    assert "secret" not in str(contents(server.database))
    for _ in range(2):
        detail = problem(ask(), 410)["detail"]
        assert f"created /runs/{run_id}, which was deleted; nothing was created now" in detail
        assert "use a new key" in detail
    assert [run["id"] for run in server.client.get("/runs").json()["runs"]] == [other["id"]]


def test_a_deleted_run_takes_no_study_of_the_same_number_along(client: httpx.Client) -> None:
    first = client.post("/studies", json={"depth": 2}, headers={"Idempotency-Key": "once"})
    assert client.delete(f"/runs/{first.json()['id']}").status_code == 204
    again = client.post("/studies", json={"depth": 2}, headers={"Idempotency-Key": "once"})
    assert again.content == first.content


def test_a_key_in_flight_is_a_conflict_that_passes(server: Served) -> None:
    def ask(client: httpx.Client) -> httpx.Response:
        return client.post("/runs", json={"depth": 2}, headers={"Idempotency-Key": "once"})

    with server.database.write() as session, ThreadPoolExecutor(1) as threads:
        session.connection()  # the first request waits for its turn to write
        first = threads.submit(ask, server.client)
        with httpx.Client(base_url=server.url) as other:
            eventually(lambda: server.app.state.keys.in_flight)
            answer = ask(other)
        assert "still being handled; repeat it in a moment" in problem(answer, 409)["detail"]
        assert answer.headers["retry-after"] == "1"
        session.rollback()
        assert first.result().status_code == 201
    assert ask(server.client).json() == first.result().json()
    assert server.client.get("/runs").json()["total"] == 1


def test_a_key_is_forgotten_after_a_week(server: Served) -> None:
    first = server.client.post("/runs", json={"depth": 2}, headers={"Idempotency-Key": "once"})
    with server.database.write() as session:
        session.execute(
            update(IdempotencyKey).values(created_at=col(IdempotencyKey.created_at) - 7 * 24 * 3600 - 1)
        )
    another = server.client.post("/runs", json={"depth": 2}, headers={"Idempotency-Key": "another"})
    again = server.client.post("/runs", json={"depth": 2}, headers={"Idempotency-Key": "once"})
    assert [another.json()["id"], again.json()["id"]] == [first.json()["id"] + 1, first.json()["id"] + 2]


def test_old_keys_are_removed_in_the_background_and_others_stay(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(key: str) -> None:
        server.client.post("/runs", json={"depth": 2}, headers={"Idempotency-Key": key})

    for number in range(5):
        ask(f"old {number}")
    with server.database.write() as session:
        session.execute(
            update(IdempotencyKey).values(created_at=col(IdempotencyKey.created_at) - 7 * 24 * 3600 - 1)
        )
    ask("new")
    monkeypatch.setattr(idempotency, "FORGOTTEN_AT_ONCE", 2)
    idempotency.forget_old(server.database)
    with server.database.read() as session:
        assert session.exec(select(IdempotencyKey.key)).all() == ["new"]


def test_a_key_belongs_to_its_body_and_its_route(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "once"}
    client.post("/runs", json={"depth": 2}, headers=headers)
    other = client.post("/runs", json={"depth": 3}, headers=headers)
    assert "used before with another body" in problem(other, 422)["detail"]
    study = client.post("/studies", json={"depth": 2}, headers=headers)
    assert study.status_code == 201
    again = client.post("/studies", json={"depth": 2}, headers=headers)
    assert again.json()["id"] == study.json()["id"]
    assert client.get("/runs").json()["total"] == 2


def test_a_refused_request_does_not_use_up_its_key(server: Served) -> None:
    headers = {"Idempotency-Key": "once"}
    problem(server.client.post("/runs", json={"depth": 9}, headers=headers), 422)
    assert server.client.post("/runs", json={"depth": 3}, headers=headers).status_code == 201
    with server.database.read() as session:
        assert len(session.exec(select(IdempotencyKey)).all()) == 1


def test_a_key_has_a_length(unchanged: httpx.Client) -> None:
    for key in ("", "x" * 256):
        answer = unchanged.post("/runs", json={"depth": 1}, headers={"Idempotency-Key": key})
        assert places(answer) == [["Idempotency-Key"]]


# A full queue


@pytest.fixture
def nearly_full(settings: Settings) -> Iterator[Served]:
    """A server whose queue has room for one more run."""
    with serving(settings.model_copy(update={"queue_limit": 3})) as server:
        for seed in range(2):
            queue_run(server.database, seed=seed)
        yield server


@pytest.mark.parametrize(
    ("path", "body"),
    [("/runs", {"depth": 1}), ("/studies", {"depth": [1, 2]}), ("/studies/1/runs", {"seeds": 2})],
)
def test_what_would_overfill_the_queue_is_refused_as_a_whole(
    nearly_full: Served, path: str, body: dict[str, Any]
) -> None:
    client = nearly_full.client
    assert post(client, "/studies", depth=3).status_code == 201
    before = contents(nearly_full.database)
    answer = client.post(path, json=body, headers={"Idempotency-Key": "once"})
    detail = problem(answer, 429)["detail"]
    assert "runs would wait, and at most 3 may (DEPTHBOARD_QUEUE_LIMIT)" in detail
    assert 1 <= int(answer.headers["retry-after"]) <= 3600
    assert contents(nearly_full.database) == before
    assert post(client, "/runs/1/cancel").status_code == 200
    assert post(client, "/runs/2/cancel").status_code == 200
    assert client.post(path, json=body, headers={"Idempotency-Key": "once"}).status_code == 201


def test_a_retry_needs_room_too(nearly_full: Served) -> None:
    client = nearly_full.client
    ids = [created(client, depth=1)["id"], 1, 2]
    for run_id in ids:
        client.post(f"/runs/{run_id}/cancel")
    for seed in range(2):
        queue_run(nearly_full.database, seed=seed)
    answer = post(client, "/runs/bulk", ids=ids, action="retry").json()
    assert answer["done"] == ids[:1]
    assert [skip["id"] for skip in answer["skipped"]] == ids[1:]
    assert "4 runs would wait, and at most 3 may" in answer["skipped"][0]["reason"]
    problem(client.post("/runs/1/retry"), 429)
    assert client.get("/runs/1").json()["status"] == "cancelled"


# Reading runs


def test_the_list_of_runs_is_newest_first_and_counts_all(server: Served) -> None:
    for seed in range(3):
        queue_run(server.database, seed=seed)
    page = server.client.get("/runs", params={"limit": 2}).json()
    assert [run["id"] for run in page["runs"]] == [3, 2]
    assert page["total"] == 3
    rest = server.client.get("/runs", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert [run["id"] for run in rest["runs"]] == [1]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/runs?depth=x", "depth"),
        ("/runs?depth=--1", "depth"),
        (f"/runs?depth={'9' * 5000}", "depth"),
        ("/runs?status=done", "status"),
        ("/runs?lr=nan", "lr"),
        ("/runs?q=%00", "q"),
        ("/runs?limit=0", "limit"),
        ("/runs?limit=501", "limit"),
        ("/runs?sort=colour", "sort"),
        ("/runs?cursor=x", "cursor"),
        ("/runs?colour=red", "colour"),
        ("/runs?depth=1&depth=2", "depth"),
        ("/runs?%ED%A0%80=1", "\ufffd\ufffd\ufffd"),
        ("/runs.csv?colour=red", "colour"),
        ("/compare", "runs"),
        ("/compare?runs=1,x", "runs"),
        (f"/compare?runs={HUGE}", "runs"),
        ("/compare?study=x", "study"),
        ("/compare?runs=1&colour=red", "colour"),
        ("/compare.csv?runs=x", "runs"),
        ("/runs/x", "run_id"),
        ("/runs/0", "run_id"),
        ("/runs/-1", "run_id"),
        ("/runs/1.5", "run_id"),
        (f"/runs/{HUGE}", "run_id"),
        (f"/runs/{'9' * 5000}", "run_id"),
        (f"/runs/{HUGE}/epochs", "run_id"),
        (f"/runs/{HUGE}/events", "run_id"),
        (f"/studies/{HUGE}", "study_id"),
        ("/events?since=-1", "since"),
        ("/events?since=x", "since"),
    ],
)
def test_a_malformed_address_is_refused_by_name(unchanged: httpx.Client, path: str, name: str) -> None:
    assert places(unchanged.get(path)) == [[name]]


@pytest.mark.parametrize(
    "path",
    [
        "/runs/7",
        "/runs/7/epochs",
        "/runs/7/events",
        "/studies/7",
        "/compare?runs=7,8",
        "/compare?study=7",
        "/compare.csv?runs=7",
        "/nowhere",
        "/runs/7/nowhere",
    ],
)
def test_what_is_not_there_is_not_found(unchanged: httpx.Client, path: str) -> None:
    problem(unchanged.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/runs/7", {"note": "x"}),
        ("DELETE", "/runs/7", None),
        ("POST", "/runs/7/cancel", None),
        ("POST", "/runs/7/retry", None),
        ("POST", "/studies/7/runs", {"seeds": 1}),
        ("POST", "/studies/7/cancel", None),
    ],
)
def test_what_is_not_there_cannot_be_changed(
    unchanged: httpx.Client, method: str, path: str, body: dict[str, Any] | None
) -> None:
    problem(unchanged.request(method, path, json=body), 404)
    problem(unchanged.request(method, path.replace("7", HUGE), json=body), 422)


def test_another_method_is_not_allowed(unchanged: httpx.Client) -> None:
    answer = unchanged.put("/runs/1", json={})
    problem(answer, 405)
    assert "GET" in answer.headers["allow"]


def test_epochs_are_columns_of_one_length(server: Served) -> None:
    run_id = finished_run(server.database, epochs=5)
    columns = server.client.get(f"/runs/{run_id}/epochs").json()
    assert list(columns) == [
        "epoch",
        "train_loss",
        "last_batch_loss",
        "train_accuracy",
        "test_loss",
        "test_accuracy",
        "seconds",
        "gradient_norms",
        "dead_relu",
    ]
    for name, column in columns.items():
        assert column == [figures(epoch)[name] for epoch in range(1, 6)]
    waiting = queue_run(server.database)
    assert server.client.get(f"/runs/{waiting}/epochs").json() == {name: [] for name in columns}


def test_a_run_tells_how_it_goes(server: Served) -> None:
    add_worker(server.database)
    run_id = queue_run(server.database, epochs=4)
    claim = claimed(server.database)
    run = server.client.get(f"/runs/{run_id}").json()
    assert (run["status"], run["worker_id"]) == ("running", "w")
    assert run["eta_seconds"] > 0  # from the arithmetic, until it has an epoch
    assert run["heartbeat_age_seconds"] >= 0
    record(server.database, claim, 1, 2)
    run = server.client.get(f"/runs/{run_id}").json()
    assert run["epochs_done"] == 2
    assert run["eta_seconds"] >= 0
    assert run["test_accuracy"] == figures(2)["test_accuracy"]


def test_a_queued_run_says_what_it_waits_for(server: Served) -> None:
    auto, cuda = queue_run(server.database), queue_run(server.database, device="cuda")

    def reasons() -> list[str | None]:
        return [server.client.get(f"/runs/{run_id}").json()["reason"] for run_id in (auto, cuda)]

    assert reasons() == ["no live worker", "no live worker"]
    add_worker(server.database)
    assert reasons() == [None, "no live worker has cuda"]


def test_a_failed_run_tells_why(server: Served) -> None:
    run_id = failed_run(server.database)
    run = server.client.get(f"/runs/{run_id}").json()
    assert (run["status"], run["reason"], run["traceback"]) == ("failed", "it broke", "Traceback: it broke")


# Changing runs


def test_a_run_is_patched_in_part(client: httpx.Client) -> None:
    created(client, note="old", tags=["a"])
    answer = client.patch("/runs/1", json={"name": "new", "archived": True})
    assert answer.status_code == 200
    run = answer.json()
    assert (run["name"], run["archived"], run["note"], run["tags"], run["version"]) == (
        "new",
        True,
        "old",
        ["a"],
        2,
    )
    run = client.patch("/runs/1", json={"version": 2, "tags": [], "note": "", "priority": 9}).json()
    assert (run["tags"], run["note"], run["priority"], run["version"]) == ([], "", 9, 3)
    assert client.patch("/runs/1", json={"name": None}).json()["name"] == "1 layer, seed 0"


def test_a_stale_patch_is_a_conflict_and_changes_nothing(client: httpx.Client) -> None:
    created(client)
    client.patch("/runs/1", json={"note": "first"})
    answer = client.patch("/runs/1", json={"version": 1, "note": "second"})
    assert "version 2" in problem(answer, 409)["detail"]
    assert client.get("/runs/1").json()["note"] == "first"


def test_a_patch_that_breaks_the_contract_changes_nothing(client: httpx.Client) -> None:
    before = created(client)
    for body in (
        {"depth": 2},
        {"status": "finished"},
        {"tags": None},
        {"note": None},
        {"archived": None},
        {"archived": "true"},
        {"priority": None},
        {"name": "x" * 101},
        {"version": 0},
        {"version": "1"},
    ):
        assert places(client.patch("/runs/1", json=body)) == [[next(iter(body))]]
    assert before.items() <= client.get("/runs/1").json().items()


def test_a_run_is_cancelled_and_retried(client: httpx.Client) -> None:
    created(client)
    problem(client.post("/runs/1/retry"), 409)
    run = client.post("/runs/1/cancel").json()
    assert (run["status"], run["reason"]) == ("cancelled", "cancelled by user")
    problem(client.post("/runs/1/cancel"), 409)
    run = client.post("/runs/1/retry").json()
    assert (run["status"], run["reason"], run["finished_at"]) == ("queued", "no live worker", None)


def test_a_run_is_deleted_with_all_it_owns(server: Served) -> None:
    run_id = finished_run(server.database)
    assert post(server.client, "/studies", depth=1, epochs=3, reuse=True).json()["runs"] == [run_id]
    answer = server.client.delete(f"/runs/{run_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    problem(server.client.get(f"/runs/{run_id}"), 404)
    problem(server.client.get(f"/runs/{run_id}/epochs"), 404)
    with server.database.read() as session:
        owning = {
            table.name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in SQLModel.metadata.sorted_tables
            if "run_id" in table.columns or table.name == "run"
        }
    assert owning == {"attempt": 0, "deletion": 1, "epoch": 0, "run": 0, "study_run": 0}


@pytest.mark.parametrize("in_bulk", [False, True])
def test_a_deleted_run_takes_its_files_along(server: Served, settings: Settings, *, in_bulk: bool) -> None:
    for run_id in (finished_run(server.database), finished_run(server.database)):
        durable.write(artifacts.of_run(settings.artifacts, run_id).model(1), b"weights")
    if in_bulk:
        post(server.client, "/runs/bulk", ids=[1], action="delete")
    else:
        server.client.delete("/runs/1")
    assert not artifacts.of_run(settings.artifacts, 1).folder.exists()
    assert artifacts.of_run(settings.artifacts, 2).model(1).exists()


def test_a_run_that_may_not_be_deleted_keeps_its_files(server: Served, settings: Settings) -> None:
    run_id = queue_run(server.database)
    claimed(server.database)
    checkpoint = artifacts.of_run(settings.artifacts, run_id).path_of(Checkpoint(1, 1))
    durable.write(checkpoint, b"state")
    problem(server.client.delete(f"/runs/{run_id}"), 409)
    post(server.client, "/runs/bulk", ids=[run_id], action="delete")
    assert checkpoint.exists()


def test_the_weights_of_a_finished_run_are_downloaded_as_a_file(server: Served, settings: Settings) -> None:
    run_id = finished_run(server.database)
    durable.write(artifacts.of_run(settings.artifacts, run_id).model(1), b"weights")
    answer = server.client.get(f"/runs/{run_id}/model.safetensors")
    assert (answer.status_code, answer.content) == (200, b"weights")
    assert answer.headers["content-disposition"] == f'attachment; filename="run-{run_id}.safetensors"'


def test_a_run_without_weights_says_why(server: Served) -> None:
    finished = finished_run(server.database)
    waiting = queue_run(server.database)
    for run_id, why in ((finished, "not where this server looks"), (waiting, "it is queued")):
        assert why in problem(server.client.get(f"/runs/{run_id}/model.safetensors"), 404)["detail"]
    problem(server.client.get("/runs/77/model.safetensors"), 404)


def test_a_running_run_is_not_deleted(server: Served) -> None:
    run_id = queue_run(server.database)
    claimed(server.database)
    problem(server.client.delete(f"/runs/{run_id}"), 409)
    assert server.client.get(f"/runs/{run_id}").status_code == 200


@pytest.mark.parametrize(
    ("action", "done", "field", "values"),
    [
        ("cancel", [3], "status", ["finished", "failed", "cancelled"]),
        ("retry", [2], "status", ["finished", "queued", "queued"]),
        ("archive", [1, 2, 3], "archived", [True, True, True]),
        ("restore", [1, 2, 3], "archived", [False, False, False]),
        ("tag", [1, 2, 3], "tags", [["x"], ["x"], ["x"]]),
        ("untag", [1, 2, 3], "tags", [[], [], []]),
    ],
)
def test_one_action_on_many_runs(
    server: Served, action: str, done: list[int], field: str, values: list[Any]
) -> None:
    finished_run(server.database)
    failed_run(server.database)
    queue_run(server.database)
    tag = {"tag": "x"} if "tag" in action else {}
    answer = server.client.post("/runs/bulk", json={"ids": [3, 2, 1, 3, 77], "action": action, **tag})
    assert answer.status_code == 200
    found = answer.json()
    assert sorted(found["done"]) == done
    assert sorted(each["id"] for each in found["skipped"]) == sorted({1, 2, 3, 77} - set(done))
    assert all(each["reason"] for each in found["skipped"])
    assert [server.client.get(f"/runs/{run_id}").json()[field] for run_id in (1, 2, 3)] == values


def test_many_runs_are_deleted_but_those_that_run(server: Served) -> None:
    queue_run(server.database)
    claimed(server.database)
    queue_run(server.database)
    found = post(server.client, "/runs/bulk", ids=[1, 2], action="delete").json()
    assert (found["done"], [each["id"] for each in found["skipped"]]) == ([2], [1])


def test_a_tag_beyond_the_twentieth_is_left_out(client: httpx.Client) -> None:
    created(client, tags=[str(number) for number in range(20)])
    found = post(client, "/runs/bulk", ids=[1], action="tag", tag="one more").json()
    assert found["done"] == []
    assert "20 tags" in found["skipped"][0]["reason"]
    again = post(client, "/runs/bulk", ids=[1], action="tag", tag="7").json()
    assert again["done"] == [1]
    assert len(client.get("/runs/1").json()["tags"]) == 20


# Studies


def test_a_study_over_http(client: httpx.Client) -> None:
    body = {"depth": [1, 2, 3, 4, 5], "seed": [0, 1, 2], "epochs": 20, "reuse": False}
    preview = client.post("/studies/preview", json=body)
    assert preview.status_code == 200
    assert (preview.json()["runs"], preview.json()["duplicates"]) == (15, 0)
    assert preview.json()["seconds"] > 0
    assert client.get("/runs").json()["total"] == 0
    answer = client.post("/studies", json=body)
    assert answer.status_code == 201
    assert answer.headers["location"] == "/studies/1"
    study = answer.json()
    assert study.keys() == {
        "id",
        "name",
        "created_at",
        "runs",
        "counts",
        "progress",
        "eta_seconds",
        "eta_range",
    }
    assert len(study["runs"]) == 15
    assert client.get("/studies/1").json() == study
    assert client.get("/studies").json() == {"studies": [study]}
    assert client.get("/runs?study=1").json()["total"] == 15
    larger = client.post("/studies/1/runs", json={"seeds": 4})
    assert larger.status_code == 201
    assert len(larger.json()["runs"]) == 35
    cancelled = client.post("/studies/1/cancel").json()
    assert cancelled["counts"]["cancelled"] == 35
    assert cancelled["progress"] == 1


def test_a_grid_that_is_too_large_is_refused(unchanged: httpx.Client) -> None:
    body = {"depth": [1, 2, 3], "seed": list(range(400))}
    for path in ("/studies", "/studies/preview"):
        assert "1,200 runs; at most 1,000" in problem(unchanged.post(path, json=body), 422)["detail"]


def test_a_study_that_would_grow_too_large_is_a_conflict(client: httpx.Client) -> None:
    client.post("/studies", json={"depth": [1, 2, 3, 4, 5], "seed": list(range(190))})
    problem(client.post("/studies/1/runs", json={"seeds": 20}), 409)
    assert len(client.get("/studies/1").json()["runs"]) == 950


# Comparisons, tables, system


def test_a_comparison_over_http(server: Served) -> None:
    for depth in (1, 2):
        for seed in (0, 1):
            finished_run(server.database, 0.9 + depth / 100 + seed / 1000, depth=depth, seed=seed)
    answer = server.client.get("/compare?runs=1,2,3,4,99")
    assert answer.status_code == 200
    found = answer.json()
    keys = {"runs", "by_depth", "by", "members", "groups", "curves", "reference", "verdict", "warnings"}
    assert found.keys() == keys | {"differences", "offer", "pending", "repeats", "confounders"}
    first = found["by_depth"][0]
    assert first.keys() == {"depth", "n", "parameters", "train_accuracy", "test_accuracy", "train_seconds"}
    assert first["test_accuracy"].keys() == {"mean", "std", "min", "max", "ci95"}
    assert len(first["test_accuracy"]["ci95"]) == 2
    assert found["curves"]["1"]["epoch"] == [1, 2, 3]
    assert found["reference"][0] == {
        "depth": 1,
        "train_accuracy": 0.9222,
        "test_accuracy": 0.9223,
        "seconds": 104.36,
    }
    assert found["verdict"]["sentences"]
    assert found["verdict"]["pairs"][0]["depths"] == [1, 2]
    assert found["warnings"] == ["Run 99 does not exist, or was deleted, and is left out."]


def table(answer: httpx.Response) -> list[dict[str, str]]:
    """The lines of a CSV answer."""
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_all_runs_as_a_table(server: Served) -> None:
    done = finished_run(server.database)
    with server.database.write() as session:
        run_queue.edit(session, done, {"name": 'a, "b"', "note": "two\nlines", "tags": ["ä", "b"]})
    for seed in range(60):
        queue_run(server.database, seed=seed)
    lines = table(server.client.get("/runs.csv?sort=id&limit=1"))
    assert len(lines) == 61
    shown = server.client.get(f"/runs/{done}").json()
    first = lines[0]
    assert (first["name"], first["note"], json.loads(first["tags"])) == ('a, "b"', "two\nlines", ["ä", "b"])
    assert (first["finished_at"], first["test_accuracy"]) == (shown["finished_at"], "0.94")
    assert json.loads(first["layer_sizes"]) == [784, 10]
    assert lines[1]["test_accuracy"] == ""
    assert len(table(server.client.get("/runs.csv?status=finished"))) == 1


def test_curves_as_a_table(server: Served) -> None:
    done = finished_run(server.database, epochs=2)
    queue_run(server.database)
    lines = table(server.client.get("/compare.csv?runs=1,2"))
    assert [(line["run_id"], line["epoch"]) for line in lines] == [(str(done), "1"), (str(done), "2")]
    assert lines[0]["run_name"] == "1 layer, 2 epochs, seed 0"
    assert lines[1]["train_loss"] == "1.0"


def test_the_queue_shows_what_runs_and_what_waits_in_order(server: Served) -> None:
    first, second = queue_run(server.database), queue_run(server.database)
    created(server.client, priority=5)
    take(server.database)
    found = server.client.get("/queue").json()
    assert [run["id"] for run in found["running"]] == [3]
    assert [run["id"] for run in found["queued"]] == [first, second]


def test_live_workers_are_listed_with_what_they_train(server: Served) -> None:
    assert server.client.get("/workers").json() == {"workers": []}
    add_worker(server.database, "w", slots=2)
    add_worker(server.database, "silent", lease_seconds=-1)
    queue_run(server.database)
    claimed(server.database)
    worker = server.client.get("/workers").json()["workers"][0]
    assert worker.pop("heartbeat_age_seconds") >= 0
    assert worker == {
        "id": "w",
        "host": "here",
        "devices": [{"device": "cpu", "name": "a CPU"}],
        "slots": 2,
        "threads": 1,
        "runs": [1],
        "versions": {"torch": "2"},
    }


def test_health(client: httpx.Client) -> None:
    health = client.get("/health").json()
    seconds = datetime.fromisoformat(health.pop("time")).timestamp()
    assert abs(seconds - time.time()) < 60
    assert health == {
        "status": "ok",
        "version": __version__,
        "database": "unchecked",
        "detail": None,
    }


# One URL, several representations


def test_an_unchanged_answer_is_not_sent_again(client: httpx.Client) -> None:
    created(client)
    first = client.get("/runs")
    assert first.headers["cache-control"] == "no-cache"
    assert "Accept" in first.headers["vary"]
    again = client.get("/runs", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    weak = client.get("/runs", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert weak.status_code == 304
    created(client)
    changed = client.get("/runs", headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.json()["total"]) == (200, 2)


@pytest.mark.parametrize("path", ["/runs", "/runs/1", "/studies", "/workers", "/compare?runs=1"])
def test_pages_and_json_share_a_url_and_no_etag(unchanged: httpx.Client, path: str) -> None:
    page = unchanged.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    data = unchanged.get(path, headers={"Accept": "*/*"})
    assert page.headers["content-type"].startswith("text/html")
    assert data.headers["content-type"] == "application/json"
    assert page.headers["etag"] != data.headers["etag"]
    assert "Accept" in page.headers["vary"]
    other = unchanged.get(path, headers={"Accept": "text/html", "If-None-Match": data.headers["etag"]})
    assert other.status_code == 200


def test_the_front_door_leads_to_the_runs(unchanged: httpx.Client) -> None:
    for accept in ("text/html", "application/json", "*/*"):
        answer = unchanged.get("/", headers={"Accept": accept})
        assert answer.is_redirect
        assert answer.headers["location"] == "/runs"


# OpenAPI


def references(node: Any) -> Iterator[str]:
    """Every `$ref` in a JSON document."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_the_openapi_document_is_whole(unchanged: httpx.Client) -> None:
    document = unchanged.get("/openapi.json").json()
    for reference in references(document):
        found = document
        for key in reference.removeprefix("#/").split("/"):
            found = found[key]
    identifiers = [
        operation["operationId"]
        for path in document["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    assert len(identifiers) == len(set(identifiers))
    listed = {each["name"] for each in document["paths"]["/runs"]["get"]["parameters"]}
    assert listed == set(PARAMETERS)


def test_every_json_route_is_documented_with_its_errors(unchanged: httpx.Client) -> None:
    paths = unchanged.get("/openapi.json").json()["paths"]
    for route in (route for room in ROUTES for route in room.router.routes):
        assert isinstance(route, APIRoute)
        for method in (route.methods or ()) if route.include_in_schema else ():
            operation = paths[route.path][method.lower()]
            assert operation["summary"]
            assert operation["description"]
            assert operation["tags"]
            refused = operation["responses"]["422"]["content"]
            assert refused == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
    assert not [path for path in paths if path.startswith("/static")]


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("post", "/runs", {"201", "400", "415", "422"}),
        ("get", "/runs/{run_id}", {"200", "404", "422"}),
        ("patch", "/runs/{run_id}", {"200", "400", "404", "409", "415", "422"}),
        ("delete", "/runs/{run_id}", {"204", "404", "409", "422"}),
        ("post", "/runs/{run_id}/cancel", {"200", "404", "409", "422"}),
        ("post", "/studies", {"201", "400", "415", "422"}),
        ("post", "/studies/{study_id}/runs", {"201", "400", "404", "409", "415", "422"}),
        ("get", "/compare", {"200", "404", "422"}),
    ],
)
def test_the_openapi_document_names_the_statuses(
    unchanged: httpx.Client, method: str, path: str, statuses: set[str]
) -> None:
    documented = unchanged.get("/openapi.json").json()["paths"][path][method]["responses"]
    assert statuses <= documented.keys()


# Nothing breaks


def test_random_bytes_never_break_the_server(server: Served) -> None:
    from hypothesis import given, settings  # noqa: PLC0415
    from hypothesis import strategies as st  # noqa: PLC0415

    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    )
    fields = st.sampled_from(
        ["epochs", "lr", "batch_size", "seed", "device", "tags", "note", "name", "other"]
    )
    bodies = st.dictionaries(fields, json_values, min_size=1, max_size=3).map(
        lambda body: json.dumps({"depth": 7, **body}).encode()
    )

    @settings(max_examples=60)
    @given(st.binary() | bodies)
    def refused(body: bytes) -> None:
        answer = server.client.post("/runs", content=body, headers={"Content-Type": "application/json"})
        problem(answer, answer.status_code)
        assert answer.status_code in (400, 422)

    refused()
    with server.database.read() as session:
        assert session.exec(select(Run)).all() == []
        assert session.exec(select(Study)).all() == []


@pytest.mark.parametrize(
    ("path", "parameter", "text", "limit"),
    [
        ("/runs", "q", "x" * 10_001, "10,000 characters"),
        ("/runs", "q", "x" * 50_000, "10,000 characters"),
        ("/runs", "tag", ",".join(map(str, range(1_000))), "50 values"),
        ("/runs", "id", ",".join(map(str, range(1_001))), "1,000 values"),
        ("/runs", "name", ",".join(map(str, range(1_001))), "1,000 values"),
        ("/runs", "study", ",".join(map(str, range(2_000))), "1,000 values"),
        ("/runs.csv", "depth", ",".join(map(str, range(1_001))), "1,000 values"),
        ("/compare", "runs", ",".join(map(str, range(1_001))), "1,000 values"),
    ],
)
def test_a_query_beyond_a_limit_is_told_the_limit(
    unchanged: httpx.Client, path: str, parameter: str, text: str, limit: str
) -> None:
    answer = unchanged.get(path, params={parameter: text})
    (error,) = problem(answer, 422)["errors"]
    assert error["loc"] == [parameter]
    assert limit in error["msg"]


def test_all_filters_together_have_a_limit(unchanged: httpx.Client) -> None:
    values = ",".join(map(str, range(900)))
    answer = unchanged.get("/runs", params=dict.fromkeys(("id", "depth", "seed"), values))
    assert "2,000 values" in problem(answer, 422)["detail"]


@pytest.mark.parametrize(("character", "length"), [("x", 10_000), ("%", 10_000), ("\N{PILE OF POO}", 5_000)])
def test_what_is_within_the_limits_is_answered(server: Served, character: str, length: int) -> None:
    note = character * length
    created(server.client, depth=1, note=note)
    found = server.client.get("/runs", params={"q": note, "tag": ",".join(map(str, range(50)))})
    assert (found.status_code, found.json()["total"]) == (200, 0)
    assert server.client.get("/runs", params={"q": note[:4_000]}).json()["total"] == 1
    many = {"id": ",".join(map(str, range(1, 1_001))), "depth": ",".join(map(str, range(1, 1_001)))}
    assert server.client.get("/runs", params=many).json()["total"] == 1
    compared = server.client.get("/compare", params={"runs": ",".join(map(str, range(1, 1_001)))})
    assert compared.status_code == 200


def test_a_bulk_action_reaches_beyond_one_transaction(server: Served) -> None:
    ids = [queue_run(server.database, seed=seed) for seed in range(bulk.STEP_RUNS + 1)]
    outcome = server.client.post("/runs/bulk", json={"ids": [*ids, 10**6], "action": "cancel"}).json()
    assert outcome["done"] == ids
    assert [skip["id"] for skip in outcome["skipped"]] == [10**6]
    assert server.client.get("/runs?status=cancelled").json()["total"] == len(ids)


@pytest.mark.parametrize(
    ("said", "lost", "told"),
    [
        ("database is locked", False, "The database is busy; nothing was changed. Try again in a moment."),
        ("database or disk is full", False, "its disk is full or broken (database or disk is full). Nothing"),
        ("attempt to write a readonly database", False, "it is read-only (attempt to write a readonly"),
        ("server closed the connection", True, "perhaps after the change was made: look before you try"),
    ],
)
def test_a_database_that_can_not_be_written_is_503_and_says_what_to_do(
    server: Served, monkeypatch: pytest.MonkeyPatch, said: str, told: str, *, lost: bool
) -> None:
    def broken(*_: object) -> None:
        raise OperationalError("INSERT", None, Exception(said), connection_invalidated=lost)

    monkeypatch.setattr(run_queue, "enqueue", broken)
    refused = server.client.post("/runs", json={"depth": 1})
    assert refused.headers["retry-after"] == "2"
    assert told in problem(refused, 503)["detail"]


def test_a_database_that_does_not_answer_is_503_on_pages_too(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("SELECT", None, Exception("connection refused"))

    monkeypatch.setattr(run_list, "list_runs", away)
    assert problem(server.client.get("/runs"), 503)["detail"] == (
        "The database does not answer now. Try again in a moment."
    )
    shown = server.client.get("/runs", headers={"Accept": "text/html"})
    assert shown.status_code == 503
    assert "The database does not answer now." in shown.text
