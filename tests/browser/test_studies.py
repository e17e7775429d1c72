"""Studies are edited in place, and their list shows headlines."""

import re

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.routes import Held, intercept
from tests.web_server import WebServer

pytestmark = pytest.mark.browser


def test_a_study_is_renamed_described_and_deleted_by_keyboard(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/studies", json={"depth": [1, 2], "name": "Before"}).raise_for_status()
    page.goto(f"{quiet.url}/studies/1")
    menu = page.locator("[data-menu] summary")
    menu.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    name = page.get_by_role("textbox", name="Name", exact=True)
    expect(name).to_be_focused()
    name.fill("After")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("After")
    expect(name).to_be_hidden()
    page.get_by_role("link", name="Edit", exact=True).press("Enter")
    page.get_by_label("Description", exact=True).fill("Why")
    page.get_by_role("combobox", name="Tags", exact=True).fill("a, b")
    page.keyboard.press("Enter")
    expect(page.locator("#study-description")).to_have_text("Why")
    expect(page.locator("#study-tags a")).to_have_text(["a", "b"])
    expect(page.get_by_label("Description", exact=True)).to_be_hidden()
    menu.focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Delete…").press("Enter")
    confirm = page.get_by_label("Type delete to confirm")
    expect(confirm).to_be_focused()
    page.keyboard.press("Escape")
    expect(confirm).to_be_hidden()
    menu.press("Enter")
    page.get_by_role("link", name="Delete…").press("Enter")
    confirm.fill("no")
    page.keyboard.press("Enter")
    expect(page.locator("#confirm-error")).to_have_text("Type delete to confirm.")
    confirm.fill("delete")
    page.keyboard.press("Enter")
    page.wait_for_url("**/studies")
    expect(page.locator("[data-notice]")).to_have_text("Deleted study “After”.")


def test_the_list_shows_headlines_once_they_are_computed(six: str, page: Page) -> None:
    made = httpx.post(f"{six}/studies", json={"depth": 1, "epochs": 3})
    made.raise_for_status()
    number = made.json()["id"]
    httpx.post(f"{six}/studies/{number}/runs", json={"runs": [1, 2, 3, 4, 5, 6]}).raise_for_status()
    page.goto(f"{six}/studies")
    headline = page.locator(f"tr:has(a[href='/studies/{number}']) .headline")
    expect(headline).to_contain_text("Exploratory")
    expect(headline).to_contain_text("best")


def test_the_box_in_the_head_ticks_all_runs_of_a_study(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/studies", json={"depth": [1, 2, 3]}).raise_for_status()
    page.goto(f"{quiet.url}/studies/1")
    head = page.get_by_label("Select all runs on this page")
    boxes = page.locator("#study-runs [name=ids]")
    ticked = page.locator("#study-runs [name=ids]:checked")
    head.check()
    expect(ticked).to_have_count(3)
    boxes.nth(1).uncheck()
    expect(page.locator("thead [data-select-page]:indeterminate")).to_have_count(1)
    head.click()
    expect(ticked).to_have_count(3)
    head.uncheck()
    expect(ticked).to_have_count(0)
    boxes.nth(0).check()
    boxes.nth(2).click(modifiers=["Shift"])
    expect(ticked).to_have_count(3)
    expect(head).to_be_checked()
    httpx.post(f"{quiet.url}/runs/2/cancel").raise_for_status()
    httpx.delete(f"{quiet.url}/runs/2").raise_for_status()
    expect(boxes).to_have_count(2)
    boxes.nth(0).uncheck()
    page.get_by_role("button", name="Remove from study").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove 1 run").click()
    expect(boxes).to_have_count(1)
    assert httpx.get(f"{quiet.url}/studies/1").json()["runs"] == [1]


def test_runs_that_leave_a_study_elsewhere_leave_its_selection(quiet: WebServer, page: Page) -> None:
    """The server rejects the removal of others, and a person could not deselect what no page shows."""
    httpx.post(f"{quiet.url}/studies", json={"depth": [1, 2, 3, 4, 5]}).raise_for_status()
    httpx.post(f"{quiet.url}/studies/1/cancel").raise_for_status()
    page.goto(f"{quiet.url}/studies/1")
    bar = page.get_by_role("group", name="Actions on selected runs")
    page.get_by_label("Select all runs on this page").check()
    expect(bar).to_contain_text("5 runs selected")
    httpx.delete(f"{quiet.url}/studies/1/runs/2").raise_for_status()
    httpx.post(f"{quiet.url}/runs/1/retry").raise_for_status()
    expect(page.locator("#study-runs [name=ids]")).to_have_count(4)
    expect(bar).to_contain_text("4 runs selected")
    expect(bar).not_to_contain_text("not on this page")
    page.goto(f"{quiet.url}/queue")
    httpx.delete(f"{quiet.url}/runs/3").raise_for_status()
    page.goto(f"{quiet.url}/studies/1")
    expect(bar).to_contain_text("3 runs selected")
    expect(bar).not_to_contain_text("not on this page")
    page.get_by_role("button", name="Remove from study").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove 3 runs").click()
    expect(page.locator("[data-said]")).to_contain_text("3 runs removed from the study.")


def test_the_runs_of_a_study_are_filtered_in_place_and_retried(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/studies", json={"depth": [1, 2, 3]}).raise_for_status()
    httpx.post(f"{quiet.url}/studies/1/cancel").raise_for_status()
    page.goto(f"{quiet.url}/studies/1")
    expect(page.locator("#no-epochs")).to_contain_text("To retry runs, select them in the table below.")
    rows = page.locator("#study-runs tr[data-run]")
    expect(rows).to_have_count(3)
    page.keyboard.press("/")
    page.keyboard.type("depth:2")
    expect(rows).to_have_count(1)
    expect(page.locator("#runs-found")).to_have_text("1 of 3 runs")
    expect(page).to_have_url(f"{quiet.url}/studies/1?q=depth%3A2")
    expect(page.get_by_label("Filter the runs")).to_be_focused()
    rows.get_by_role("checkbox").check()
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("[data-said]")).to_contain_text("Queued again: 1 run.")
    expect(rows.locator(".status")).to_have_text("queued")
    expect(page).to_have_url(f"{quiet.url}/studies/1?q=depth%3A2")
    rows.get_by_role("checkbox").check()
    expect(page.get_by_role("button", name="Remove from study")).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_be_hidden()


def test_all_runs_of_a_study_that_match_are_selected(quiet: WebServer, page: Page, phone: Page) -> None:
    """As in the list of runs: over all pages, counted, and until another filter hides them."""
    seeds = [*range(30)]
    httpx.post(f"{quiet.url}/studies", json={"depth": [1, 2, 3], "seed": seeds}).raise_for_status()
    page.goto(f"{quiet.url}/studies/1")
    bar = page.get_by_role("group", name="Actions on selected runs")
    page.get_by_label("Select all runs on this page").check()
    expect(bar).to_contain_text("50 runs selected")
    bar.get_by_role("button", name="Select all 90 that match").click()
    expect(bar).to_contain_text("90 runs selected")
    page.get_by_label("Filter the runs").fill("depth:2,3")
    expect(page.locator("#runs-found")).to_have_text("60 of 90 runs")
    expect(bar).to_be_hidden()
    page.get_by_label("Select all runs on this page").check()
    page.get_by_label("Filter the runs").fill("depth:3")
    expect(page.locator("#runs-found")).to_have_text("30 of 90 runs")
    expect(bar).to_contain_text("20 runs selected")
    expect(bar).not_to_contain_text("not on this page")
    page.get_by_label("Select all runs on this page").check()
    expect(bar).to_contain_text("30 runs selected")
    phone.goto(f"{quiet.url}/studies/1?q=depth:1,2")
    phone.get_by_label("Select every run of this page").check()
    phone.get_by_role("button", name="Select all 60 that match").click()
    expect(phone.locator("[data-ticked]")).to_have_text("60 runs selected")
    phone.get_by_role("button", name="Remove from study").click()
    phone.get_by_role("dialog").get_by_role("button", name="Remove 60 runs").click()
    expect(phone.locator("[data-said]")).to_contain_text("60 runs removed from the study.")
    expect(phone.locator("[data-ticked]")).to_be_hidden()
    assert len(httpx.get(f"{quiet.url}/studies/1").json()["runs"]) == 30


@pytest.mark.parametrize(("path", "field"), [("/studies/1", "Filter the runs"), ("/runs", "Search")])
def test_rows_of_another_filter_can_not_be_selected(
    quiet: WebServer, page: Page, path: str, field: str
) -> None:
    httpx.post(f"{quiet.url}/studies", json={"depth": [1, 2, 3]}).raise_for_status()
    page.goto(f"{quiet.url}{path}")
    table = page.locator("[data-matching]")
    held = Held(page, "**q=depth*")
    page.get_by_label(field, exact=True).fill("depth:3")
    route = held.first()
    expect(table).to_have_attribute("aria-busy", "true")
    head = page.get_by_label("Select all runs on this page")
    head.click()
    page.locator("[name=ids]").first.click()
    expect(page.locator("[name=ids]:checked")).to_have_count(0)
    expect(page.get_by_role("group", name="Actions on selected runs")).to_be_hidden()
    route.continue_()
    expect(page.locator("tr[data-run]")).to_have_count(1)
    expect(table).not_to_have_attribute("aria-busy", "true")
    head.check()
    expect(page.locator("[data-ticked]")).to_have_text("1 run selected")


def test_what_was_done_to_a_study_is_said_on_its_page_and_can_be_undone(quiet: WebServer, page: Page) -> None:
    for name in ("First", "Second"):
        httpx.post(f"{quiet.url}/studies", json={"depth": [1, 2], "name": name}).raise_for_status()
    page.goto(f"{quiet.url}/studies/1")
    said = page.locator("[data-said]")
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Description", exact=True).fill("Why")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#study-description")).to_have_text("Why")
    expect(said).to_contain_text("Saved.")
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(said).not_to_contain_text("Saved.")
    page.keyboard.press("Escape")
    page.locator("[data-menu] summary").click()
    page.get_by_role("button", name="Archive").click()
    expect(said).to_contain_text("Archived study “First”.")
    said.get_by_role("button", name="Undo").click()
    expect(said).to_contain_text("Restored study “First”.")
    assert httpx.get(f"{quiet.url}/studies/1").json()["archived"] is False
    page.request.post(
        f"{quiet.url}/studies/1",
        form={"description": "Because"},
        headers={"X-Requested-With": "fetch", "Accept": "text/html"},
    )  # a person who leaves before the answer
    page.goto(f"{quiet.url}/studies/2")
    expect(page.get_by_role("heading", level=1)).to_have_text("Second")
    expect(page.locator("[data-notice]")).to_have_count(0)


def test_the_deletion_of_a_study_shows_that_it_works(quiet: WebServer, page: Page) -> None:
    """The dialog stays until the list is shown, and nothing is read that no longer exists."""
    httpx.post(f"{quiet.url}/studies", json={"depth": [1, 2], "name": "Gone"}).raise_for_status()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(f"{quiet.url}/studies/1")
    page.locator("[data-menu] summary").click()
    page.get_by_role("link", name="Delete…").click()
    dialog = page.get_by_role("dialog", name="Delete study 1")
    dialog.get_by_label("Delete 2 runs").check()
    dialog.get_by_label("Type delete to confirm").fill("delete")
    deletions: list[str] = []

    def late(route: Route) -> None:
        answer = route.fetch()
        expect(page.locator("tr[data-run]")).to_have_count(0)  # the page has learned of the deleted runs
        deletions.append(dialog.get_by_role("button", name="Deleting…").text_content() or "")
        route.fulfill(response=answer)

    intercept(page, "**/studies/1/delete", late)
    dialog.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url("**/studies")
    expect(page.locator("[data-notice]")).to_have_text("Deleted study “Gone”. Deleted 2 runs.")
    assert deletions == ["Deleting…"]
    assert problems == []


def test_the_list_is_dense(quiet: WebServer, page: Page) -> None:
    """At least fifteen studies with short names fit on a screen, whatever they vary."""
    few = {"depth": [1, 2], "lr": [0.01, 0.2], "batch_size": [256, 1024]}
    many = {"depth": [1, 2, 3, 4, 5], "lr": [0.01, 0.05, 0.1, 0.2], "batch_size": [256, 512, 1024]}
    for number, grid in enumerate([*[few] * 15, many]):
        httpx.post(f"{quiet.url}/studies", json={**grid, "name": f"Grid {number}"}).raise_for_status()
    page.goto(f"{quiet.url}/studies")
    rows = page.locator(".studies tbody tr")
    expect(rows).to_have_count(16)
    heights = rows.evaluate_all("(rows) => rows.map((row) => row.getBoundingClientRect().height)")
    assert max(heights) <= 40
    bottoms = rows.evaluate_all("(rows) => rows.map((row) => row.getBoundingClientRect().bottom)")
    assert sum(bottom <= 900 for bottom in bottoms) >= 15
    expect(rows.first.locator(".varies span")).to_have_attribute(
        "title", re.compile("batch size 256, 512, 1024")
    )
