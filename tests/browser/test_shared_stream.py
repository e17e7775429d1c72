"""All tabs of a browser share one event stream, and none misses an event."""

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import watched
from tests.browser.drawn import wait
from tests.browser.routes import intercept
from tests.browser.side_by_side import Study
from tests.browser.test_live import show
from tests.waiting import eventually
from tests.web_server import WebServer

pytestmark = pytest.mark.browser

CHARTS = ("/runs/1", "/runs/2", "/studies/1")
EIGHT = (*CHARTS, *["/runs"] * 5)
"""Addresses of more windows than a browser has connections to a server, of which some draw charts."""

WITHOUT_WORKERS = "delete window.SharedWorker"


def reaches(pages: list[Page], epoch: int) -> None:
    """Wait until the loss chart of each page ends at an epoch, and each list shows it for both runs."""
    for page in pages:
        if page.url.endswith("/runs"):
            expect(page.locator("[data-runs] tr[data-run]")).to_contain_text([f"{epoch} / 100"] * 2)
            continue
        chart = "curves" if "/studies/" in page.url else "loss"
        wait(page, chart, lambda drawing: drawing.ends and {round(end.x) for end in drawing.ends} == {epoch})


def charted_epochs(page: Page) -> list[int]:
    """The epochs that the loss chart's first curve was given; `reaches` looks at what is drawn."""
    epochs: list[int] = page.evaluate("() => [...document.getElementById('loss-chart').data[0].x]")
    return epochs


def test_eight_windows_are_live_over_one_connection(quiet: WebServer, pages: BrowserContext) -> None:
    study = Study(quiet)
    study.start()
    study.trains()
    with watched(pages):
        opened = [pages.new_page() for _ in EIGHT]
        for page, path in zip(opened, EIGHT, strict=True):
            page.goto(quiet.url + path)
        reaches(opened, 1)
        assert quiet.app.state.events.clients == 1
        for _ in range(3):
            study.trains()
        reaches(opened, 4)
        opened.pop(0).close()
        study.trains()
        late = pages.new_page()

        def train_first(route: Route) -> None:
            study.trains()
            route.continue_()

        intercept(late, "**/epochs", train_first)
        late.goto(f"{quiet.url}/runs/2")
        reaches([*opened, late], 6)
        assert quiet.app.state.events.clients == 1
        assert charted_epochs(opened[0]) == charted_epochs(late) == [1, 2, 3, 4, 5, 6]
        quiet.stop()
        for page in opened:
            expect(page.locator("[data-connection]")).to_contain_text("Connection lost")
        quiet.start()
        study.trains()
        reaches(opened, 7)
        for page in opened:
            expect(page.locator("[data-connection]")).to_be_hidden()
    eventually(lambda: quiet.app.state.events.clients == 0)


@pytest.mark.parametrize("script", ["", WITHOUT_WORKERS], ids=["shared", "own"])
def test_a_hidden_page_shows_its_progress_and_catches_up(quiet: WebServer, page: Page, script: str) -> None:
    study = Study(quiet)
    study.start()
    study.trains()
    page.add_init_script(script)
    page.goto(f"{quiet.url}/runs/1")
    reaches([page], 1)
    expect(page).to_have_title("1 % · 2 layers, 100 epochs, seed 0 · Depthboard")
    icon = page.locator("link[rel=icon]")
    show(page, visible=False)
    for _ in range(4):
        study.trains()
    expect(page).to_have_title("5 % · 2 layers, 100 epochs, seed 0 · Depthboard")
    assert "5%20100" in (icon.get_attribute("href") or "")
    assert charted_epochs(page) == [1]
    show(page, visible=True)
    reaches([page], 5)
    assert charted_epochs(page) == [1, 2, 3, 4, 5]
    show(page, visible=False)
    study.fails(0)
    expect(page).to_have_title("✗ 2 layers, 100 epochs, seed 0 · Depthboard")
    assert "c9372c" in (icon.get_attribute("href") or "")
    show(page, visible=True)
    expect(page.locator("#run-heading .status")).to_have_text("failed")
    show(page, visible=False)
    eventually(lambda: quiet.app.state.events.clients == 0)


def test_one_notification_tells_that_a_study_ended_or_a_run_failed(
    quiet: WebServer, pages: BrowserContext
) -> None:
    study = Study(quiet)
    study.start()
    study.trains()
    with watched(pages):
        pages.grant_permissions(["notifications"], origin=quiet.url)
        tabs = [pages.new_page() for _ in range(3)]
        for tab in tabs:
            tab.add_init_script(
                """
                window.told = [];
                window.Notification = class extends EventTarget {
                  static permission = "granted";
                  static requestPermission = async () => "granted";
                  constructor(title, { body }) { super(); window.told.push(`${title}: ${body}`); }
                  close() {}
                };
                """
            )
            tab.goto(f"{quiet.url}/help" if tab is tabs[0] else f"{quiet.url}/studies/1")
        tabs[0].get_by_role("button", name="Notify when a study ends").click()
        expect(tabs[0].locator("[data-said]")).to_contain_text("You get a notification")
        for tab in tabs:
            expect(tab.locator("[data-notify]")).to_have_attribute("aria-pressed", "true")
        eventually(lambda: quiet.app.state.events.clients == 1)
        study.fails(0)
        study.finishes()

        def told() -> list[str]:
            return sorted(line for tab in tabs for line in tab.evaluate("() => window.told"))

        eventually(lambda: len(told()) == 2)
        assert told() == [
            "Ended: depth 2 × 2 seeds: 1 finished, 1 failed of 2 runs",
            "Failed: 2 layers, 100 epochs, seed 0: it broke",
        ]
