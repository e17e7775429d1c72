"""What every page has: command palette, keys and messages."""

import re
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_axe import AXE, TAGS
from tests.web_server import WebServer

pytestmark = pytest.mark.browser

SAY = """async (text) => {
  const every = [...document.scripts].find(({ src }) => src.endsWith("/pages/every_page.js")).src;
  const { say } = await import(every.replace("pages/every_page.js", "parts/messages.js"));
  say(text, { action: { label: "Undo", run: () => { window.undone = text; } } });
}"""


VIOLATIONS = """async (tags) => {
  const { violations } = await axe.run({ runOnly: tags });
  return violations.map(({ id, nodes }) => [id, nodes[0].html]);
}"""


@pytest.fixture
def url(quiet: WebServer) -> str:
    """The URL of a server with a study of three queued runs."""
    httpx.post(f"{quiet.url}/studies", json={"depth": [1, 2, 3]}).raise_for_status()
    return quiet.url


def test_the_palette_finds_pages_actions_runs_and_studies(url: str, page: Page) -> None:
    page.goto(f"{url}/queue")
    page.get_by_role("button", name="Commands").click()
    search = page.get_by_role("combobox", name="Pages, actions")
    options = page.get_by_role("listbox", name="Results").get_by_role("option")
    expect(search).to_be_focused()
    labels = [label.split("\n")[0] for label in options.all_inner_texts()]
    assert {"Runs", "Studies", "New run", "Help"} <= set(labels)
    assert len(set(labels)) == len(labels)
    search.fill("seed 2 lay")
    expect(options).to_have_count(0)
    search.fill("2 layers")
    expect(options).to_have_text(re.compile("2 layers, seed 0.*run 2, queued"))
    search.press("Enter")
    page.wait_for_url(f"{url}/runs/2")
    page.keyboard.press("Control+k")
    expect(search).to_be_focused()
    search.fill("canc")
    expect(options.first).to_have_text("Cancel")
    search.press("Enter")
    expect(page.locator("#run-heading .status")).to_have_text("cancelled by user")
    page.keyboard.press("Control+k")
    search.fill("depth")
    expect(page.get_by_role("group", name="Studies").get_by_role("option")).to_have_count(1)
    search.press("Enter")
    page.wait_for_url(f"{url}/studies/1")
    page.keyboard.press("Control+k")
    expect(options.first).to_have_text(re.compile("2 layers, seed 0.*run"))
    page.evaluate(AXE)
    themes: list[Literal["light", "dark"]] = ["light", "dark"]
    for theme in themes:
        page.emulate_media(color_scheme=theme)
        assert page.evaluate(VIOLATIONS, TAGS.split()) == []
    marked = search.get_attribute("aria-activedescendant")
    search.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    search.press("ArrowDown")
    expect(search).to_have_attribute("aria-activedescendant", marked or "")
    search.press("Escape")
    expect(search).to_be_hidden()


def test_keys_move_between_rows_and_pages_unless_someone_types(url: str, page: Page) -> None:
    page.goto(f"{url}/runs?sort=id")
    rows = page.locator("[data-runs] tbody tr")
    page.keyboard.press("j")
    expect(rows.nth(0).locator(".name a")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(rows.nth(1).get_by_role("checkbox")).to_be_checked()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/runs/1?sort=id", wait_until="commit")
    page.goto(f"{url}/help")
    for key, place in {"s": "/studies", "r": "/runs", "q": "/queue", "c": "/compare"}.items():
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(url + place)
    page.goto(f"{url}/runs?limit=2")
    page.keyboard.press("]")
    page.wait_for_url("**cursor=**")
    search = page.get_by_label("Search", exact=True)
    page.keyboard.press("/")
    expect(search).to_be_focused()
    page.keyboard.type("gqn?")
    expect(search).to_have_value("gqn?")
    page.goto(f"{url}/runs/1")
    page.keyboard.press("e")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("edited")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("edited")
    page.goto(f"{url}/studies/1")
    page.keyboard.press("e")
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#labels")).to_be_hidden()
    page.goto(f"{url}/queue")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(keys.locator("dt", has=page.locator("kbd", has_text=re.compile("^e$")))).to_be_visible()
    keys.get_by_label("Use shortcuts of single keys").uncheck()
    page.goto(f"{url}/help")
    switch = page.get_by_label("Use shortcuts of single keys")
    expect(switch).not_to_be_checked()
    page.keyboard.press("n")
    page.reload()
    expect(switch).not_to_be_checked()
    page.keyboard.press("n")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Pages, actions")).to_be_focused()
    assert page.url.endswith("/help")


def test_messages_stack_and_their_actions_have_a_key(url: str, clocked: Page) -> None:
    clocked.goto(f"{url}/runs")
    messages = clocked.locator("[data-said] .message")
    for text in ("First", "Second", "Second", "Third"):
        clocked.evaluate(SAY, text)
    expect(messages.locator("span")).to_have_text(["First", "Second", "Third"])
    clocked.keyboard.press("Escape")
    expect(messages.locator("span")).to_have_text(["First", "Second"])
    clocked.keyboard.press("u")
    expect(messages.locator("span")).to_have_text(["First"])
    assert clocked.evaluate("() => window.undone") == "Second"
    clocked.evaluate(SAY, "Fourth")
    messages.last.hover()
    clocked.clock.fast_forward(30_000)
    expect(messages.last.locator("span")).to_have_text("Fourth")
    clocked.mouse.move(0, 0)
    clocked.clock.fast_forward(30_000)
    expect(clocked.get_by_text("Fourth")).to_have_count(0)


def test_the_palette_pauses_and_resumes_the_queue_on_any_page(url: str, page: Page) -> None:
    page.goto(f"{url}/studies")
    for words, is_paused in (("pause", True), ("resume", False)):
        page.keyboard.press("Control+k")
        page.get_by_role("combobox", name="Pages, actions").fill(words)
        expect(page.locator("#commands [role=option]").first).to_contain_text(f"{words.capitalize()} queue")
        page.keyboard.press("Enter")
        expect(page.locator("[data-pause-banner]")).to_be_visible(visible=is_paused)
    assert page.url == f"{url}/studies"


def test_the_palette_has_every_action_of_the_list(url: str, page: Page) -> None:
    httpx.post(f"{url}/views", json={"name": "short ones", "query": "depth=1"}).raise_for_status()
    page.goto(f"{url}/runs")
    search = page.get_by_role("combobox", name="Pages, actions")
    actions = page.get_by_role("group", name="On this page").get_by_role("option")

    def found(words: str) -> list[str]:
        search.fill(words)
        expect(
            page.locator("#commands [aria-selected=true]").or_(page.get_by_text("Nothing matches"))
        ).to_have_count(1)
        return [text.split("\n")[0] for text in actions.all_inner_texts()]

    page.keyboard.press("Control+k")
    assert found("sort learning rate") == [
        "Sort by: Learning rate ↑ ascending",
        "Sort by: Learning rate ↓ descending",
    ]
    assert found("group by depth") == ["Group by: Depth"]
    assert found("view short") == ["View: short ones"]
    assert found("archived only") == ["Archived: Archived only"]
    assert found("status failed") == ["Status: failed"]
    assert found("column note") == ["Column: Note"]
    assert found("selected") == []
    found("select all")
    page.keyboard.press("Enter")
    expect(page.locator("input[name=ids]:checked")).to_have_count(3)
    page.keyboard.press("Control+k")
    assert found("selected") == [
        "Compare selected runs",
        "Cancel selected runs",
        "Archive selected runs",
        "Tag selected runs, or remove a tag",
        "Add selected runs to a study",
        "Delete selected runs",
    ]
    found("group by depth")
    page.keyboard.press("Enter")
    expect(page.locator(".run-groups a.fold")).to_have_count(3)
    expect(page).to_have_url(f"{url}/runs?group=depth")


def test_recent_places_exist_and_have_their_present_names(url: str, page: Page) -> None:
    for place in ("runs/1", "runs/2", "studies/1"):
        page.goto(f"{url}/{place}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    httpx.delete(f"{url}/runs/1").raise_for_status()
    httpx.patch(f"{url}/studies/1", json={"name": "renamed"}).raise_for_status()
    page.goto(f"{url}/queue")
    page.keyboard.press("Control+k")
    recent = page.get_by_role("group", name="Recent").get_by_role("option")
    expect(recent).to_have_text(["renamedstudy", "2 layers, seed 0run"])
