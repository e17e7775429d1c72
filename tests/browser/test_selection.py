"""A selection of runs: what it holds, when it ends, and what is said before its runs are deleted."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from app.queue import admission
from app.schemas.bodies import Labels
from app.settings import Settings
from app.storage.database import Database
from tests.app.states import ROOM
from tests.browser.routes import Held
from tests.web_server import WebServer, started
from trainer.config import TrainConfig

pytestmark = pytest.mark.browser

MANY = 60


def queue_many(server: WebServer) -> str:
    """Queue 60 runs of one or two layers and return the server's URL."""
    database: Database = server.app.state.database
    with database.write() as session:
        configs = [(TrainConfig(depth=1 + seed % 2, seed=seed), Labels(), None) for seed in range(MANY)]
        admission.enqueue_all(session, configs, limit=ROOM)
    return server.url


@pytest.fixture
def url(quiet: WebServer) -> str:
    """The URL of a server with such runs."""
    return queue_many(quiet)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, shared_port: int) -> Iterator[str]:
    """The URL of a server with such runs, for tests that change none."""
    with started(Settings(data_dir=tmp_path_factory.mktemp("kept")), shared_port) as server:
        yield queue_many(server)


def bar(page: Page) -> Locator:
    return page.get_by_role("group", name="Actions on selected runs")


def select_all_that_match(page: Page) -> None:
    page.get_by_label("Select all runs on this page").check()
    bar(page).get_by_role("button", name=re.compile("^Select all .* that match$")).click()


def test_all_that_match_belong_to_their_filter(kept: str, page: Page) -> None:
    page.goto(f"{kept}/runs?depth=1&limit=25")
    boxes = page.locator("input[name=ids]")
    select_all_that_match(page)
    expect(bar(page)).to_contain_text("30 runs selected")
    page.get_by_role("link", name="Next page").click()
    expect(boxes).to_have_count(5)
    expect(bar(page)).to_contain_text("30 runs selected")
    expect(page.locator("input[name=ids]:checked")).to_have_count(5)
    page.goto(f"{kept}/runs?depth=2")
    expect(boxes).to_have_count(30)
    expect(bar(page)).to_be_hidden()
    boxes.nth(3).check()
    expect(bar(page)).to_contain_text("1 run selected")
    expect(page.locator("input[name=ids]:checked")).to_have_count(1)
    page.goto(f"{kept}/runs?depth=1&limit=25")
    expect(bar(page)).to_contain_text("1 run selected (1 not on this page)")


@pytest.mark.parametrize(
    ("action", "said"), [("Archive", "Archived: 60 runs."), ("Cancel runs", "Cancelled: 60 runs.")]
)
def test_an_action_ends_the_selection(url: str, page: Page, action: str, said: str) -> None:
    page.goto(f"{url}/runs")
    select_all_that_match(page)
    bar(page).get_by_role("button", name=action).click()
    if action == "Cancel runs":
        page.get_by_role("dialog").get_by_role("button", name="Cancel 60 runs").click()
    expect(page.locator("[data-said]")).to_contain_text(said)
    expect(bar(page)).to_be_hidden()
    page.goto(f"{url}/runs?archived=all")
    expect(page.locator("input[name=ids]")).to_have_count(50)
    expect(bar(page)).to_be_hidden()


def test_an_action_that_does_nothing_keeps_the_selection(kept: str, page: Page) -> None:
    page.goto(f"{kept}/runs")
    page.locator("input[name=ids]").first.check()
    bar(page).locator("summary", has_text="Tag").click()
    bar(page).get_by_role("button", name="Add tag").click()
    field = bar(page).get_by_label("Tag")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description("Enter a tag.")
    expect(page.locator("[data-said]")).to_be_empty()
    page.keyboard.type("x")
    expect(field).to_have_accessible_description("")
    expect(bar(page)).to_contain_text("1 run selected")


def test_a_run_deleted_elsewhere_leaves_the_list_and_its_counts(url: str, page: Page) -> None:
    page.goto(f"{url}/runs")
    boxes = page.locator("input[name=ids]")
    page.get_by_label("Select all runs on this page").check()
    expect(bar(page)).to_contain_text("Select all 60 that match")
    httpx.post(f"{url}/runs/{MANY}/cancel").raise_for_status()
    httpx.delete(f"{url}/runs/{MANY}").raise_for_status()
    expect(page.locator("#runs-count")).to_contain_text("59 runs")
    expect(page.locator(f"tr[data-run='{MANY}']")).to_have_count(0)
    expect(boxes).to_have_count(50)
    expect(bar(page)).to_contain_text("49 runs selected")
    boxes.last.check()
    expect(bar(page)).to_contain_text("Select all 59 that match")


def test_undo_selects_nothing_and_a_deletion_names_what_is_overlooked(url: str, page: Page) -> None:
    page.goto(f"{url}/runs?depth=1")
    page.get_by_label("Select all runs on this page").check()
    bar(page).get_by_role("button", name="Archive").click()
    said = page.locator("[data-said]")
    said.get_by_role("button", name="Undo").click()
    expect(said).to_contain_text("Undone: 30 runs.")
    expect(bar(page)).to_be_hidden()
    page.locator("input[name=ids]").nth(0).check()
    page.locator("input[name=ids]").nth(1).check()
    page.goto(f"{url}/runs?depth=2&limit=25")
    page.locator("input[name=ids]").nth(0).check()
    expect(bar(page).get_by_role("button", name="Restore")).to_be_hidden()
    expect(bar(page).get_by_role("button", name="Retry")).to_be_hidden()
    bar(page).get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete 3 runs?")
    expect(dialog).to_contain_text("2 of them are not on this page. All 3 are not archived.")


def test_a_comparison_keeps_only_what_the_page_shows(kept: str, page: Page) -> None:
    page.goto(f"{kept}/runs?depth=1")
    page.locator("input[name=ids]").nth(0).check()
    page.goto(f"{kept}/runs?depth=2")
    page.locator("input[name=ids]").nth(0).check()
    bar(page).get_by_role("button", name="Compare").click()
    page.wait_for_url("**/compare?runs=*")
    page.go_back()
    expect(bar(page)).to_contain_text("1 run selected")
    expect(bar(page)).not_to_contain_text("not on this page")


def test_a_deletion_shows_that_it_works(url: str, page: Page) -> None:
    page.goto(f"{url}/runs")
    select_all_that_match(page)
    bar(page).get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("textbox").fill("delete")
    held = Held(page, "**/runs/bulk")
    page.keyboard.press("Enter")
    expect(bar(page)).to_contain_text("Deleting 60 runs …")
    expect(bar(page).get_by_role("button", name="Archive")).to_have_attribute("aria-disabled", "true")
    held.first().continue_()
    expect(page.locator("[data-said]")).to_contain_text("Deleted: 60 runs.")
    page.goto(f"{url}/runs")
    expect(bar(page)).to_be_hidden()


def test_the_bar_is_low_and_below_messages(url: str, page: Page, subtests: pytest.Subtests) -> None:
    page.goto(f"{url}/runs")
    boxes = page.locator("input[name=ids]")
    boxes.first.check()
    bar(page).get_by_role("button", name="Archive").click()
    message = page.locator("[data-said] .message")
    expect(message).to_be_visible()
    for place in (0, 1):
        boxes.nth(place).check()
    expect(bar(page)).to_contain_text("2 runs selected")
    for width in (1280, 900, 760, 390):
        page.set_viewport_size({"width": width, "height": 800})
        message.hover()  # so that it stays
        with subtests.test(width=width):
            area, said = bar(page).bounding_box(), message.bounding_box()
            assert area
            assert said
            assert area["height"] <= 100
            assert said["y"] + said["height"] <= area["y"]
            assert area["y"] + area["height"] <= 800
            for button in bar(page).locator("button:visible, summary:visible").all():
                button.focus()
                expect(button).to_be_in_viewport(ratio=0.6)
            assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_a_panel_of_the_bar_takes_the_focus_and_enter(url: str, page: Page) -> None:
    page.goto(f"{url}/runs")
    for place in (0, 1):
        page.locator("input[name=ids]").nth(place).check()
    bar(page).locator("summary", has_text="Tag").click()
    expect(bar(page).get_by_label("Tag")).to_be_focused()
    page.keyboard.type("check")
    page.keyboard.press("Enter")
    expect(page.locator("[data-said]")).to_contain_text("Tagged “check”: 2 runs.")
    expect(bar(page)).to_be_hidden()
    expect(page).to_have_url(f"{url}/runs")
    expect(page.locator("#runs-list")).to_be_focused()


@pytest.mark.parametrize("name", ["Views", "Columns", "Add filter", "Display"])
def test_an_open_panel_has_the_focus_and_the_keys(kept: str, page: Page, name: str) -> None:
    page.goto(f"{kept}/runs")
    page.locator("summary", has_text=name).first.click()
    expect(page.locator("details.chooser[open] .panel :focus")).to_have_count(1)
    page.locator("details.chooser[open] summary").focus()
    page.keyboard.press("n")  # a new run, were the panel closed
    page.keyboard.press("Escape")
    expect(page.locator("details.chooser[open]")).to_have_count(0)
    expect(page.locator("summary", has_text=name).first).to_be_focused()
    assert page.url == f"{kept}/runs"
    page.keyboard.press("n")
    page.wait_for_url(f"{kept}/runs/new")


def test_filters_and_undo_do_not_scroll(url: str, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 500})
    page.goto(f"{url}/runs")
    page.keyboard.press("/")
    page.keyboard.type("depth:1")
    page.keyboard.press("Enter")
    expect(page.locator("#runs-list")).to_be_focused()
    expect(page.locator("#runs-count")).to_contain_text("30 runs match")
    assert page.evaluate("() => scrollY") == 0
    assert page.locator("#runs-list").evaluate("(list) => getComputedStyle(list).outlineStyle") == "none"
    page.locator("summary", has_text="Add filter").click()
    page.get_by_label("Field").select_option("seed")
    page.get_by_label("Value").fill("0..20")
    page.keyboard.press("Enter")
    page.wait_for_url("**seed**")
    expect(page.locator("#runs-list")).to_be_focused()
    assert page.evaluate("() => scrollY") == 0
    page.get_by_label("Select all runs on this page").check()
    bar(page).get_by_role("button", name="Archive").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-said]")).to_contain_text("Undone")
    assert page.evaluate("() => scrollY") == 0
