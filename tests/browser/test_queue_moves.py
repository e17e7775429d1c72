"""The queue in a browser: moves by dragging, keys and buttons, live in other windows, and a pause."""

import re

import httpx
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from tests.browser.conftest import watched
from tests.browser.routes import intercept
from tests.waiting import eventually
from tests.web_server import WebServer

pytestmark = pytest.mark.browser


def rows(page: Page) -> Locator:
    return page.locator("[data-waiting] tbody tr")


def expect_order(page: Page, *ids: int) -> None:
    for index, run_id in enumerate(ids):
        expect(rows(page).nth(index)).to_have_attribute("data-run", str(run_id))


def row(page: Page, run_id: int) -> Locator:
    return page.locator(f'[data-waiting] tr[data-run="{run_id}"]')


def test_runs_are_moved_by_keys_buttons_and_dragging(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/studies", json={"depth": 1, "seed": [0, 1, 2, 3, 4]}).raise_for_status()
    page.goto(f"{quiet.url}/queue")
    expect_order(page, 1, 2, 3, 4, 5)
    handle = row(page, 4).locator("[data-handle]")
    handle.focus()
    page.keyboard.press("Alt+ArrowUp")
    expect_order(page, 1, 2, 4, 3, 5)
    expect(page.locator("[data-said]")).to_contain_text("Run 4 is now 3 of 5.")
    expect(handle).to_be_focused()
    page.keyboard.press("Alt+Shift+ArrowUp")
    expect_order(page, 4, 1, 2, 3, 5)
    expect(handle).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(row(page, 1).locator("[data-handle]")).to_be_focused()

    last = row(page, 1).get_by_role("button", name="to the bottom")
    last.click()
    expect_order(page, 4, 2, 3, 5, 1)
    expect(last).to_be_focused()

    start, end = row(page, 5).locator("[data-handle]").bounding_box(), row(page, 4).bounding_box()
    assert start
    assert end
    page.mouse.move(start["x"] + 5, start["y"] + 5)
    page.mouse.down()
    page.mouse.move(end["x"] + 20, end["y"] + 2, steps=4)
    expect_order(page, 5, 4, 2, 3, 1)
    page.mouse.up()
    expect(page.locator("[data-said]")).to_contain_text("Run 5 is now 1 of 5.")
    page.mouse.move(start["x"] + 5, end["y"] + 5)
    page.mouse.down()
    page.mouse.move(start["x"] + 5, start["y"] + 5, steps=4)
    page.keyboard.press("Escape")
    page.mouse.up()
    expect_order(page, 5, 4, 2, 3, 1)

    row(page, 3).get_by_label("Select").check()
    row(page, 1).get_by_label("Select").check()
    selected = page.locator("#selected")
    expect(selected).to_contain_text("2 selected")
    selected.get_by_role("button", name="Move to top").click()
    expect_order(page, 3, 1, 5, 4, 2)
    row(page, 2).get_by_label("Priority").fill("3")
    row(page, 2).get_by_label("Priority").press("Tab")
    expect_order(page, 2, 3, 1, 5, 4)
    found = httpx.get(f"{quiet.url}/queue").json()["queued"]
    assert [run["id"] for run in found] == [2, 3, 1, 5, 4]


def test_other_windows_learn_of_moves_and_of_a_pause(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/studies", json={"depth": 1, "seed": [0, 1, 2]}).raise_for_status()
    page.goto(f"{quiet.url}/queue")
    other = page.context.new_page()
    other.goto(f"{quiet.url}/runs/1")
    httpx.post(f"{quiet.url}/queue/move", json={"id": 3, "to": "top"}).raise_for_status()
    expect_order(page, 3, 1, 2)
    page.get_by_role("button", name="Pause queue").click()
    for window in (page, other):
        expect(window.get_by_role("region", name="Paused queue")).to_be_visible()
    expect(page.locator("#queue-heading")).to_contain_text("when the queue is resumed")
    expect(row(page, 1)).not_to_contain_text("the queue is paused")  # the banner says so once
    expect(page.get_by_role("button", name="Pause queue")).to_have_count(0)
    other.get_by_role("button", name="Resume queue").click()
    for window in (page, other):
        expect(window.get_by_role("region", name="Paused queue")).to_have_count(0)
    assert re.fullmatch(r".*/runs/1", other.url)
    other.close()


PLACES = ("/help", "/docs", "/runs/new", "/runs/1/epochs", "/studies/1/delete", "/compare", "/workers", "/9")


def test_every_page_learns_of_a_pause_over_one_connection(quiet: WebServer, pages: BrowserContext) -> None:
    httpx.post(f"{quiet.url}/studies", json={"depth": [1, 2]}).raise_for_status()
    with watched(pages):
        windows = [pages.new_page() for _ in PLACES]
        for window, place in zip(windows, PLACES, strict=True):
            window.goto(quiet.url + place)
        eventually(lambda: quiet.app.state.events.clients == 1)
        httpx.post(f"{quiet.url}/queue/pause").raise_for_status()
        for window in windows:
            banner = window.get_by_role("region", name="Paused queue")
            expect(banner).to_contain_text(re.compile(r"The queue is paused \(.*(now|ago)\)"))
        form = windows[PLACES.index("/runs/new")]
        expect(form.locator("#estimate")).to_contain_text("The queue is paused")
        assert quiet.app.state.events.clients == 1
        windows[0].get_by_role("button", name="Resume queue").click()
        for window in windows:
            expect(window.get_by_role("region", name="Paused queue")).to_have_count(0)
        expect(form.locator("#estimate")).not_to_contain_text("The queue is paused")


def test_a_pause_before_the_stream_begins_is_shown_on_a_phone(quiet: WebServer, phone: Page) -> None:
    def pause_after(route: Route) -> None:
        response = route.fetch()
        httpx.post(f"{quiet.url}/queue/pause").raise_for_status()
        route.fulfill(response=response)

    intercept(phone, "**/help", pause_after)
    phone.goto(f"{quiet.url}/help")
    expect(phone.get_by_role("region", name="Paused queue")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_queued_runs_are_compact_cards_on_a_phone(quiet: WebServer, phone: Page) -> None:
    httpx.post(
        f"{quiet.url}/studies", json={"depth": [1, 2, 3], "lr": 0.0123, "epochs": 33}
    ).raise_for_status()
    phone.goto(f"{quiet.url}/queue")
    rows = phone.locator(".waiting tbody tr")
    expect(rows).to_have_count(3)
    assert max(rows.evaluate_all("(rows) => rows.map((row) => row.getBoundingClientRect().height)")) <= 130
    expect(phone.get_by_text("Drag a row by its handle")).to_be_visible()
    expect(phone.locator(".by-keys")).to_be_hidden()


def test_the_current_page_is_in_view_in_the_navigation_of_a_phone(quiet: WebServer, phone: Page) -> None:
    phone.goto(f"{quiet.url}/workers")
    expect(phone.locator(".bar nav [aria-current]")).to_have_text("System")
    expect(phone.locator(".bar nav [aria-current]")).to_be_in_viewport(ratio=1)
