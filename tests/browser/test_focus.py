"""Keyboard use: after every action, the focus is at the place to continue."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from app.settings import Settings
from tests.browser import furnished
from tests.browser.routes import intercept
from tests.web_server import WebServer, started

pytestmark = pytest.mark.browser


@pytest.fixture
def changing(furnished_folder: Path, tmp_path: Path, quiet_port: int) -> Iterator[WebServer]:
    """One with a copy of that, for a test that changes something there."""
    folder = shutil.copytree(furnished_folder, tmp_path / "furnished")
    with started(Settings(data_dir=folder), quiet_port) as server:
        yield server


def press(place: Locator, key: str = "Enter") -> None:
    place.focus()
    place.page.keyboard.press(key)


def test_shortcuts_lead_to_the_first_field_and_to_the_search(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/runs", json={"depth": 1}).raise_for_status()
    page.goto(f"{quiet.url}/queue")
    page.keyboard.press("n")
    expect(page.get_by_role("textbox", name="Depth")).to_be_focused()
    page.goto(f"{quiet.url}/queue")
    page.keyboard.press("/")
    expect(page.get_by_label("Search")).to_be_focused()
    page.goto(f"{quiet.url}/runs/new")
    expect(page.get_by_role("heading", name="New run")).to_be_visible()
    expect(page.get_by_role("textbox", name="Depth")).not_to_be_focused()


def test_navigating_the_list_keeps_the_focus(furnished: WebServer, page: Page) -> None:
    page.goto(f"{furnished.url}/runs?limit=5")
    found = page.get_by_role("group", name="runs")
    press(page.get_by_role("link", name="Next page"))
    page.wait_for_url("**cursor=**")
    expect(found).to_be_focused()
    depth = page.locator("[data-column=depth] a")
    press(depth)
    page.wait_for_url("**sort=-depth**")
    expect(depth).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**sort=depth**")
    expect(depth).to_be_focused()
    press(page.locator("a.tag").first)
    page.wait_for_url("**tag=depth")
    expect(page.get_by_role("group", name="15 runs found")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("seed 0")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=seed**")
    expect(page.get_by_role("group", name="runs found")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("nothing like it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="0 runs found")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Show all runs")).to_be_focused()


def test_actions_on_a_run_keep_the_focus_near_it(changing: WebServer, page: Page) -> None:
    page.goto(f"{changing.url}/runs/{furnished.QUEUED}")
    heading = page.locator("#run-heading")
    press(page.get_by_role("button", name="Cancel"))
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    expect(heading.locator(":focus")).to_have_count(1)
    press(page.get_by_role("button", name="Retry"))
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    expect(heading.locator(":focus")).to_have_count(1)
    tag = page.get_by_role("combobox", name="Add a tag")
    tag.fill("sooner")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="sooner")).to_be_visible()
    expect(tag).to_be_focused()
    expect(tag).to_have_value("")
    press(page.get_by_role("button", name="Remove tag later"))
    expect(page.get_by_role("link", name="later")).to_have_count(0)
    expect(page.locator("#run-tags :focus")).to_have_count(1)
    press(page.get_by_text("Edit name and note"))
    page.get_by_role("textbox", name="Note").fill("Waits *longer*.")
    press(page.get_by_role("button", name="Save"))
    expect(page.get_by_text("Saved")).to_be_visible()
    expect(page.get_by_text("Edit name and note")).to_be_focused()
    page.get_by_role("button", name="Close").last.focus()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Edit name and note")).to_be_focused()
    press(page.get_by_role("button", name="Archive"))
    expect(page.get_by_role("button", name="Restore")).to_be_focused()
    press(page.get_by_text("Delete…"))
    press(page.get_by_role("button", name="permanently"))
    page.wait_for_url(f"{changing.url}/runs")
    expect(page.get_by_role("group", name="runs")).to_be_focused()


def test_the_focus_stays_near_elements_that_others_remove(changing: WebServer, page: Page) -> None:
    page.goto(f"{changing.url}/runs")
    page.locator("tr[data-run='14'] .name > a").focus()
    httpx.delete(f"{changing.url}/runs/14").raise_for_status()
    expect(page.locator("tr[data-run='14']")).to_have_count(0)
    expect(page.locator("tr[data-run='13'] :focus")).to_have_count(1)
    page.goto(f"{changing.url}/runs/13")
    page.get_by_role("link", name="Clone").focus()
    httpx.delete(f"{changing.url}/runs/13").raise_for_status()
    expect(page.locator("#gone :focus")).to_have_count(1)


def test_choices_in_a_comparison_keep_the_focus(furnished: WebServer, page: Page) -> None:
    page.goto(f"{furnished.url}/compare?study=1")
    press(page.get_by_role("link", name="Pin 2 layers as the baseline"))
    expect(page.get_by_role("link", name="Unpin 2 layers")).to_be_focused()
    page.locator("#by").select_option("lr")
    press(page.get_by_role("button", name="Group"))
    page.wait_for_url("**by=lr**")
    expect(page.get_by_role("button", name="Group", exact=True)).to_be_focused()
    page.goto(f"{furnished.url}/compare?study=1&epoch=2")
    expect(page.locator("#groups-at-epoch")).to_be_visible()
    press(page.get_by_role("link", name="Pin 2 layers as the baseline"))
    page.wait_for_url("**baseline=**")
    expect(page.get_by_role("link", name="Unpin 2 layers")).to_be_focused()
    back, more = page.get_by_role("button", name="Back to final"), page.locator("[data-images-more]")
    expect(back).to_be_enabled()
    press(back)
    expect(page.get_by_label("At epoch")).to_be_focused()
    expect(more).to_be_visible()
    press(more)
    expect(page.locator("[data-images-gallery] li").nth(24)).to_be_focused()


def test_every_tab_stop_has_a_visible_focus(furnished: WebServer, page: Page) -> None:
    for address in ("/runs", "/runs/new", "/compare?study=1"):
        page.goto(furnished.url + address)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        for _ in range(20):
            page.keyboard.press("Tab")
            width = page.evaluate(
                "() => { const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);"
                " return outlineStyle === 'none' ? 0 : parseFloat(outlineWidth); }"
            )
            assert width >= 2, page.evaluate("() => document.activeElement.outerHTML")


def test_the_list_of_keys_opens_over_the_page_and_returns_the_focus(quiet: WebServer, page: Page) -> None:
    page.goto(f"{quiet.url}/queue")
    system = page.get_by_role("link", name="System")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    for button in (None, dialog.get_by_role("button", name="Close")):
        press(system, "?")
        expect(dialog.get_by_text("Next row, previous row")).to_be_visible()
        assert dialog.evaluate("(dialog) => dialog.contains(document.activeElement)")
        if button:
            button.click()
        else:
            page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(system).to_be_focused()
    press(system, "?")
    dialog.get_by_role("link", name="Help and glossary").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Help")


def test_the_key_for_the_list_of_keys_leads_to_help_if_it_can_not_be_read(
    quiet: WebServer, page: Page
) -> None:
    page.goto(f"{quiet.url}/queue")
    intercept(
        page,
        "**/help",
        lambda route: route.abort() if route.request.resource_type == "fetch" else route.continue_(),
    )
    press(page.get_by_role("link", name="System"), "?")
    expect(page.get_by_role("heading", level=1)).to_have_text("Help")


def test_signs_remain_visible_with_forced_colours(furnished: WebServer, page: Page) -> None:
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    page.goto(f"{furnished.url}/runs")
    dot = page.locator("tr[data-run='13'] .dot")
    assert dot.evaluate("(dot) => getComputedStyle(dot).backgroundColor") == "rgb(36, 16, 107)"
    running = "() => document.getAnimations().length"
    assert page.evaluate(running) == 0
