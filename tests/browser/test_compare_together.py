"""The parts of the compare page together: what means leave out, what links and forms keep, and what hides."""

import re
from pathlib import Path
from statistics import fmean

import httpx
import pytest
from playwright.sync_api import Page, expect

from app import formats
from app.queue import claims, endings, run_rows
from app.storage.database import Database
from tests.app.states import add_worker, claimed, measured, queue_run, record
from tests.browser.compared import ALL, EPOCHS, trained
from tests.browser.drawn import traces, wait
from tests.browser.routes import Held
from tests.web_server import WebServer

pytestmark = pytest.mark.browser


def test_charts_of_failed_runs_say_that_there_are_no_means(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    for seed in (0, 1):
        queue_run(database, depth=2, seed=seed, epochs=EPOCHS)
        claim = claimed(database)
        record(database, claim, 1, 2)
        with database.write() as session:
            endings.fail(session, claim, "the loss became non-finite in epoch 3 (diverged)", None)
    page.goto(f"{quiet.url}/compare?runs=1,2")
    for chart, note in (
        ("curves", "[data-chart-note]"),
        ("gap", "#gap-note"),
        ("diagnostics", "#diagnostics-words"),
    ):
        expect(page.locator(note)).to_contain_text("No run is finished or training, so there are no means.")
        assert len(traces(page, chart)) >= 2
    assert page.locator("main .chart:visible").count() == 3


def test_means_exclude_failed_runs_and_runs_that_are_behind(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    for seed in (0, 1, 2):
        trained(database, seed, depth=1)
    for seed in (3, 4):
        queue_run(database, depth=1, seed=seed, epochs=EPOCHS)
        claim = claimed(database)
        with database.write() as session:
            claims.record_epoch(session, claim, measured(1, test_accuracy=0.1, train_loss=1e8))
        if seed == 3:
            with database.write() as session:
                endings.fail(session, claim, "the loss became non-finite in epoch 2 (diverged)", None)
    page.goto(f"{quiet.url}/compare?runs=1,2,3,4,5&lines=mean&metric=test_accuracy")
    runs = [httpx.get(f"{quiet.url}/runs/{run}/epochs").json()["test_accuracy"] for run in (1, 2, 3)]
    _, mean = traces(page, "curves")
    assert mean["y"] == pytest.approx([100 * fmean(values) for values in zip(*runs, strict=True)])
    assert mean["text"] == ["mean of 3"] * EPOCHS
    left_out = "Excluded: 1 failed or cancelled run and 1 run in training with fewer epochs."
    expect(page.locator("[data-chart-note]")).to_contain_text(left_out)
    expect(page.locator("#gap-note")).to_contain_text(left_out)
    assert len(traces(page, "gap")[-1]["y"]) == EPOCHS
    slider = page.get_by_label("At epoch")
    expect(slider).to_be_enabled()
    slider.focus()
    slider.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", f"epoch {EPOCHS} of {EPOCHS}")
    expect(page.locator("#scrubber output")).to_have_text(f"of {EPOCHS}; 3 of 4 runs reached it")
    with database.write() as session:
        claims.record_epoch(session, claim, measured(2))
    wait(page, "gap", lambda drawing: drawing.traces[-2].last and drawing.traces[-2].last.x > 1.9)
    expect(slider).to_have_attribute("aria-valuetext", f"epoch {EPOCHS} of {EPOCHS}")
    page.get_by_label("Show", exact=True).first.select_option("train_loss")
    page.get_by_label("as", exact=True).select_option("runs")
    wait(page, "curves", lambda drawing: len(drawing.traces) == 5)
    httpx.post(f"{quiet.url}/runs/5/cancel").raise_for_status()


def test_diverged_runs_do_not_flatten_the_curves(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    trained(database, 0, depth=1)
    queue_run(database, depth=1, seed=1, epochs=EPOCHS)
    claim = claimed(database)
    with database.write() as session:
        claims.record_epoch(session, claim, measured(1, train_loss=1e8))
        endings.fail(session, claim, "the loss became non-finite in epoch 2 (diverged)", None)
    page.goto(f"{quiet.url}/compare?runs=1,2")
    below = page.locator("#curves-chart + .unseen")
    expect(below).to_contain_text(re.compile(r"1 of 6 points lies outside the axis \(.*seed 1"))
    wait(page, "curves", lambda drawing: drawing.y.ends[1] < 5)


def test_an_epoch_beyond_the_last_becomes_the_last(six: str, page: Page) -> None:
    page.goto(six + ALL)
    number = page.get_by_label("Epoch, as a number")
    expect(number).to_be_enabled()
    number.press_sequentially("25")
    expect(number).to_have_value(f"{EPOCHS}")
    expect(page.get_by_label("At epoch")).to_have_attribute("aria-valuetext", f"epoch {EPOCHS} of {EPOCHS}")
    page.wait_for_url(f"**&epoch={EPOCHS}")


def test_pinning_and_reporting_keep_the_view(six: str, page: Page, tmp_path: Path) -> None:
    page.goto(six + ALL)
    page.get_by_label("Show", exact=True).first.select_option("test_accuracy")
    page.get_by_label("Axis range").select_option("error")
    page.get_by_role("link", name="Pin 2 layers as the baseline").click()
    page.wait_for_url(re.compile("baseline=depth%3D2"))
    assert "metric=test_accuracy" in page.url
    assert "scale=error" in page.url
    expect(page.get_by_label("Show", exact=True).first).to_have_value("test_accuracy")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Report").click()
    report = tmp_path / "report.html"
    waiting.value.save_as(report)
    page.goto(report.as_uri())
    expect(page.locator("#groups caption")).to_contain_text("the difference from 2 layers")
    expect(page.get_by_label("Show", exact=True).first).to_have_value("test_accuracy")
    assert len(traces(page, "diagnostics")) == 2 * 3 + 3
    expect(page.locator("#diagnostics-words")).to_contain_text("the gradient norm of layer 1")


def test_at_an_epoch_the_table_keeps_the_baseline_and_the_published_rows(six: str, page: Page) -> None:
    page.goto(six + ALL + "&baseline=2+layers&epoch=2")
    rows = page.locator("#groups-at-epoch tbody").first.get_by_role("row")
    expect(rows).to_have_count(3)
    at = [httpx.get(f"{six}/runs/{run}/epochs").json()["test_accuracy"][1] for run in (1, 2, 3, 4)]
    words = f"{formats.points(fmean(at[:2]) - fmean(at[2:]))}\N{NO-BREAK SPACE}pp"
    expect(rows.first.get_by_role("cell").first).to_contain_text(words)
    expect(rows.nth(1).get_by_role("link", name="Unpin 2 layers")).to_be_visible()
    expect(page.locator("#groups-at-epoch .aside").get_by_role("row")).to_have_count(5)
    expect(page.locator("#groups-at-epoch caption")).to_contain_text("the difference from 2 layers")


@pytest.mark.parametrize("browser_page", ["page", "plain"])
def test_runs_are_grouped_by_what_one_chooses(
    six: str, request: pytest.FixtureRequest, browser_page: str
) -> None:
    page: Page = request.getfixturevalue(browser_page)
    page.goto(six + ALL + "&metric=test_loss")
    form = page.get_by_role("form", name="Group by")
    expect(form.locator("optgroup").first.locator("option")).to_have_text(["Depth"])
    form.get_by_label("Group by").select_option("width")
    form.get_by_label("then by").select_option("depth")
    form.get_by_role("button", name="Group").click()
    page.wait_for_url(re.compile("by=width,depth"))
    assert "metric=test_loss" in page.url
    expect(page.locator("#groups tbody").first.get_by_role("rowheader").first).to_have_text(
        "width 512, 1 layer"
    )


def test_a_hidden_group_leaves_every_chart_but_not_the_table(six: str, page: Page) -> None:
    page.goto(six + ALL)
    traces(page, "layers")
    page.get_by_role("button", name="3 layers", exact=True).click()
    page.wait_for_url("**&hide=5,6")
    wait(page, "layers", lambda drawing: len(drawing.traces[-2].points) == 2 * 4)
    wait(page, "curves", lambda drawing: len(drawing.traces) == 4)
    wait(page, "gap", lambda drawing: len(drawing.traces) == 4 + 2)
    wait(page, "frontier", lambda drawing: len(drawing.traces[1].points) == 4)
    wait(page, "diagnostics", lambda drawing: not drawing.traces)
    expect(page.locator("#diagnostics-words")).to_have_text("All 2 runs of this group are hidden.")
    expect(page.locator("#layers-note")).to_contain_text(
        "2 runs hidden. Exploratory: the verdict includes all runs."
    )
    expect(page.locator("#groups tbody").first.get_by_role("row")).to_have_count(3)


def test_if_all_runs_are_hidden_every_note_says_so(six: str, page: Page) -> None:
    page.goto(f"{six}{ALL}&hide=1,2,3,4,5,6")
    notes = ("[data-chart-note]", "#layers-note", "#gap-note", "#frontier-words", "#diagnostics-words")
    for note in (*notes, "#scrubber output"):
        expect(page.locator(note)).to_have_text("All 6 runs are hidden.")


def test_a_depth_outside_the_axis_is_named_at_the_edge(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    for depth in (1, 4, 5):
        trained(database, 0, depth=depth)
    with database.write() as session:
        for run in (2, 3):
            run_rows.get(session, run).test_accuracy = 0.97 + run / 1000
    page.goto(f"{quiet.url}/compare?runs=1,2,3&reference=off")
    drawn = traces(page, "layers")
    texts = next(trace["text"] for trace in drawn if trace["mode"] == "markers+text")
    assert texts[-1].startswith("↓ 81.00")
    page.get_by_label("Axis range").select_option("even")
    wait(page, "layers", lambda drawing: drawing.y.ends[0] < 81)
    page.get_by_label("Axis range").select_option("error")
    wait(page, "layers", lambda drawing: drawing.y.is_log)
    page.wait_for_url("**&scale=error")


def test_a_page_read_before_the_last_deletion_is_outdated(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    for seed in (0, 1):
        trained(database, seed, depth=1)
    address = f"{quiet.url}/compare?runs=1,2"
    page.goto(address)
    held = Held(page, address, lambda request: "html" in request.headers["accept"])
    httpx.delete(f"{quiet.url}/runs/1").raise_for_status()
    route = held.first()
    old = httpx.get(address, headers={"Accept": "text/html"}).text
    httpx.delete(f"{quiet.url}/runs/2").raise_for_status()
    expect(page.get_by_role("alert")).to_contain_text("Every run of this comparison was deleted")
    with page.expect_response(address):
        route.fulfill(body=old, content_type="text/html")
    page.evaluate("() => new Promise((done) => setTimeout(done))")
    expect(page.locator(".verdict")).to_be_hidden()


def test_the_notice_about_a_run_changes_with_its_first_epoch(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    trained(database, 0, depth=1)
    run_id = queue_run(database, depth=2)
    claim = claimed(database)
    page.goto(f"{quiet.url}/compare?runs=1,{run_id}")
    said = page.locator("#verdict .notice")
    expect(said).to_contain_text("is still training; it is not in the charts")
    assert record(database, claim, 1)
    expect(said).to_contain_text("is still training; it is in the curves")


def test_a_comparison_says_that_its_runs_were_deleted(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    for seed in (0, 1):
        trained(database, seed, depth=1)
    page.goto(f"{quiet.url}/compare?runs=1,2")
    traces(page, "layers")
    for run in (1, 2):
        httpx.delete(f"{quiet.url}/runs/{run}").raise_for_status()
    expect(page.get_by_role("alert")).to_contain_text("Every run of this comparison was deleted")
    expect(page.locator(".verdict")).to_be_hidden()


def test_without_javascript_no_loading_message_is_shown(six: str, plain: Page) -> None:
    plain.goto(six + ALL)
    expect(plain.get_by_text("Loading predictions")).to_be_hidden()
    expect(plain.locator("#groups")).to_be_visible()
