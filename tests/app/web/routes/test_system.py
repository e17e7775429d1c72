"""The workers and the health of the site, for programs."""

import time
from datetime import datetime

import httpx

from app import __version__
from app.queue import machines
from tests.app.conftest import Served
from tests.app.states import add_worker, claimed, queue_run


def test_live_workers_are_listed_with_what_they_train(site: Served) -> None:
    found = site.client.get("/workers").json()
    assert (found["workers"], found["machines"]) == ([], [])
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
        "nodes": [],
    }


def test_machines_have_their_use_over_the_last_hour(site: Served) -> None:
    gpu = {"name": "a GPU", "use": 0.25, "memory_used": 1, "memory_total": 8}
    with site.database.write() as session:
        machines.record(session, "here", machines.Use(2, 0.123456, 3, 4, [gpu]))
    machine = site.client.get("/workers").json()["machines"][0]
    assert machine.pop("age_seconds")[0] < 60
    assert machine == {
        "host": "here",
        "cores": 2,
        "memory_total": 4,
        "cpu": [0.1235],
        "memory_used": [3],
        "gpus": [{"name": "a GPU", "memory_total": 8, "use": [0.25], "memory_used": [1]}],
    }


def test_the_server_has_versions_storage_and_settings(site: Served) -> None:
    server = site.client.get("/workers").json()["server"]
    assert server["versions"]["Depthboard"] == __version__
    assert server["storage"]["database"] > 0
    assert server["storage"]["runs"] == 0
    assert {"name": "DEPTHBOARD_PORT", "value": "8000", "source": "default"} in server["settings"]


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
