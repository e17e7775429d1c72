"""Durations of requests, by labels that clients can't invent."""

import httpx

from tests.app.conftest import Served
from tests.waiting import eventually


def labels(site: Served) -> dict[tuple[str, ...], float]:
    return {labels: counts[-1][1] for labels, counts, _ in site.app.state.requests.read()}


def test_requests_are_counted_by_route_and_status(site: Served) -> None:
    site.client.get("/runs/1")
    site.client.get("/runs/2", headers={"Accept": "text/html"})
    site.client.get("/runs")
    site.client.get("/nowhere/1")
    site.client.request("BREW", "/runs")
    assert labels(site) == {
        ("GET", "/runs/{run_id}", "404"): 2,
        ("GET", "/runs", "200"): 1,
        ("GET", "none", "404"): 1,
        ("other", "none", "405"): 1,
    }


def test_event_streams_are_not_counted(server: Served) -> None:
    with httpx.stream("GET", f"{server.url}/events") as stream:
        assert stream.status_code == 200
    eventually(lambda: server.app.state.events.clients == 0)
    server.client.get("/runs")
    eventually(lambda: labels(server))  # a request is counted after its answer has been sent
    assert set(labels(server)) == {("GET", "/runs", "200")}
