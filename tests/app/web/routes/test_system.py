"""The queue, the workers and the health of the site, for programs."""

import time
from datetime import datetime

import httpx

from app import __version__
from tests.app.conftest import Served
from tests.app.states import add_worker, claimed, queue_run, take
from tests.app.web.asking import created


def test_the_queue_shows_what_runs_and_what_waits_in_order(site: Served) -> None:
    first, second = queue_run(site.database), queue_run(site.database)
    created(site.client, priority=5)
    take(site.database)
    found = site.client.get("/queue").json()
    assert [run["id"] for run in found["running"]] == [3]
    assert [run["id"] for run in found["queued"]] == [first, second]


def test_live_workers_are_listed_with_what_they_train(site: Served) -> None:
    assert site.client.get("/workers").json() == {"workers": []}
    add_worker(site.database, "w", slots=2)
    add_worker(site.database, "silent", lease_seconds=-1)
    queue_run(site.database)
    claimed(site.database)
    worker = site.client.get("/workers").json()["workers"][0]
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


def test_the_root_url_redirects_to_the_runs(unchanged: httpx.Client) -> None:
    for accept in ("text/html", "application/json", "*/*"):
        answer = unchanged.get("/", headers={"Accept": accept})
        assert answer.is_redirect
        assert answer.headers["location"] == "/runs"


def test_the_front_page_leads_to_the_runs(browser: httpx.Client) -> None:
    assert browser.get("/").headers["location"] == "/runs"
