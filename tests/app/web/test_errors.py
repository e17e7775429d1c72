"""Responses if a resource is missing, a request is not allowed or the database is unavailable."""

from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from app.queue import admission
from app.runs.listing import matches
from tests.app.conftest import Served
from tests.app.web.asking import HUGE, problem


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
def test_an_unknown_resource_is_404(unchanged: httpx.Client, path: str) -> None:
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
def test_changing_an_unknown_resource_is_404(
    unchanged: httpx.Client, method: str, path: str, body: dict[str, Any] | None
) -> None:
    problem(unchanged.request(method, path, json=body), 404)
    problem(unchanged.request(method, path.replace("7", HUGE), json=body), 422)


@pytest.mark.parametrize(
    ("said", "lost", "told"),
    [
        ("database is locked", False, "The database is busy; nothing was changed. Try again in a moment."),
        ("database or disk is full", False, "its disk is full or broken (database or disk is full). Nothing"),
        ("attempt to write a readonly database", False, "it is read-only (attempt to write a readonly"),
        ("server closed the connection", True, "may or may not have been saved; check before you retry"),
    ],
)
def test_a_database_that_can_not_be_written_is_503_and_says_what_to_do(
    site: Served, monkeypatch: pytest.MonkeyPatch, said: str, told: str, *, lost: bool
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OperationalError("INSERT", None, Exception(said), connection_invalidated=lost)

    monkeypatch.setattr(admission, "enqueue", broken)
    refused = site.client.post("/runs", json={"depth": 1})
    assert refused.headers["retry-after"] == "2"
    assert told in problem(refused, 503)["detail"]


def test_a_database_that_does_not_answer_is_503_on_pages_too(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("SELECT", None, Exception("connection refused"))

    monkeypatch.setattr(matches, "list_runs", away)
    assert problem(site.client.get("/runs"), 503)["detail"] == (
        "The database is not responding. Try again in a moment."
    )
    shown = site.client.get("/runs", headers={"Accept": "text/html"})
    assert shown.status_code == 503
    assert "The database is not responding." in shown.text
