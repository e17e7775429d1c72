"""Everyday tasks with the keyboard alone, in both themes: each takes few keys besides typed words."""

from collections.abc import Iterator
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Page, expect

from app.storage.database import Database
from tests.app.states import add_worker, finished_run
from tests.web_server import WebServer

pytestmark = pytest.mark.browser

MOST = 25
ARCHIVED = 210

Theme = Literal["light", "dark"]


class Keyboard:
    """Counts pressed keys; typed words are free."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.count = 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.count += 1

    def type(self, words: str) -> None:
        self.page.keyboard.type(words)

    def command(self, words: str) -> None:
        """Run the first command that matches these words."""
        self.press("Control+k")
        expect(self.page.get_by_role("combobox", name="Pages, actions")).to_be_focused()
        self.type(words)
        expect(self.page.locator("#commands [aria-selected=true]")).to_have_count(1)
        self.press("Enter")


@pytest.fixture(params=["light", "dark"])
def keyboard(request: pytest.FixtureRequest, page: Page) -> Iterator[Keyboard]:
    """The keyboard of a page in one of the themes; the task must take few keys."""
    theme: Theme = request.param
    page.emulate_media(color_scheme=theme)
    keyboard = Keyboard(page)
    yield keyboard
    assert 0 < keyboard.count <= MOST


@pytest.fixture
def database(quiet: WebServer) -> Database:
    found: Database = quiet.app.state.database
    add_worker(found)
    return found


def study(url: str, **body: object) -> None:
    httpx.post(f"{url}/studies", json=body).raise_for_status()


def test_the_best_run_of_last_week_is_found_and_tagged(
    quiet: WebServer, database: Database, page: Page, keyboard: Keyboard
) -> None:
    finished_run(database, 0.91, lr=0.1)
    best = finished_run(database, 0.97, lr=0.1, seed=1)
    finished_run(database, 0.99, lr=0.2)
    page.goto(f"{quiet.url}/runs")
    keyboard.press("/")
    options = page.locator("#known-filters option")
    keyboard.type("cre")
    expect(options.and_(page.locator("[value='created:']"))).to_have_count(1)
    keyboard.type("ated:7d lr")
    expect(options.and_(page.locator("[value='created:7d lr:']"))).to_have_count(1)
    keyboard.type(":0.1")
    keyboard.press("Enter")
    expect(page.locator("#chips")).to_contain_text("Created: last 7 days")
    keyboard.command("sort test accuracy desc")
    page.wait_for_url("**sort=-test_accuracy**")
    expect(page.locator("[data-runs] tbody tr").first).to_have_attribute("data-run", str(best))
    keyboard.press("j", "x")
    keyboard.command("tag selected")
    expect(page.get_by_label("Tag", exact=True)).to_be_focused()
    keyboard.type("best")
    keyboard.press("Enter")
    expect(page.locator("[data-said]")).to_contain_text("Tagged “best”: 1 run.")
    assert httpx.get(f"{quiet.url}/runs/{best}").json()["tags"] == ["best"]


def test_the_runs_of_one_depth_of_a_study_are_compared(
    quiet: WebServer, page: Page, keyboard: Keyboard
) -> None:
    study(quiet.url, depth=[2, 4], seed=[0, 1, 2])
    study(quiet.url, depth=[4], seed=[7])
    page.goto(f"{quiet.url}/runs")
    keyboard.press("/")
    keyboard.type("study:1 depth:4")
    keyboard.press("Enter")
    expect(page.locator("[data-runs] tbody tr")).to_have_count(3)
    keyboard.press("a", "c")
    page.wait_for_url("**/compare?runs=6,5,4")


def test_a_study_is_cancelled(quiet: WebServer, page: Page, keyboard: Keyboard) -> None:
    study(quiet.url, depth=[1, 2], seed=[0, 1])
    page.goto(f"{quiet.url}/runs")
    keyboard.press("g", "s")
    page.wait_for_url("**/studies")
    expect(page.get_by_role("heading", level=1)).to_have_text("Studies")
    keyboard.press("j", "Enter")
    page.wait_for_url("**/studies/1**")
    keyboard.command("cancel")
    expect(page.get_by_role("button", name="Cancel 4 runs")).to_be_focused()
    keyboard.press("Enter")
    expect(page.locator("[data-runs] .status", has_text="cancelled")).to_have_count(4)


def test_a_run_moves_to_the_top_of_the_queue(quiet: WebServer, page: Page, keyboard: Keyboard) -> None:
    study(quiet.url, depth=[1, 2, 3])
    page.goto(f"{quiet.url}/runs")
    keyboard.press("g", "q")
    page.wait_for_url("**/queue")
    expect(page.get_by_role("heading", level=1)).to_have_text("Queue")
    keyboard.press("k", "Alt+Shift+ArrowUp")
    expect(page.locator("#waiting tbody tr, .waiting tbody tr").first).to_have_attribute("data-run", "3")


def test_two_hundred_archived_runs_are_deleted(quiet: WebServer, page: Page, keyboard: Keyboard) -> None:
    study(quiet.url, depth=[1], seed=[*range(ARCHIVED)])
    study(quiet.url, depth=[2])
    httpx.post(f"{quiet.url}/runs/bulk", json={"filter": "depth=1", "action": "archive"}).raise_for_status()
    httpx.post(
        f"{quiet.url}/runs/bulk", json={"filter": "archived=all", "action": "cancel"}
    ).raise_for_status()
    page.goto(f"{quiet.url}/runs")
    keyboard.press("/")
    keyboard.type("archived:true")
    keyboard.press("Enter")
    expect(page.locator("#runs-count")).to_contain_text(f"{ARCHIVED} runs match")
    expect(page).to_have_url(f"{quiet.url}/runs?archived=true")
    keyboard.command("runs per page 200")
    rows = page.locator("[data-runs] tbody tr")
    expect(rows).to_have_count(200)
    keyboard.press("a")
    expect(page.locator("[data-ticked]")).to_have_text("200 runs selected")
    keyboard.command("delete selected")
    keyboard.type("200")
    keyboard.press("Enter")
    expect(page.locator("[data-said]")).to_contain_text("Deleted: 200 runs.")
    expect(rows).to_have_count(ARCHIVED - 200)
    assert httpx.get(f"{quiet.url}/runs?archived=all").json()["total"] == ARCHIVED - 200 + 1
