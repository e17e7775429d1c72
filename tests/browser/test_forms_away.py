"""Forms sent while the server is away, or whose answer is lost: nothing typed is lost, nothing done twice."""

from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.routes import Held, intercept
from tests.web_server import WebServer

pytestmark = pytest.mark.browser

AWAY = "The server can’t be reached."


def total(server: WebServer) -> int:
    """How many runs there are."""
    number: int = httpx.get(f"{server.url}/runs", params={"limit": 1}).json()["total"]
    return number


def run(server: WebServer, **config: Any) -> str:
    """The address of a new run."""
    created = httpx.post(f"{server.url}/runs", json={"depth": 1, **config}).raise_for_status()
    return server.url + created.headers["location"]


def lose_the_first_answer(page: Page, url: str) -> list[Route]:
    """Let the server do what it is asked and its first answer get lost; what is returned then holds it."""
    lost: list[Route] = []

    def lose(route: Route) -> None:
        if route.request.method != "POST" or lost:
            route.fallback()
            return
        lost.append(route)
        route.fetch(max_redirects=0)
        route.abort()

    intercept(page, url, lose)
    return lost


def start(page: Page) -> Locator:
    """The button that sends the form for new runs."""
    return page.get_by_role("button", name="Start")


def test_the_form_keeps_a_new_run_until_the_server_responds(quiet: WebServer, page: Page) -> None:
    page.goto(f"{quiet.url}/runs/new")
    page.get_by_text("Name, tags, note and priority").click()
    page.get_by_label("Name", exact=True).fill("Typed for long")
    page.get_by_label("Note").fill("and with care")
    page.get_by_label("Epochs").fill("7")
    expect(page.locator("#snippets")).to_contain_text("Typed for long")
    note = page.locator("[data-stale-note]")
    expect(note).to_have_text("")
    quiet.stop()
    page.get_by_label("Depth", exact=True).fill("1-4")
    expect(note).to_have_text("Not up to date: the server can’t be reached.")
    start(page).click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(f"{AWAY} Your input is kept.")
    below = alert.evaluate("(alert) => alert.closest('.actions').contains(document.activeElement)")
    assert below, "it stands beside the button that was pressed"
    expect(page.get_by_label("Name", exact=True)).to_have_value("Typed for long")
    expect(page.get_by_label("Note")).to_have_value("and with care")
    quiet.start()
    expect(page.locator("#estimate")).to_contain_text("4 runs, ", timeout=30_000)
    expect(note).to_have_text("")
    expect(alert).to_have_count(0)
    assert total(quiet) == 0
    start(page).click()
    page.wait_for_url("**/studies/1")
    assert total(quiet) == 4
    assert {each["note"] for each in httpx.get(f"{quiet.url}/runs").json()["runs"]} == {"and with care"}


def test_a_notice_says_that_the_server_is_unreachable_until_it_responds(quiet: WebServer, page: Page) -> None:
    page.goto(f"{quiet.url}/runs/new")
    quiet.stop()
    start(page).click()  # nothing was typed, so no estimate was asked for meanwhile
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(f"{AWAY} Your input is kept.")
    note = page.locator("[data-stale-note]")
    expect(note).to_have_text("Not up to date: the server can’t be reached.")
    quiet.start()
    expect(note).to_have_text("", timeout=30_000)
    expect(alert).to_have_count(0)


def test_a_notice_about_a_lost_response_stays_until_the_next_press(quiet: WebServer, page: Page) -> None:
    page.goto(f"{quiet.url}/runs/new")
    lose_the_first_answer(page, "**/runs")
    with page.expect_response("**/studies/preview"):
        start(page).click()
    page.get_by_label("Epochs").fill("8765")
    expect(page.locator("#snippets")).to_contain_text("8765")  # the server is there, and reads what is typed
    expect(page.get_by_role("alert")).to_contain_text("You can safely try again.")


def test_a_start_with_a_lost_response_is_repeated_without_duplicates(quiet: WebServer, page: Page) -> None:
    page.goto(f"{quiet.url}/runs/new")
    page.get_by_label("Depth", exact=True).fill("2")
    lost = lose_the_first_answer(page, "**/runs")
    start(page).click()
    expect(page.get_by_role("alert")).to_contain_text("You can safely try again.")
    assert (len(lost), total(quiet)) == (1, 1)
    page.reload()
    page.get_by_label("Depth", exact=True).fill("2")
    start(page).click()
    page.wait_for_url("**/runs/1")
    assert total(quiet) == 1
    page.goto(f"{quiet.url}/runs/new")  # the same again, and meant so
    page.get_by_label("Depth", exact=True).fill("2")
    start(page).click()
    page.wait_for_url("**/runs/2")
    assert total(quiet) == 2


def test_a_first_visit_that_is_answered_late_starts_one_study(quiet: WebServer, page: Page) -> None:
    page.goto(quiet.url)
    lose_the_first_answer(page, "**/runs")
    button = page.get_by_role("button", name="Run the depth study")
    button.click()
    expect(page.get_by_role("alert")).to_contain_text(AWAY)
    button.dblclick()
    expect(page.get_by_role("heading", name="Depth study", exact=True)).to_be_visible()
    assert total(quiet) == 15


def test_the_message_of_a_busy_server_is_shown_and_the_input_kept(quiet: WebServer, page: Page) -> None:
    page.goto(f"{quiet.url}/runs/new")
    page.get_by_label("Epochs").fill("9")
    busy = "<main><p data-detail>The database is busy; nothing was changed.</p></main>"
    intercept(
        page,
        "**/runs",
        lambda route: route.fulfill(status=503, body=busy, headers={"Content-Type": "text/html"}),
    )
    start(page).click()
    expect(page.get_by_role("alert")).to_have_text(
        "The database is busy; nothing was changed. Your input is kept."
    )
    page.unroute("**/runs")
    intercept(page, "**/runs", lambda route: route.fulfill(status=502, body="Bad gateway"))
    start(page).click()
    expect(page.get_by_role("alert")).to_have_text(f"{AWAY} Your input is kept.")
    expect(page.get_by_label("Epochs")).to_have_value("9")


def test_a_refused_form_stays_in_its_page_and_leads_to_the_first_wrong_field(
    quiet: WebServer, page: Page
) -> None:
    page.goto(f"{quiet.url}/runs/new")
    page.evaluate("() => { window.isTheSame = true }")
    page.get_by_text("Name, tags, note and priority").click()
    page.get_by_label("Priority").fill("first of all")
    page.get_by_text("Name, tags, note and priority").click()
    page.get_by_label("Note").evaluate("(note) => { note.value = 'kept' }")
    start(page).click()
    expect(page.get_by_role("alert")).to_contain_text("No run was started")
    expect(page.locator("#priority-error")).to_have_text("Expected a whole number, such as 0.")
    expect(page.get_by_label("Priority")).to_be_focused()  # its part of the form was folded
    expect(page.get_by_label("Priority")).to_have_value("first of all")
    expect(page.get_by_role("button", name="Update estimate")).to_be_hidden()
    page.get_by_label("Priority").fill("3")
    start(page).click()
    page.wait_for_url("**/runs/1")
    assert httpx.get(page.url).json()["note"] == "kept"


def test_labels_are_kept_until_they_can_be_saved(quiet: WebServer, page: Page) -> None:
    address = run(quiet)
    page.goto(address)
    page.evaluate("() => { window.isTheSame = true }")
    edit = page.get_by_text("Edit name and note")
    edit.click()
    note, name = page.get_by_role("textbox", name="Note"), page.get_by_label("Name", exact=True)
    made = name.input_value()
    note.fill("a thought")
    quiet.stop()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text(f"{AWAY} Your input is kept.")
    expect(note).to_have_value("a thought")
    quiet.start()
    lose_the_first_answer(page, address)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text(AWAY)
    name.fill("another")
    note.fill("a thought")
    name.fill(made)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[data-said]")).to_contain_text("Saved.")
    expect(note).to_be_hidden()
    expect(page.get_by_role("region", name="Note", exact=True)).to_have_text("a thought")
    edit.click()
    name.fill("  Another <name> ")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Another <name>")
    expect(name).to_have_value("Another <name>")
    expect(page).to_have_title("Another <name> · Depthboard")
    assert page.evaluate("() => window.isTheSame")


def test_input_typed_during_a_reload_is_kept_and_can_be_saved(quiet: WebServer, page: Page) -> None:
    address = run(quiet)
    page.goto(address)
    held: list[Route] = []
    intercept(
        page,
        address,
        lambda route: held.append(route) if route.request.method == "GET" else route.continue_(),
    )
    save = page.get_by_role("button", name="Save")
    page.get_by_text("Edit name and note").click()
    page.get_by_role("textbox", name="Note").fill("b,  a")
    with page.expect_request(lambda request: request.method == "GET" and request.url == address):
        save.click()
    page.get_by_label("Name", exact=True).fill("Another <name>")
    save.click()
    page.unroute(address)  # what was held back goes on
    expect(page.get_by_role("heading", level=1)).to_contain_text("Another <name>")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Another <name>")
    expect(page.get_by_role("region", name="Note", exact=True)).to_have_text("b, a")


def test_a_conflicting_change_is_shown_with_the_own_input(quiet: WebServer, page: Page) -> None:
    address = run(quiet)
    page.goto(address)
    httpx.patch(address, json={"name": "theirs"}).raise_for_status()
    expect(page.get_by_role("heading", level=1)).to_contain_text("theirs")
    page.get_by_text("Edit name and note").click()
    page.get_by_label("Name", exact=True).fill("mine")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Someone else changed this run")
    expect(page.get_by_label("Name", exact=True)).to_have_value("mine")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("mine")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_note_is_saved_after_tags_changed_while_it_was_typed(quiet: WebServer, page: Page) -> None:
    address = run(quiet)
    page.goto(address)
    page.get_by_text("Edit name and note").click()
    page.get_by_role("textbox", name="Note").fill("typed")
    add = page.get_by_role("combobox", name="Add a tag")
    add.fill("draft")
    add.press("Enter")
    expect(page.get_by_role("link", name="draft")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("region", name="Note", exact=True)).to_have_text("typed")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("textbox", name="Note")).to_be_hidden()


def test_a_rejected_note_stays_open_while_the_page_changes(quiet: WebServer, page: Page) -> None:
    address = run(quiet)
    page.goto(address)
    page.get_by_text("Edit name and note").click()
    page.get_by_role("textbox", name="Note").fill("mine")
    httpx.patch(address, json={"note": "theirs"}).raise_for_status()
    page.get_by_role("button", name="Save").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Someone else changed this run")
    httpx.patch(address, json={"tags": ["elsewhere"]}).raise_for_status()
    expect(page.get_by_role("link", name="elsewhere")).to_be_visible()
    expect(alert).to_be_visible()
    expect(page.get_by_role("textbox", name="Note")).to_have_value("mine")


def test_more_seeds_are_added_once_and_appear_in_place(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/studies", json={"depth": [1, 2]}).raise_for_status()
    page.goto(f"{quiet.url}/studies/1")
    page.evaluate("() => { window.isTheSame = true }")
    page.get_by_label("New seeds").fill("0")
    add = page.get_by_role("button", name="Add to every configuration")
    add.click()
    expect(page.locator("#seeds-error")).to_contain_text("from 1 to 100")
    page.get_by_label("New seeds").fill("3")
    lose_the_first_answer(page, "**/studies/1/runs")
    add.click()
    expect(page.get_by_role("alert")).to_contain_text("You can safely try again.")
    add.click()
    rows = page.locator("[data-runs] tbody tr")
    expect(rows).to_have_count(8)
    expect(page.locator("[data-said]")).to_contain_text("3 seeds added.")
    expect(page.locator("#seeds-error")).to_have_count(0)
    assert total(quiet) == 8
    httpx.post(f"{quiet.url}/studies/1/runs", json={"seeds": 1}).raise_for_status()
    expect(rows).to_have_count(10)
    assert page.evaluate("() => window.isTheSame")


def test_ticked_runs_stay_ticked_while_the_server_is_away(quiet: WebServer, page: Page) -> None:
    run(quiet)
    page.goto(f"{quiet.url}/runs")
    page.get_by_label("Select 1 layer, seed 0").check()
    quiet.stop()
    page.get_by_role("button", name="Archive").click()
    actions = page.get_by_role("group", name="Actions on selected runs")
    expect(actions.get_by_role("alert")).to_contain_text(AWAY)
    expect(page.get_by_label("Select 1 layer, seed 0")).to_be_checked()
    quiet.start()
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("No runs match.")).to_be_visible()


def test_an_outdated_estimate_is_dimmed(quiet: WebServer, page: Page) -> None:
    page.goto(f"{quiet.url}/runs/new")
    side = page.locator("[data-preview]")
    expect(side).to_have_attribute("data-preview", "current")
    held = Held(page, "**/studies/preview")
    estimate = page.locator("#estimate")
    page.get_by_label("Seed").fill("0-8")
    route = held.first()
    expect(side).to_have_attribute("data-preview", "asked")
    assert float(estimate.evaluate("(estimate) => getComputedStyle(estimate).opacity")) < 1
    expect(estimate).to_contain_text("1 run, ")
    route.continue_()
    expect(estimate).to_contain_text("9 runs, ")
    expect(side).to_have_attribute("data-preview", "current")
    assert float(estimate.evaluate("(estimate) => getComputedStyle(estimate).opacity")) == 1
