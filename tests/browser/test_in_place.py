"""What someone looks at stays in the page while it is brought up to date."""

import re
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import update

from app.queue import claims, endings
from app.queue.claims import Claim
from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database
from app.storage.tables import Counter
from app.web import assets
from tests.app.states import RESULTS, add_worker, claimed, queue_run, record
from tests.browser.routes import Held, intercept
from tests.web_server import WebServer
from trainer.data.folder import SHIPPED, TEST_LABELS_FILE, DataFolder
from trainer.data.idx import IdxFile
from trainer.files import predictions

pytestmark = pytest.mark.browser

LINES = "() => [...document.querySelectorAll('.js-line')].map((path) => path.getAttribute('d'))"
"""The lines that charts have drawn."""


@pytest.fixture
def database(quiet: WebServer) -> Database:
    """That of the quiet server, with a worker."""
    database: Database = quiet.app.state.database
    add_worker(database)
    return database


def begin(database: Database, *epochs: int) -> Claim:
    """The next run, claimed by a worker that trains it no further than these epochs."""
    claim = claimed(database)
    with database.write() as session:
        assert claims.report_start(session, claim, "cpu", {"train_images": "60000"}, 0)
    assert record(database, claim, *epochs)
    return claim


def obey(database: Database, claim: Claim) -> None:
    """What the worker does once it has heard of a cancellation."""
    with database.write() as session:
        assert endings.confirm_cancel(session, claim)


def mark(place: Locator) -> None:
    """Remember an element, which has to stay the same one."""
    place.evaluate("(element) => { element.isTheSame = true }")


def is_marked(place: Locator) -> bool:
    """Whether it is the element that was marked."""
    return bool(place.evaluate("(element) => element.isTheSame === true"))


def stays(page: Page) -> None:
    """Mark the page itself, so that a navigation shows."""
    page.evaluate("() => { window.isTheSame = true }")


def has_stayed(page: Page) -> bool:
    """Whether the page has not been loaded again."""
    return bool(page.evaluate("() => window.isTheSame === true"))


# Cancelling


def test_cancelling_is_shown_immediately_and_keeps_the_page(
    quiet: WebServer, database: Database, page: Page
) -> None:
    run_id = queue_run(database, epochs=9)
    claim = begin(database, 1, 2, 3)
    page.set_viewport_size({"width": 1280, "height": 500})
    page.goto(f"{quiet.url}/runs/{run_id}")
    page.wait_for_function(f"() => ({LINES})().length >= 5")
    chart = page.locator("#loss-chart .main-svg").first
    page.evaluate("() => Plotly.relayout('loss-chart', { 'xaxis.range': [1, 2] })")
    page.get_by_text("Chart data as a table").click()
    button = page.get_by_role("button", name="Cancel")
    button.focus()
    page.evaluate("() => scrollTo(0, 40)")
    drawn = page.evaluate(LINES)
    stays(page)
    mark(chart)
    asked = Held(page, "**/cancel")
    button.press("Enter")
    route = asked.first()
    heading = page.locator("#run-heading")
    expect(heading.locator(".status")).to_have_text("cancelling…")  # the server has not even heard of it
    expect(heading.get_by_role("button", name="Cancelling…")).to_be_focused()
    assert asked.routes == [route]
    route.continue_()
    expect(heading.get_by_role("button", name="Cancelling…")).to_have_attribute("aria-disabled", "true")
    expect(heading.get_by_role("button", name="Cancelling…")).to_be_focused()
    assert page.evaluate(LINES) == drawn
    page.keyboard.press("Enter")
    assert asked.routes == [route]
    obey(database, claim)
    expect(heading.locator(".status")).to_have_text("cancelled by user")
    expect(heading.get_by_role("button", name="Retry")).to_be_visible()
    expect(heading.get_by_role("link", name="Clone")).to_be_focused()
    assert page.evaluate(LINES) == drawn
    assert page.evaluate("() => document.getElementById('loss-chart').layout.xaxis.range") == [1, 2]
    assert page.evaluate("() => scrollY") == 40
    expect(page.locator("[data-epochs] tbody tr")).to_have_count(3)
    assert is_marked(chart)
    assert has_stayed(page)


def test_other_pages_show_the_cancel_request_of_a_run(
    quiet: WebServer, database: Database, page: Page, plain: Page
) -> None:
    run_id = queue_run(database, epochs=9)
    claim = begin(database, 1)
    study = httpx.post(f"{quiet.url}/studies", json={"depth": [1], "epochs": 9}).json()
    member = begin(database, 1)
    addresses = (f"/runs/{run_id}", "/runs", f"/compare?runs={run_id}")
    context = page.context
    others = [context.new_page() for _ in addresses]
    for other, address in zip(others, addresses, strict=True):
        other.goto(quiet.url + address)
        expect(other.locator(f"[data-status-of='{run_id}']")).to_have_text("running")
    plain.goto(f"{quiet.url}/runs/{run_id}")
    plain.get_by_role("button", name="Cancel").click()
    expect(plain.locator("#run-heading .status")).to_have_text("cancelling…")
    for other in others:
        expect(other.locator(f"[data-status-of='{run_id}']")).to_have_text("cancelling…")
    record(database, claim, 2)  # an epoch that ends meanwhile does not take it back
    expect(others[1].locator(f"tr[data-run='{run_id}']")).to_contain_text("2 / 9")
    expect(others[1].locator(f"[data-status-of='{run_id}']")).to_have_text("cancelling…")
    assert httpx.get(f"{quiet.url}/runs/{run_id}").json()["cancel_requested"] is True
    obey(database, claim)
    for other in others:
        expect(other.locator(f"[data-status-of='{run_id}']")).to_contain_text("cancelled")
    page.goto(f"{quiet.url}/studies/{study['id']}")
    stays(page)
    page.get_by_role("button", name="Cancel remaining runs").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("1 run is training.")
    question.get_by_role("button", name="Keep training").click()
    expect(question).to_be_hidden()
    expect(page.get_by_role("button", name="Cancel remaining runs")).to_be_focused()
    assert httpx.get(f"{quiet.url}/runs/{member.run_id}").json()["cancel_requested"] is False
    page.get_by_role("button", name="Cancel remaining runs").click()
    question.get_by_role("button", name="Cancel 1 run").click()
    expect(page.get_by_role("button", name="Cancelling…")).to_have_attribute("aria-disabled", "true")
    expect(page.locator(f"[data-status-of='{member.run_id}']")).to_have_text("cancelling…")
    assert has_stayed(page)
    obey(database, member)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    assert httpx.get(f"{quiet.url}/runs/{run_id}").json()["cancel_requested"] is False


def test_cancelling_a_run_keeps_the_rest_of_the_queue(
    quiet: WebServer, database: Database, page: Page
) -> None:
    for depth in (1, 2, 3, 4):
        queue_run(database, depth=depth)
    claim = begin(database, 1)
    page.goto(f"{quiet.url}/queue")
    stays(page)
    page.locator("#running").get_by_role("button", name="Cancel").click()
    expect(page.locator("#running").get_by_role("button", name="Cancelling…")).to_be_visible()
    second = page.locator("#queued tbody tr").filter(has_text="2 layers")
    last = page.locator("#queued tbody tr").filter(has_text="4 layers")
    mark(last)
    second.get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#queued tbody tr")).to_have_count(2)
    # never to a button that would cancel the next run
    expect(page.get_by_role("link", name="3 layers, 3 epochs, seed 0")).to_be_focused()
    assert is_marked(last)
    obey(database, claim)
    expect(page.locator("#running")).to_contain_text("Free slot")
    assert has_stayed(page)


def test_ticked_runs_are_cancelled_and_archived_without_leaving_the_list(
    quiet: WebServer, database: Database, page: Page
) -> None:
    for depth in (1, 2, 3):
        queue_run(database, depth=depth)
    claim = begin(database, 1)
    page.goto(f"{quiet.url}/runs")
    stays(page)
    staying = page.locator("tr[data-run='3']")
    mark(staying)
    for name in ("1 layer, 3 epochs, seed 0", "2 layers, 3 epochs, seed 0"):
        page.get_by_label(f"Select {name}").check()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog", name="Cancel 2 runs?").get_by_role("button", name="Cancel 2 runs").click()
    expect(page.locator("[data-status-of='1']")).to_have_text("cancelling…")
    expect(page.locator("[data-status-of='2']")).to_have_text("cancelled")
    expect(page.locator("[data-said]")).to_contain_text("Cancelled: 2 runs.")
    expect(page.get_by_label("Select 1 layer, 3 epochs, seed 0")).not_to_be_checked()
    obey(database, claim)
    expect(page.locator("[data-status-of='1']")).to_have_text("cancelled")
    page.get_by_label("Select 2 layers, 3 epochs, seed 0").check()
    page.get_by_role("button", name="Archive").click()
    expect(page.locator("[data-runs] tbody tr")).to_have_count(2)
    expect(page.locator("#runs-count")).to_contain_text("2 runs")
    assert is_marked(staying)
    assert has_stayed(page)


def test_a_late_cancel_shows_a_message_and_the_actual_state(
    quiet: WebServer, database: Database, page: Page
) -> None:
    run_id = queue_run(database)
    claim = begin(database, 1, 2, 3)
    page.goto(f"{quiet.url}/runs/{run_id}")
    stays(page)

    def too_late(route: Route) -> None:
        with database.write() as session:
            assert endings.finish(session, claim, RESULTS)
        route.continue_()

    intercept(page, "**/cancel", too_late)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("[data-said]")).to_contain_text("only a queued or running run can be cancelled")
    expect(page.locator("#run-heading .status")).to_have_text("finished")
    assert has_stayed(page)


def test_a_cancel_without_a_server_shows_a_message_and_the_actual_state(
    quiet: WebServer, database: Database, page: Page
) -> None:
    run_id = queue_run(database)
    begin(database, 1)
    page.goto(f"{quiet.url}/runs/{run_id}")
    quiet.stop()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_contain_text("The server can’t be reached.")
    expect(page.locator("#run-heading .status")).to_have_text("running")
    quiet.start()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#run-heading .status")).to_have_text("cancelling…")
    expect(page.locator("[data-said]")).to_be_hidden()


def test_the_page_of_a_deleted_run_stays_readable(quiet: WebServer, database: Database, page: Page) -> None:
    run_id = queue_run(database)
    begin(database, 1, 2)
    httpx.post(f"{quiet.url}/runs/{run_id}/cancel").raise_for_status()
    page.goto(f"{quiet.url}/runs/{run_id}")
    with database.write() as session:
        endings.release(session, Claim(run_id, 1, None, 1, 2))  # type: ignore[arg-type]  # only its fence counts
    expect(page.locator("#run-heading .status")).to_contain_text("cancelled")
    httpx.delete(f"{quiet.url}/runs/{run_id}").raise_for_status()
    expect(page.get_by_role("alert")).to_contain_text("This run was deleted")
    assert page.url == f"{quiet.url}/runs/{run_id}"
    assert page.evaluate(LINES)
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)


def test_a_run_that_is_retried_shows_its_charts_in_place_of_the_reason(
    quiet: WebServer, database: Database, page: Page
) -> None:
    run_id = queue_run(database)
    httpx.post(f"{quiet.url}/runs/{run_id}/cancel").raise_for_status()
    page.goto(f"{quiet.url}/runs/{run_id}")
    stays(page)
    reason = page.get_by_text("Cancelled before its first epoch was recorded")
    charts = page.locator("#run-charts")
    expect(reason).to_be_visible()
    expect(charts).to_be_hidden()
    page.get_by_role("button", name="Retry").focus()
    page.keyboard.press("Enter")
    expect(charts).to_be_visible()
    expect(page.get_by_role("link", name="Clone")).to_be_focused()
    claim = begin(database, 1, 2)
    page.wait_for_function(f"() => ({LINES})().length >= 5")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.chart')].every((chart) => chart.checkVisibility() && "
        "chart.querySelector('.main-svg').getAttribute('width') == chart.clientWidth)"
    )
    with database.write() as session:
        assert endings.fail(session, claim, "diverged: loss became non-finite at epoch 3")
    expect(page.locator("#run-failure")).to_contain_text("Failed: diverged")
    expect(charts).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    assert has_stayed(page)


# What is read


def test_open_focused_scrolled_and_selected_parts_stay_during_updates(
    quiet: WebServer, database: Database, page: Page
) -> None:
    run_id = queue_run(database, epochs=200)
    claim = begin(database, *range(1, 61))
    page.goto(f"{quiet.url}/runs/{run_id}")
    page.get_by_text("Chart data as a table").click()
    rows = page.locator("[data-epochs] tbody tr")
    expect(rows).to_have_count(60)
    row = rows.filter(has=page.get_by_role("rowheader", name="20", exact=True))
    mark(row)
    scroller = page.locator("[data-epochs] .scroll")
    row.evaluate("(row) => { row.closest('.scroll').scrollTop = row.offsetTop - 100 }")
    page.wait_for_function("() => document.querySelector('[data-epochs] .scroll').scrollTop > 300")
    page.get_by_text("Edit name and note").click()
    note = page.get_by_role("textbox", name="Note")
    note.fill("half a sentence")
    top = (
        "(row) => Math.round(row.getBoundingClientRect().top - "
        "row.closest('.scroll').getBoundingClientRect().top)"
    )
    before = row.evaluate(top)
    name = page.get_by_role("heading", level=1)
    name.evaluate("(heading) => getSelection().selectAllChildren(heading)")
    selected = page.evaluate("() => `${getSelection()}`")
    assert record(database, claim, 61, 62)
    expect(rows).to_have_count(62)
    expect(page.locator("#run-progress")).to_contain_text("Epoch 62 of 200")
    assert is_marked(row)
    assert row.evaluate(top) == before
    expect(scroller).to_be_visible()
    assert page.evaluate("() => `${getSelection()}`") == selected != ""
    expect(note).to_have_value("half a sentence")
    with (
        database.write() as session
    ):  # an attempt that goes on after an older epoch writes over the later ones
        assert claims.report_start(session, claim, "cpu", {}, 59)
    expect(rows).to_have_count(59)
    assert is_marked(row)
    assert row.evaluate(top) == before


def test_added_removed_and_moved_elements_leave_the_others_unchanged(quiet: WebServer, page: Page) -> None:
    page.goto(f"{quiet.url}/workers")
    module = assets.url("js/morph.js")
    found = page.evaluate(
        f"""async () => {{
          const {{ become, fill }} = await import("{module}");
          const make = (html) => {{
            const made = document.createElement("section");
            made.innerHTML = html;
            return made;
          }};
          const item = (text) => `<li data-key="${{text.toLowerCase()}}"><a href="/">${{text}}</a></li>`;
          const items = (texts) => texts.map(item).join(" ");
          const folded = (...texts) => `<details><summary>More</summary><ul>${{items(texts)}}</ul></details>`;
          const part = make("<p>one</p>" + folded("a", "b", "c"));
          document.querySelector("main").append(part);
          const [details, list] = ["details", "ul"].map((name) => part.querySelector(name));
          details.open = true;
          const [a, b, c] = list.children;
          const order = () => [...list.children].map((item) => item.textContent.trim()).join("");
          const told = {{}};
          b.firstChild.focus();
          let moves = 0;
          b.firstChild.addEventListener("blur", () => (moves += 1));
          become(part, make("<div>first</div> <p>two</p>" + folded("c", "n", "B", "a")));
          told.order = order();
          told.same = list.children[0] === c && list.children[2] === b && list.children[3] === a;
          told.open = part.querySelector("details") === details && details.open;
          told.focus = document.activeElement === b.firstChild && moves === 0;
          fill(list, c, a);
          told.left = order();
          told.neighbour = document.activeElement === a.firstChild;
          fill(list);
          told.nothing = document.activeElement === part;
          return told;
        }}"""
    )
    assert found == {
        "order": "cnBa",
        "same": True,
        "open": True,
        "focus": True,
        "left": "ca",
        "neighbour": True,
        "nothing": True,
    }


def ends(database: Database, claim: Claim, test_accuracy: float = RESULTS["test_accuracy"]) -> None:
    """The run is finished."""
    with database.write() as session:
        assert endings.finish(session, claim, {**RESULTS, "test_accuracy": test_accuracy})


# Pictures


def answers(
    settings: Settings, claim: Claim, labels: "np.typing.NDArray[np.uint8]", wrong: range, sure: float
) -> None:
    """Store the predictions of a run: correct except for some images, all as sure."""
    classes = labels.copy()
    classes[wrong] = (classes[wrong] + 1) % 10
    path = artifacts.of_run(settings.artifacts, claim.run_id).predictions(claim.attempt)
    predictions.save(path, predictions.Predictions(classes, np.full(len(labels), sure, np.float16)))


def test_an_opened_picture_stays_while_runs_train(
    quiet: WebServer, database: Database, page: Page, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path)
    path = DataFolder.of(SHIPPED, tmp_path).file(TEST_LABELS_FILE)
    assert path
    labels = IdxFile.labels(path).items
    for depth, seed in ((1, 0), (2, 0), (1, 1), (3, 0)):
        queue_run(database, depth=depth, seed=seed)
    shallow, deep, late = (begin(database, 1, 2, 3) for _ in range(3))
    answers(settings, shallow, labels, range(10, 200), 0.5)
    answers(settings, deep, labels, range(0), 0.5)
    answers(settings, late, labels, range(190, 200), 0.9)
    ends(database, shallow, 0.981)
    ends(database, deep, 1.0)
    page.goto(f"{quiet.url}/compare?runs=1,2,3,4")
    pictures = page.locator("[data-images-gallery] li")
    expect(pictures).to_have_count(24)
    last = page.locator("[data-images-gallery] img[title^='Test image 33,']")
    last.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('[title^=\"Test image 33,\"]').naturalWidth === 28")
    page.get_by_text("Compare two runs", exact=True).click()
    page.get_by_label("Run", exact=True).select_option("2")
    second = page.get_by_label("against", exact=True)
    with page.expect_response(re.compile("/compare/images/pair")):
        second.select_option("1")
    second.focus()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    looked_at = (last, second, page.locator("[data-images-second] option[value='1']"))
    for place in looked_at:
        mark(place)
    last.evaluate("(picture) => picture.scrollIntoView({ block: 'center' })")
    begin(database, 1)
    expect(page.locator("#verdict")).to_contain_text("Runs 3, 4 are still training")
    assert not [url for url in requested if "/compare/images" in url]  # no run has ended
    ends(database, late, 0.999)
    expect(page.locator("[data-images-note]")).to_contain_text("(2 and 1 seeds)")
    expect(pictures).to_have_count(34)
    for place in looked_at:
        assert is_marked(place)
    expect(second).to_be_focused()
    expect(second).to_have_value("1")
    expect(page.get_by_label("Run", exact=True)).to_have_value("2")
    assert not [url for url in requested if url.endswith("/57.png")]
    expect(last).to_be_in_viewport()


def test_input_is_kept_when_the_database_is_replaced(
    quiet: WebServer, database: Database, page: Page
) -> None:
    run_id = queue_run(database)
    page.goto(f"{quiet.url}/runs/{run_id}")
    stays(page)
    page.get_by_text("Edit name and note").click()
    note = page.get_by_role("textbox", name="Note")
    note.fill("half a sentence")
    with database.write() as session:  # as after a backup was restored
        session.execute(update(Counter).values(value=Counter.value + 1000, origin=Counter.value + 999))
    expect(page.get_by_role("alert")).to_contain_text("The server’s data was replaced.")
    expect(note).to_have_value("half a sentence")
    assert has_stayed(page)


# Runs that leave nothing to draw


def test_a_study_without_an_epoch_shows_why_in_place_of_charts_until_one_is_retried(
    quiet: WebServer, database: Database, page: Page, phone: Page
) -> None:
    httpx.post(f"{quiet.url}/studies", json={"depth": [5, 6], "lr": [100], "epochs": 3}).raise_for_status()
    reason = "diverged: loss became non-finite at epoch 1"
    page.goto(f"{quiet.url}/studies/1")
    phone.goto(f"{quiet.url}/compare?study=1")
    charts = {page: "#curves-chart", phone: "#layers-chart, #curves-chart, #gap-chart, #frontier-chart"}
    for each in (page, phone):
        expect(each.locator("#curves-chart .main-svg").first).to_be_visible()
        stays(each)
    for last in (False, True):
        claim = claimed(database)
        with database.write() as session:
            assert endings.fail(session, claim, reason)
        for each, ids in charts.items():
            line = each.locator(f"tr[data-run='{claim.run_id}'] [data-cell='reason']")
            expect(line).to_have_text(reason)
            expect(line).to_be_visible()
            height = line.evaluate(
                "(line) => line.offsetHeight / parseFloat(getComputedStyle(line).lineHeight)"
            )
            assert round(height, 1) <= 2
            card = each.locator("#no-epochs")
            expect(card).to_be_visible(visible=last)
            expect(each.locator(ids).locator("visible=true")).to_have_count(0 if last else ids.count("#"))
    for each in (page, phone):
        card = each.locator("#no-epochs")
        expect(card).to_contain_text(f"2 runs failed: {reason}")
        expect(card).to_contain_text("lower learning rate, such as 0.05.")
        for nothing in ("appear with the first epoch", "No run has finished yet"):
            expect(each.get_by_text(nothing).locator("visible=true")).to_have_count(0)
        assert each.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    httpx.post(f"{quiet.url}/runs/1/retry").raise_for_status()
    begin(database, 1, 2)
    for each, ids in charts.items():
        expect(each.locator("#no-epochs")).to_be_hidden()
        expect(each.locator(ids).locator("visible=true")).to_have_count(ids.count("#"))
        expect(each.locator("tr[data-run='1'] [data-cell='reason']")).to_be_hidden()
        each.wait_for_function(
            "() => document.querySelector('#curves-chart .js-line')?.getBoundingClientRect().width > 20"
        )
        assert has_stayed(each)
