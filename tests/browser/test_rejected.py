"""Why the server rejected a form is shown until the next attempt, whatever the page hears meanwhile."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from playwright.sync_api import Page, expect

from app.settings import Settings
from app.storage.database import Database
from tests.app.states import add_worker, queue_run
from tests.browser.compared import trained
from tests.web_server import WebServer, started

pytestmark = pytest.mark.browser

ROOM: Final = 3
COUNT_READINGS: Final = (
    "() => { window.readings = 0; document.addEventListener('live', () => (window.readings += 1)); }"
)


@pytest.fixture
def crowded(tmp_path: Path, quiet_port: int) -> Iterator[WebServer]:
    """A server whose queue has little room."""
    with started(Settings(data_dir=tmp_path, queue_limit=ROOM), quiet_port) as server:
        yield server


def read_again(page: Page, server: WebServer) -> None:
    """Let the page hear of something that makes it read its live parts."""
    page.evaluate(COUNT_READINGS)
    httpx.post(f"{server.url}/queue/pause").raise_for_status()
    page.wait_for_function("() => window.readings > 0")


def test_a_rejected_preset_says_why_after_another_preview(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/presets", json={"name": "Mine", "query": "depth=2"}).raise_for_status()
    page.goto(f"{quiet.url}/runs/new")
    page.get_by_text("Save as a preset").click()
    page.get_by_label("Preset name").fill("Mine")
    page.get_by_role("button", name="Save preset").click()
    expect(page.get_by_role("alert")).to_have_text("The preset was not saved.")
    page.get_by_label("Seed").fill("0-6")
    expect(page.locator("#estimate")).to_contain_text("7 runs")
    expect(page.locator("#preset_name-error")).to_contain_text("already a preset named")
    expect(page.get_by_label("Preset name")).to_have_attribute("aria-invalid", "true")


def test_a_rejected_view_says_why_while_the_list_changes(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/views", json={"name": "deep", "query": "depth=5"}).raise_for_status()
    httpx.post(f"{quiet.url}/runs", json={"depth": 1}).raise_for_status()
    page.goto(f"{quiet.url}/runs")
    page.locator("#view-name").click()
    name, wrong = page.get_by_label("Save as a new view"), page.locator("#view-new-error")
    name.fill("deep")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(wrong).to_contain_text("A view with this name exists")
    read_again(page, quiet)
    expect(wrong).to_contain_text("A view with this name exists")
    expect(page.get_by_role("button", name="Overwrite “deep”")).to_be_visible()
    name.fill("deep again")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#view-name")).to_have_text("View: deep again")
    expect(wrong).to_have_text("")


def test_a_rejected_view_saves_the_filters_that_the_list_has_at_the_next_attempt(
    quiet: WebServer, page: Page
) -> None:
    httpx.post(f"{quiet.url}/views", json={"name": "deep", "query": "depth=5"}).raise_for_status()
    httpx.post(f"{quiet.url}/runs", json={"depth": 1}).raise_for_status()
    page.goto(f"{quiet.url}/runs")
    page.locator("#view-name").click()
    page.get_by_label("Save as a new view").fill("deep")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#view-new-error")).to_contain_text("A view with this name exists")
    page.keyboard.press("Escape")
    page.locator("#q").fill("depth:1")
    page.wait_for_url("**/runs?*depth*")
    expect(page.locator("#new-view [name=query]")).to_have_value("q=depth:1")


def test_a_rejected_offer_says_why_while_its_comparison_changes(crowded: WebServer, page: Page) -> None:
    database: Database = crowded.app.state.database
    add_worker(database)
    finished = [trained(database, seed, depth=depth) for depth in (1, 2) for seed in (0, 1)]
    for seed in range(ROOM):
        queue_run(database, depth=5, seed=seed)
    page.goto(f"{crowded.url}/compare?runs={','.join(map(str, finished))}")
    verdict = page.locator("#verdict")
    offer, message = verdict.locator("form button.sentence"), verdict.get_by_role("alert")
    offer.click()
    expect(message).to_contain_text("queue")
    read_again(page, crowded)
    expect(message).to_contain_text("queue")
    offer.click()
    expect(offer).not_to_have_attribute("aria-busy", "true")
    expect(message).to_have_count(1)
    expect(message).not_to_contain_text("input")  # there is none
