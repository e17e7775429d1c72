"""Pages that follow what happens while they are open."""

import re
from functools import partial

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.app.states import add_worker
from tests.browser.compared import train_next
from tests.browser.drawn import Drawing, traces, wait
from tests.browser.routes import intercept
from tests.few import FEW
from tests.waiting import eventually
from tests.web_server import WebServer

pytestmark = pytest.mark.browser

TRAINING_MS = 60_000
"""How long a short training may take on a busy machine; only ends a test that has failed."""


def train_all(server: WebServer, count: int) -> None:
    """Let a worker train the runs of a server, of which there are so many."""
    add_worker(server.app.state.database)
    for _ in range(count):
        train_next(server.app.state.database)


def test_the_page_of_a_running_run_gains_points_without_a_reload(training: str, page: Page) -> None:
    page.goto(f"{training}/runs/new")
    page.get_by_label("Depth", exact=True).fill("1")
    page.get_by_label("Epochs").fill("10000")
    page.get_by_label("Batch size").fill("2048")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", name="1 layer, batch 2048, 10,000 epochs, seed 0")).to_be_visible()
    page.evaluate("() => { window.sameDocument = true }")
    before = round(wait(page, "loss", lambda drawing: drawing.ends, TRAINING_MS / 1000).ends[-1].x)
    for chart in ("loss", "accuracy", "seconds"):
        wait(page, chart, lambda drawing: all(end.x > before + 4.9 for end in drawing.ends))
    expect(page.locator("#run-progress")).to_contain_text("from its own last epochs)")
    page.get_by_text("Chart data as a table").click()
    expect(page.locator("[data-epochs] tbody tr").nth(before)).to_be_visible()
    assert page.evaluate("() => window.sameDocument")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#run-heading")).to_contain_text("cancelled by user")


def ends_at_epochs(drawing: Drawing, epochs: list[int]) -> bool:
    """Whether the lines of a chart end at these epochs."""
    return [round(end.x) for end in drawing.ends] == epochs


def test_a_whole_study_is_compared_while_it_trains(training: str, page: Page) -> None:
    page.goto(f"{training}/runs/new")
    page.get_by_label("Depth", exact=True).fill("1-5")
    page.get_by_label("Seed").fill("0-2")
    page.get_by_label("Epochs").fill("8")
    page.get_by_label("Batch size").fill("50")
    page.get_by_text("Width, optimizer").click()
    page.get_by_role("checkbox", name="mnist").uncheck()
    page.get_by_role("checkbox", name=FEW).check()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/studies/*")
    study = page.url.rpartition("/")[2]
    page.get_by_role("link", name="Compare by depth").click()
    page.evaluate("() => { window.sameDocument = true }")
    expect(page.locator(".verdict p").first).to_contain_text("on new images", timeout=TRAINING_MS)
    rows = page.locator("#groups tbody").first.get_by_role("row")
    for depth in range(5):
        expect(rows.nth(depth).get_by_role("cell").nth(2)).to_have_text("3", timeout=TRAINING_MS)
    expect(page.locator(".verdict p").first).to_contain_text("8 epochs")
    expect(page.locator(".verdict .badge")).to_have_count(0)
    expect(page.locator(".bill tbody th")).to_have_text([f"+ layer {depth}" for depth in (2, 3, 4, 5)])
    for chart, lines in {"curves": 15, "gap": 15 + 5, "diagnostics": 5 * 3 + 5}.items():
        wait(page, chart, partial(ends_at_epochs, epochs=[8] * lines))
    traces(page, "layers", lambda found: sum(len(each["x"]) == 2 * 15 for each in found) == 1)
    traces(page, "frontier", lambda found: sum(len(each["x"]) == 5 for each in found) == 1)
    section = page.get_by_role("region", name="Image by image")
    expect(section.locator("[data-images-note]")).to_contain_text(
        "more often with 2 layers than with 1 layer"
    )
    expect(section.locator("[data-images-step] option")).to_have_count(4)
    step = httpx.get(
        f"{training}/compare/images/step", params={"study": study, "first": "depth=1", "second": "depth=2"}
    ).json()
    pictures = section.locator("[data-images-gallery] img")
    expect(pictures.first).to_have_attribute("src", f"/datasets/{FEW}/test/{step['fixed'][0]['index']}.png")
    pictures.first.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('[data-images-gallery] img').naturalWidth === 28")
    section.get_by_label("Images").select_option("broken")
    digit = step["broken"][0]["label"]
    section.get_by_role("button", name=re.compile(rf"^{digit} \d+ images?$")).click()
    expect(pictures).to_have_count(sum(image["label"] == digit for image in step["broken"]))
    assert f"digit={digit}" in page.url
    section.get_by_text("Compare two runs", exact=True).click()
    section.get_by_label("against").select_option(index=1)
    expect(section.locator("[data-images-pair]")).to_contain_text("McNemar's exact test")
    assert page.evaluate("() => window.sameDocument")


def test_chart_settings_are_kept_in_the_url(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/studies", json={"depth": [1, 2], "epochs": 2}).raise_for_status()
    train_all(quiet, 2)
    page.goto(f"{quiet.url}/compare?study=1")
    wait(page, "curves", lambda drawing: len(drawing.traces) == 2)
    page.get_by_label("Show", exact=True).select_option("test_accuracy")
    page.get_by_label("Log y").check()
    page.get_by_label("Published (200 epochs)").check()
    page.get_by_role("button", name="2 layers", exact=True).click()
    wait(page, "curves", lambda drawing: len(drawing.traces) == 1 and drawing.y.is_log)
    page.reload()
    wait(page, "curves", lambda drawing: len(drawing.traces) == 1 and drawing.y.is_log)
    expect(page.get_by_label("Show", exact=True)).to_have_value("test_accuracy")
    expect(page.get_by_label("Published (200 epochs)")).to_be_checked()
    hidden = page.get_by_role("button", name="2 layers", exact=True)
    expect(hidden).to_have_attribute("aria-pressed", "false")


def test_the_list_follows_its_runs_and_keeps_the_selection(quiet: WebServer, page: Page) -> None:
    first, second = (httpx.post(f"{quiet.url}/runs", json={"depth": depth}).json()["id"] for depth in (1, 2))
    page.goto(f"{quiet.url}/runs")
    page.get_by_label("Select 1 layer, seed 0").check()
    expect(page.get_by_role("button", name="Compare")).to_be_hidden()
    page.get_by_label("Select 2 layers, seed 0").check()
    expect(page.get_by_role("button", name="Compare")).to_be_visible()
    httpx.post(f"{quiet.url}/runs/{first}/cancel").raise_for_status()
    expect(page.get_by_role("row", name="1 layer, seed 0")).to_contain_text("cancelled")
    expect(page.get_by_label("Select 1 layer, seed 0")).to_be_checked()
    httpx.post(f"{quiet.url}/runs", json={"depth": 3}).raise_for_status()
    expect(page.locator("[data-new-runs]")).to_contain_text("1 new run since")
    page.keyboard.press("c")
    page.wait_for_url(f"**/compare?runs={first},{second}")


def test_the_queue_reorders_without_taking_the_focus(quiet: WebServer, page: Page) -> None:
    first, _, _, last = (
        httpx.post(f"{quiet.url}/runs", json={"depth": depth}).json()["id"] for depth in (1, 2, 3, 4)
    )
    page.goto(f"{quiet.url}/queue")
    waiting = page.locator("#queued tbody th")
    expect(waiting).to_contain_text(["1 layer", "2 layers", "3 layers", "4 layers"])
    page.get_by_role("link", name="3 layers, seed 0").focus()
    httpx.post(f"{quiet.url}/runs/{first}/cancel").raise_for_status()
    expect(waiting).to_contain_text(["2 layers", "3 layers", "4 layers"])
    httpx.patch(f"{quiet.url}/runs/{last}", json={"priority": 9}).raise_for_status()
    expect(waiting).to_contain_text(["4 layers", "2 layers", "3 layers"])
    expect(page.get_by_role("link", name="3 layers, seed 0")).to_be_focused()


def test_a_lost_connection_is_shown_and_heals_without_a_gap(quiet: WebServer, page: Page) -> None:
    run = httpx.post(f"{quiet.url}/runs", json={"depth": 1}).json()
    page.goto(f"{quiet.url}/runs")
    notice = page.locator("[data-connection]")
    expect(notice).to_be_hidden()
    quiet.stop()
    expect(notice).to_contain_text("Connection lost")
    quiet.start()
    httpx.post(f"{quiet.url}/runs/{run['id']}/cancel").raise_for_status()
    expect(page.get_by_role("row", name="1 layer, seed 0")).to_contain_text("cancelled", timeout=30_000)
    expect(notice).to_be_hidden()


def show(page: Page, *, visible: bool) -> None:
    """Make a page behave as in the foreground or the background."""
    page.evaluate(
        """(visible) => {
          Object.defineProperty(document, "hidden", { value: !visible, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        visible,
    )


def test_a_hidden_page_closes_its_stream_and_catches_up_later(quiet: WebServer, page: Page) -> None:
    run = httpx.post(f"{quiet.url}/runs", json={"depth": 1}).json()
    page.goto(f"{quiet.url}/runs")
    eventually(lambda: quiet.app.state.events.clients == 1)
    show(page, visible=False)
    eventually(lambda: quiet.app.state.events.clients == 0)
    httpx.post(f"{quiet.url}/runs/{run['id']}/cancel").raise_for_status()
    show(page, visible=True)
    expect(page.get_by_role("row", name="1 layer, seed 0")).to_contain_text("cancelled")
    assert quiet.app.state.events.clients == 1


def test_a_refresh_that_fails_is_repeated_until_it_succeeds(quiet: WebServer, page: Page) -> None:
    first, second = (httpx.post(f"{quiet.url}/runs", json={"depth": depth}).json()["id"] for depth in (1, 2))
    page.goto(f"{quiet.url}/queue")
    waiting = page.locator("#queued tbody th")
    expect(waiting).to_have_count(2)
    refused: list[str] = []

    def refuse_twice(route: Route) -> None:
        if len(refused) < 2:
            refused.append(route.request.url)
            route.fulfill(status=503) if len(refused) == 1 else route.abort()
        else:
            route.continue_()

    intercept(page, "**/queue", refuse_twice)
    httpx.post(f"{quiet.url}/runs/{first}/cancel").raise_for_status()
    expect(waiting).to_contain_text(["2 layers"], timeout=30_000)
    expect(waiting).to_have_count(1, timeout=30_000)
    assert len(refused) == 2
    httpx.post(f"{quiet.url}/runs/{second}/cancel").raise_for_status()
    expect(page.locator("#queued")).to_contain_text("No run is queued", timeout=30_000)


def test_a_run_created_before_the_first_event_is_announced(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/runs", json={"depth": 1}).raise_for_status()
    page.goto(f"{quiet.url}/runs?status=finished")
    made = httpx.post(f"{quiet.url}/runs", json={"depth": 2}).json()["id"]
    httpx.post(f"{quiet.url}/runs/{made}/cancel").raise_for_status()
    expect(page.locator("[data-new-runs]")).to_contain_text("1 new run since this page was loaded.")


def test_runs_and_a_study_in_one_comparison_are_all_drawn(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/runs", json={"depth": 3, "epochs": 2}).raise_for_status()
    httpx.post(f"{quiet.url}/studies", json={"depth": [1], "seed": [7, 8], "epochs": 2}).raise_for_status()
    train_all(quiet, 3)
    page.goto(f"{quiet.url}/compare?runs=1&study=1&metric=__proto__")
    wait(page, "curves", lambda drawing: len(drawing.traces) == 3)
    page.keyboard.press("c")
    page.wait_for_url("**/compare")
