"""The list of runs: dense rows, chosen columns, a selection that lasts, edits in place, cards on phones."""

import re

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from app.queue import admission
from app.schemas.bodies import Labels
from app.storage.database import Database
from tests.app.states import ROOM, add_worker, claimed, failed_run, finished_run, record
from tests.browser.routes import intercept
from tests.web_server import WebServer
from trainer.config import TrainConfig

MANY = 60


@pytest.fixture
def database(quiet: WebServer) -> Database:
    found: Database = quiet.app.state.database
    add_worker(found)
    return found


def queue_many(database: Database, count: int = MANY) -> None:
    """Queue runs with the seeds from 0; the newest ones are cancelled, so that they wait for nothing."""
    with database.write() as session:
        configs = [(TrainConfig(depth=1 + seed % 2, seed=seed), Labels(), None) for seed in range(count)]
        admission.enqueue_all(session, configs, limit=ROOM)


def bar(page: Page) -> Locator:
    return page.get_by_role("group", name="Actions on selected runs")


def test_a_screen_has_25_rows_and_the_head_stays(quiet: WebServer, database: Database, page: Page) -> None:
    queue_many(database)
    page.goto(f"{quiet.url}/runs")
    rows = page.locator("[data-runs] tbody tr")
    expect(rows).to_have_count(50)
    heights = {row.bounding_box()["height"] for row in rows.all()[:5]}  # type: ignore[index]
    assert max(heights) <= 26
    visible = rows.evaluate_all(
        "(rows) => rows.filter((row) => row.getBoundingClientRect().bottom <= innerHeight).length"
    )
    assert visible >= 25
    page.mouse.wheel(0, 600)
    page.wait_for_function("() => scrollY > 500")
    head = page.get_by_role("columnheader", name="Test accuracy")
    top = page.locator(".bar").bounding_box()
    assert top
    assert abs((head.bounding_box() or {"y": 0})["y"] - top["height"]) <= 1


@pytest.mark.parametrize("width", [390, 1280])
def test_the_reason_of_a_failed_run_is_shown_whole(
    quiet: WebServer, database: Database, page: Page, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    reason = f"diverged: loss became non-finite at epoch 12, {'and more ' * 12}in words"
    finished_run(database)
    failed_run(database, reason)
    page.goto(f"{quiet.url}/runs")
    shown = page.locator("tr[data-run='2'] .why")
    expect(shown).to_have_text(reason)
    assert shown.evaluate(
        "(line) => line.scrollWidth <= line.clientWidth && line.scrollHeight <= line.clientHeight + 1"
    )
    expect(page.locator("tr[data-run='1'] .why")).to_be_hidden()
    page.goto(f"{quiet.url}/runs?columns=name,reason")
    expect(page.get_by_text(reason)).to_have_count(1)


def test_a_selection_lasts_and_takes_all_that_match(quiet: WebServer, database: Database, page: Page) -> None:
    queue_many(database)
    page.goto(f"{quiet.url}/runs")
    boxes = page.locator("input[name=ids]")
    expect(page.get_by_label("Select all runs on this page")).to_be_visible()
    boxes.nth(2).click()
    boxes.nth(6).click(modifiers=["Shift"])
    expect(bar(page)).to_contain_text("5 runs selected")
    boxes.nth(9).focus()
    page.keyboard.press("Shift+Space")
    expect(bar(page)).to_contain_text("8 runs selected")
    assert page.get_by_label("Select all runs on this page").evaluate("(box) => box.indeterminate")
    page.goto(f"{quiet.url}/runs?seed=0")
    expect(bar(page)).to_contain_text("8 runs selected (8 not on this page)")
    page.get_by_label(re.compile("^Select 1 layer")).check()
    page.reload()
    expect(bar(page)).to_contain_text("9 runs selected (8 not on this page)")
    bar(page).get_by_role("button", name="Clear").click()
    expect(bar(page)).to_be_hidden()

    page.goto(f"{quiet.url}/runs")
    page.get_by_label("Select all runs on this page").check()
    bar(page).get_by_role("button", name=f"Select all {MANY} that match").click()
    expect(bar(page)).to_contain_text(f"{MANY} runs selected")
    bar(page).locator("summary").click()
    bar(page).get_by_label("Tag").fill("all of them")
    bar(page).get_by_role("button", name="Add tag").click()
    said = page.locator("[data-said]")
    expect(said).to_contain_text(f"Tagged “all of them”: {MANY} runs.")
    expect(page.locator("[data-runs] .tag")).to_have_count(50)
    said.get_by_role("button", name="Undo").click()
    expect(said).to_contain_text(f"Undone: {MANY} runs.")
    expect(page.locator("[data-runs] .tag")).to_have_count(0)

    boxes.nth(0).click()
    boxes.nth(2).click(modifiers=["Shift"])
    bar(page).get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Type 3 or delete to confirm").fill("2")
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Type 3 or delete to confirm").fill("3")
    page.keyboard.press("Enter")
    expect(said).to_contain_text("Deleted: 3 runs.")
    expect(page.locator("#runs-count")).to_contain_text(f"{MANY - 3} runs")
    expect(bar(page)).to_be_hidden()


def test_columns_are_added_moved_and_remembered(quiet: WebServer, database: Database, page: Page) -> None:
    run_id = finished_run(database)
    httpx.patch(f"{quiet.url}/runs/{run_id}", json={"note": "a good one"}).raise_for_status()
    page.goto(f"{quiet.url}/runs")
    heads = page.locator("[data-runs] thead [data-column]")
    page.locator("summary", has_text="Columns").click()
    page.get_by_label("Find a column").fill("note")
    page.get_by_label("Note", exact=True).check()
    expect(page.get_by_role("cell", name="a good one")).to_be_visible()
    page.get_by_role("button", name="Move Note up").click()
    expect(heads.nth(11)).to_have_text("Note")
    page.get_by_label("Width of Note in pixels").fill("321")
    page.keyboard.press("Tab")
    expect(page).to_have_url(re.compile("columns=name,status,.*,note:321,train_seconds$"))
    page.keyboard.press("Escape")
    expect(page.get_by_label("Find a column")).to_be_hidden()
    page.goto(f"{quiet.url}/runs")
    assert abs((heads.nth(11).bounding_box() or {"width": 0})["width"] - 321) <= 1
    page.locator("summary", has_text="Columns").click()
    page.get_by_role("button", name="Default columns").click()
    expect(heads).to_have_count(12)
    assert page.url == f"{quiet.url}/runs"


def test_names_and_tags_are_edited_in_their_rows(quiet: WebServer, database: Database, page: Page) -> None:
    first, second = finished_run(database), finished_run(database)
    httpx.patch(f"{quiet.url}/runs/{second}", json={"tags": ["known"]}).raise_for_status()
    page.goto(f"{quiet.url}/runs")
    row = page.locator(f"tr[data-run='{first}']")
    link = row.locator("th a").first
    link.focus()
    page.keyboard.press("F2")
    editor = page.get_by_role("dialog")
    editor.get_by_role("textbox").fill("mine")
    httpx.patch(f"{quiet.url}/runs/{first}", json={"name": "theirs"}).raise_for_status()
    page.keyboard.press("Enter")
    expect(editor.get_by_role("alert")).to_contain_text("It is now: “theirs”.")
    page.keyboard.press("Enter")
    expect(link).to_have_text("mine")
    expect(editor).to_be_hidden()
    expect(link).to_be_focused()
    assert httpx.get(f"{quiet.url}/runs/{first}").json()["name"] == "mine"

    row.hover()
    row.get_by_role("button", name="Tag").click()
    expect(page.locator("#known-tags option")).to_have_attribute("value", "known")
    page.keyboard.type("new")
    page.keyboard.press("Enter")
    expect(row.get_by_role("link", name="new")).to_have_attribute("href", "/runs?tag=new")
    page.keyboard.type("a tag that is long, another")
    page.keyboard.press("Enter")
    expect(row.locator("[data-cell=tags] > *")).to_have_text(["new", "+2"])
    page.keyboard.press("Escape")
    page.reload()
    expect(row.locator("[data-cell=tags] > *")).to_have_text(["new", "+2"])
    expect(row.get_by_title("a tag that is long, another")).to_have_text("+2")
    httpx.patch(f"{quiet.url}/runs/{first}", json={"tags": ["new"]}).raise_for_status()
    expect(row.locator("[data-cell=tags] > *")).to_have_text(["new"])
    row.hover()
    row.get_by_role("button", name="Tag").click()
    editor.get_by_role("button", name="Remove tag new").click()
    expect(row.locator(".tag")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(editor).to_be_hidden()


def test_an_edit_in_a_row_meets_changes_of_other_fields(
    quiet: WebServer, database: Database, page: Page
) -> None:
    run_id = finished_run(database)
    address = f"{quiet.url}/runs/{run_id}"
    page.goto(f"{quiet.url}/runs")
    row = page.locator(f"tr[data-run='{run_id}']")
    row.locator("th a").first.focus()
    page.keyboard.press("F2")
    editor = page.get_by_role("dialog")
    editor.get_by_role("textbox").fill("mine")
    httpx.patch(address, json={"tags": ["theirs"], "note": "theirs"}).raise_for_status()
    page.keyboard.press("Enter")
    expect(editor).to_be_hidden()
    expect(row.locator("th a").first).to_have_text("mine")
    row.hover()
    row.get_by_role("button", name="Tag").click()
    httpx.patch(address, json={"tags": ["theirs", "another"]}).raise_for_status()
    editor.get_by_role("combobox").fill("added")
    page.keyboard.press("Enter")
    editor.get_by_role("button", name="Remove tag theirs").click()
    expect(row.locator("[data-cell=tags] > *")).to_have_text(["another", "added"])
    assert httpx.get(address).json()["note"] == "theirs"


def test_tags_can_be_typed_while_others_are_saved(quiet: WebServer, database: Database, page: Page) -> None:
    run_id = finished_run(database)
    page.goto(f"{quiet.url}/runs")
    saving: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "PATCH" and not saving:
            saving.append(route)
        else:
            route.continue_()

    intercept(page, f"**/runs/{run_id}", hold)
    row = page.locator(f"tr[data-run='{run_id}']")
    row.hover()
    row.get_by_role("button", name="Tag").click()
    field = page.get_by_role("dialog").get_by_role("combobox")
    expect(field).to_be_focused()
    page.keyboard.type("one")
    with page.expect_request(lambda request: request.method == "PATCH"):
        page.keyboard.press("Enter")
    page.keyboard.type("two")
    page.keyboard.press("Enter")
    page.keyboard.type("three")
    expect(field).to_have_value("three")
    saving[0].continue_()
    expect(row.locator("[data-cell=tags] > *")).to_have_text(["one", "two"])
    expect(field).to_have_value("three")
    intercept(page, f"**/runs/{run_id}", lambda route: route.abort())
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The server can’t be reached. Your input is kept.")
    expect(field).to_have_value("three")


def test_sparklines_and_progress_follow_the_epochs(quiet: WebServer, database: Database, page: Page) -> None:
    queue_many(database, 1)
    page.goto(f"{quiet.url}/runs")
    row = page.locator("[data-runs] tbody tr")
    expect(row.get_by_role("progressbar")).to_be_hidden()
    claim = claimed(database)
    record(database, claim, 1, 2, 3)
    expect(row.get_by_role("img")).to_have_accessible_name(re.compile("3 epochs$"))
    expect(row.locator("polyline")).to_have_attribute("points", re.compile(r"^\S+ \S+ \S+$"))
    expect(row.get_by_role("progressbar")).to_be_visible()
    expect(row).to_contain_text("3 / 200")


def test_runs_are_cards_on_a_phone(quiet: WebServer, database: Database, phone: Page) -> None:
    finished_run(database, 0.9871)
    phone.goto(f"{quiet.url}/runs")
    accuracy = phone.get_by_text("98.71 %")
    depth = phone.locator("[data-runs] td[data-column=depth]")
    expect(accuracy).to_be_visible()
    expect(depth).to_be_visible()
    sizes = [
        each.evaluate("(cell) => parseFloat(getComputedStyle(cell).fontSize)") for each in (accuracy, depth)
    ]
    assert sizes[0] > sizes[1]
    phone.get_by_label("Select every run of this page").check()
    expect(bar(phone)).to_contain_text("1 run selected")
    bar(phone).locator("summary", has_text="Tag").click()
    panel = bar(phone).get_by_label("Tag", exact=True).bounding_box()
    assert panel
    assert panel["x"] >= 0
    assert panel["x"] + panel["width"] <= 390
    assert phone.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
