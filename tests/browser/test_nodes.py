"""The page System and the metrics while runs train on the nodes of a cluster."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from app.queue import claims, endings, registry
from app.queue.registry import Node, Offer
from app.storage.database import Database
from tests.web_server import WebServer

pytestmark = pytest.mark.browser

CPU = [{"device": "cpu", "name": "AMD EPYC 9B14 96-Core Processor"}]
LEASE_SECONDS = 3600.0
"""Longer than the test: this worker sends no heartbeats."""


def metrics(url: str, name: str) -> list[float]:
    """The values of a metric, sorted."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return sorted(float(line.split()[-1]) for line in lines if re.match(rf"{name}(\{{| )", line))


def test_the_nodes_of_a_cluster_are_shown_with_what_they_train(
    quiet: WebServer, page: Page, phone: Page
) -> None:
    database: Database = quiet.app.state.database
    hosts = ("ip-172-31-28-201.compute.internal", "ip-172-31-28-202.compute.internal")
    nodes = [Node("head", 0, 0, 2**31), *(Node(host, 1, 0, 2**31, slots=1, devices=CPU) for host in hosts)]
    with database.write() as session:
        registry.register(session, "w", "here", Offer(2, 1, CPU, {}, nodes), lease_seconds=LEASE_SECONDS)
    ids = [httpx.post(f"{quiet.url}/runs", json={"depth": 1}).raise_for_status().json()["id"] for _ in hosts]
    held = []
    for host in hosts:
        with database.write() as session:
            claim = claims.claim(session, "w", {"cpu"}, threads=1, lease_seconds=LEASE_SECONDS, host=host)
        assert claim
        held.append(claim)
    assert metrics(quiet.url, "depthboard_node_slots_busy") == [0, 1, 1]
    assert metrics(quiet.url, "depthboard_node_slots") == [0, 1, 1]
    assert metrics(quiet.url, "depthboard_node_cpus") == [0, 1, 1]
    assert metrics(quiet.url, "depthboard_node_gpus") == [0, 0, 0]
    assert metrics(quiet.url, "depthboard_slots_busy") == [2]
    for each in (page, phone):
        each.goto(f"{quiet.url}/workers")
        rows = each.get_by_role("table", name="Nodes of the cluster").locator("tbody tr")
        expect(rows).to_have_count(3)
        busy = rows.filter(has_text="1 / 1")
        expect(busy).to_have_count(2)
        for host, run_id in zip(hosts, ids, strict=True):
            expect(busy.filter(has_text=host).get_by_role("link")).to_have_text(f"{run_id}")
        expect(rows.filter(has_text="0 / 0")).to_have_count(1)
        assert each.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for run_id, claim in zip(ids, held, strict=True):
        httpx.post(f"{quiet.url}/runs/{run_id}/cancel").raise_for_status()
        with database.write() as session:
            assert endings.confirm_cancel(session, claim)
    for each in (page, phone):
        rows = each.get_by_role("table", name="Nodes of the cluster").locator("tbody tr")
        expect(rows.filter(has_text="0 / 1")).to_have_count(2)
