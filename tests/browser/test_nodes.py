"""The page System and the metrics while runs train on the nodes of a Ray cluster."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.dashboard import running
from tests.few import FEW, link
from tests.processes import Engine
from tests.waiting import eventually

pytestmark = pytest.mark.browser

ENDLESS = {"depth": 1, "epochs": 10_000, "batch_size": 20, "dataset": FEW}


@pytest.fixture(scope="module")
def url(cluster_engine: Engine, few: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a dashboard that trains on two nodes."""
    folder = tmp_path_factory.mktemp("nodes")
    link(folder, few)
    options = ("--slots", "2", "--device", "cpu", *cluster_engine.options)
    with running(folder, *options, environment=cluster_engine.environment) as dashboard:
        yield dashboard.url


def metrics(url: str, name: str) -> list[float]:
    """The values of a metric, sorted."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return sorted(float(line.split()[-1]) for line in lines if re.match(rf"{name}(\{{| )", line))


def test_the_nodes_of_a_cluster_are_shown_with_what_they_train(url: str, page: Page, phone: Page) -> None:
    runs = [httpx.post(f"{url}/runs", json=ENDLESS).raise_for_status().json() for _ in range(2)]
    eventually(lambda: metrics(url, "depthboard_node_slots_busy") == [0, 1, 1])
    assert metrics(url, "depthboard_node_slots") == [0, 1, 1]
    assert metrics(url, "depthboard_node_cpus") == [0, 1, 1]
    assert metrics(url, "depthboard_node_gpus") == [0, 0, 0]
    assert metrics(url, "depthboard_slots_busy") == [2]
    for each in (page, phone):
        each.goto(f"{url}/workers")
        nodes = each.get_by_role("table", name="Nodes of the cluster").locator("tbody tr")
        expect(nodes).to_have_count(3)
        busy = nodes.filter(has_text="1 / 1")
        expect(busy).to_have_count(2)
        assert {link.inner_text() for link in busy.get_by_role("link").all()} == {
            str(run["id"]) for run in runs
        }
        expect(nodes.filter(has_text="0 / 0")).to_have_count(1)
        assert each.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for run in runs:
        httpx.post(f"{url}/runs/{run['id']}/cancel").raise_for_status()
    for each in (page, phone):
        nodes = each.get_by_role("table", name="Nodes of the cluster").locator("tbody tr")
        expect(nodes.filter(has_text="0 / 1")).to_have_count(2)
