"""The top of the compare page: headline, bill, pairs, margin, sections; also in studies and reports."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect
from sqlalchemy import ColumnElement, Table, insert, literal, select
from sqlmodel import Session

from app.queue import endings, run_rows
from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database
from app.storage.tables import Run, Study, StudyRun
from tests.app.answered import LABELS
from tests.app.states import RESULTS, add_worker, claimed
from tests.browser.compared import train_next, trained
from tests.browser.drawn import traces
from tests.web_server import WebServer
from trainer.files import predictions

pytestmark = pytest.mark.browser

MANY: Final = 500
HEIGHT: Final = 900
SECTIONS: Final = {
    "Verdict": "verdict",
    "Accuracy": "layers",
    "Table": "table",
    "Curves": "curves",
    "Gap": "gap",
    "Cost": "frontier",
    "Gradient norms": "diagnostics",
    "Images": "images",
    "Hyperparameters": "parameters",
    "Runs": "runs",
}


@pytest.fixture(scope="module")
def five(furnished: WebServer) -> str:
    """The URL of a server whose study 1 has finished runs of five depths, three seeds each."""
    return furnished.url


@pytest.fixture(scope="module")
def loaded(five: str, shared: Page) -> Page:
    """The comparison of study 1, loaded once."""
    shared.goto(f"{five}/compare?study=1")
    return shared


@pytest.fixture
def opened(loaded: Page) -> Page:
    """That page at its top, for tests that change only where it is and what has the focus."""
    loaded.evaluate("() => scrollTo({ top: 0, behavior: 'instant' })")
    return loaded


FOCUSED: Final = """
() => {
  const each = document.activeElement;
  const { top, width, height } = each.getBoundingClientRect();
  const isSeen = width && height && each.checkVisibility({ visibilityProperty: true });
  if (!isSeen || each === document.body || each.closest(".bar, .sections")) return null;
  const covered = document.querySelector("nav.sections").getBoundingClientRect().bottom;
  return { top, height, covered, html: each.outerHTML };
}
"""
"""Where what has the focus begins and the links to sections end, unless it is one of these or above."""


def copy(session: Session, table: Table, rows: ColumnElement[bool], changed: dict[str, Any]) -> None:
    """Insert copies of rows with other values in some columns."""
    same = [column for column in table.columns if column.name not in changed]
    chosen = select(*map(literal, changed.values()), *same).where(rows)
    names = [*changed, *(column.name for column in same)]
    session.connection().execute(insert(table).from_select(names, chosen))


def repeat(database: Database, run_ids: Sequence[int], times: int) -> list[int]:
    """Copy finished runs as runs of other seeds; returns the ids of all of them."""
    runs, epochs = Run.metadata.tables["run"], Run.metadata.tables["epoch"]
    found = [*run_ids]
    with database.write() as session:
        for place in range(1, times + 1):
            for run_id in run_ids:
                new = 1000 * place + run_id
                name = f"copy {place} of run {run_id}"
                named = {"name": name, "name_key": name, "name_base": None, "name_repeat": None}
                copy(session, runs, runs.c.id == run_id, {"id": new, "seed": 10 + new, **named})
                copy(session, epochs, epochs.c.run_id == run_id, {"run_id": new})
                found.append(new)
    return found


def box(element: Locator) -> FloatRect:
    """Where an element is in the window."""
    found = element.bounding_box()
    assert found
    return found


def test_the_bill_stands_beside_the_headline_and_the_first_chart_begins_below(opened: Page) -> None:
    traces(opened, "layers")
    headline, bill = opened.locator(".verdict p").first, opened.locator(".bill")
    expect(headline).to_contain_text("5 layers")
    expect(bill.get_by_role("rowheader")).to_have_text([f"+ layer {depth}" for depth in (2, 3, 4, 5)])
    expect(bill.locator(".answer").first).to_have_text(re.compile("^better"))
    assert abs(box(headline)["y"] - box(bill)["y"]) < 40
    assert box(opened.get_by_role("heading", name="Accuracy by number of layers"))["y"] < 0.85 * HEIGHT
    plot = box(opened.locator("#layers-chart .nsewdrag"))
    assert box(bill)["y"] + box(bill)["height"] < plot["y"] < HEIGHT - 60


def test_the_matrix_of_pairs_is_closed_until_a_key_opens_it(five: str, page: Page) -> None:
    page.goto(f"{five}/compare?study=1")
    table = page.get_by_role("region", name="All pairs of groups").get_by_role("table")
    expect(table).to_be_hidden()
    page.get_by_text("All pairs (10)").focus()
    page.keyboard.press("Enter")
    expect(table).to_be_visible()
    expect(table.get_by_role("columnheader")).to_have_text(
        [f"{depth} layer{'s' * (depth > 1)}" for depth in range(1, 6)]
    )
    row = table.get_by_role("row").nth(5)
    expect(row.locator(".answer")).to_have_text([re.compile("^better")] * 4)
    expect(row.get_by_role("cell").first).to_contain_text("+4.00")
    expect(table.get_by_role("row").nth(1).locator(".answer")).to_have_text([re.compile("^worse")] * 4)


@pytest.mark.parametrize("browser_page", ["page", "plain"])
def test_the_margin_is_chosen_and_kept(five: str, request: pytest.FixtureRequest, browser_page: str) -> None:
    page: Page = request.getfixturevalue(browser_page)
    page.goto(f"{five}/compare?study=1&metric=test_loss")
    form = page.get_by_role("form", name="Margin")
    expect(form.get_by_label("Margin", exact=True)).to_have_value("0.25")
    expect(page.locator(".bill .answer").first).to_contain_text("better by more than the margin")
    form.get_by_label("Margin", exact=True).fill("9.5")
    form.get_by_role("button", name="Apply").click()
    page.wait_for_url(re.compile("margin=9.5"))
    assert "metric=test_loss" in page.url
    expect(page.locator(".bill .answer").first).to_have_text(
        re.compile("^better, by less than the margin(, still improving)?$")
    )
    page.get_by_role("link", name="Pin 2 layers as the baseline").click()
    page.wait_for_url(re.compile("baseline="))
    assert "margin=9.5" in page.url
    form.get_by_label("Margin", exact=True).fill("0.25")
    form.get_by_label("Margin", exact=True).press("Enter")
    page.wait_for_url(lambda url: "margin" not in url)
    assert "metric=test_loss" in page.url


def test_receipts_follow_the_runs_that_finish(quiet: WebServer, page: Page) -> None:
    httpx.post(
        f"{quiet.url}/studies", json={"depth": [1, 2, 3], "seed": [0, 1], "epochs": 5}
    ).raise_for_status()
    database: Database = quiet.app.state.database
    add_worker(database)
    for _ in range(4):
        train_next(database)
    page.goto(f"{quiet.url}/compare?study=1")
    added = page.locator(".bill tbody th")
    badge = page.locator(".verdict .badge")
    assert len(added.all()) < 2 or badge.is_visible()
    expect(badge).to_have_text("Provisional")
    expect(page.locator(".verdict")).to_contain_text("2 of 6 planned runs have not ended")
    page.evaluate("() => { window.sameDocument = true }")
    for _ in range(2):
        train_next(database)
    expect(badge).to_have_count(0)
    expect(added).to_have_text(["+ layer 2", "+ layer 3"])
    expect(page.locator(".bill .answer").last).to_have_text(re.compile("^worse by more than the margin"))
    assert page.evaluate("() => window.sameDocument")


def test_links_to_sections_stay_in_view_and_lead_below_themselves(opened: Page) -> None:
    traces(opened, "diagnostics")
    nav = opened.get_by_role("navigation", name="Sections")
    expect(nav.get_by_role("link")).to_have_text([*SECTIONS])
    for name, place in SECTIONS.items():
        link = nav.get_by_role("link", name=name, exact=True)
        link.focus()
        opened.keyboard.press("Enter")
        opened.wait_for_url(f"**#{place}")
        expect(link).to_have_attribute("aria-current", "true")
        expect(nav.locator("[aria-current]")).to_have_count(1)
        bar, target = box(nav), box(opened.locator(f"#{place}"))
        assert bar["y"] + bar["height"] <= target["y"] + 1, name
        assert 0 <= bar["y"] < 100


def test_links_to_sections_cover_nothing_that_has_the_focus(opened: Page) -> None:
    traces(opened, "diagnostics")
    opened.locator("#runs").scroll_into_view_if_needed()
    opened.get_by_role("link", name="Show all").or_(opened.locator("#parameters-table a").last).first.focus()
    seen = 0
    for _ in range(40):
        opened.keyboard.press("Shift+Tab")
        found = opened.evaluate(FOCUSED)
        if found and found["height"] < HEIGHT / 2:  # a region is as tall as its table
            assert found["top"] >= found["covered"] - 1, found["html"]
            seen += 1
    assert seen > 20


def test_a_phone_shows_the_difference_and_the_answer_of_each_receipt(five: str, phone: Page) -> None:
    phone.goto(f"{five}/compare?study=1")
    traces(phone, "layers")
    assert phone.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    for row in phone.locator(".bill tbody tr").all():
        for part in (row.get_by_role("cell").first, row.locator(".answer")):
            where = box(part)
            assert where["x"] >= 0
            assert where["x"] + where["width"] <= 390
    test = box(phone.locator("#groups tbody [data-column], #groups tbody td").first)
    assert test["x"] + 60 < 390
    nav = phone.get_by_role("navigation", name="Sections")
    nav.get_by_role("link", name="Runs", exact=True).click()
    expect(phone.locator("#runs")).to_be_in_viewport()
    assert box(nav)["y"] == pytest.approx(0, abs=1)
    expect(nav.get_by_role("link", name="Runs", exact=True)).to_be_in_viewport()
    assert phone.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def predict(settings: Settings, run: Run) -> None:
    """Store predictions of a finished run that have its test accuracy; those of other depths differ."""
    wrong = (np.arange(round((1 - (run.test_accuracy or 0)) * len(LABELS))) + 1000 * run.depth) % len(LABELS)
    classes = LABELS.copy()
    classes[wrong] = (classes[wrong] + 1) % 10
    path = artifacts.of_run(settings.artifacts, run.id or 0).predictions(run.attempt)
    predictions.save(path, predictions.Predictions(classes, np.full(len(LABELS), 0.9, np.float16)))


def test_pages_of_many_runs_are_short_until_all_rows_are_asked_for(
    quiet: WebServer, page: Page, tmp_path: Path
) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    first = [trained(database, seed, depth=depth) for depth in range(1, 6) for seed in (0, 1)]
    ids = repeat(database, first, MANY // len(first) - 1)
    assert len(ids) == MANY
    with database.write() as session:
        for run_id in first:
            predict(Settings(data_dir=tmp_path), run_rows.get(session, run_id))
        session.add(Study(id=1, name="many", created_at=0.0, planned=MANY))
        session.flush()
        session.add_all(StudyRun(study_id=1, run_id=run_id) for run_id in ids)
    page.goto(f"{quiet.url}/compare?runs={','.join(map(str, ids))}")
    for chart in ("layers", "curves", "gap", "frontier"):
        traces(page, chart)
    expect(page.locator("[data-images-gallery] li")).to_have_count(24)
    assert page.evaluate("() => document.documentElement.scrollHeight") <= 6000
    runs = page.locator("section.card", has=page.locator("#runs"))
    expect(runs.get_by_role("row")).to_have_count(0)
    runs.get_by_text("The first 50 of 500 runs").click()
    expect(runs.locator("tbody").get_by_role("row")).to_have_count(50)
    page.get_by_label("Show", exact=True).first.select_option("test_loss")
    runs.get_by_role("link", name="Show all 500 runs").click()
    page.wait_for_url(re.compile("rows=all"))
    assert "metric=test_loss" in page.url
    expect(runs.locator("tbody").get_by_role("row")).to_have_count(MANY)
    expect(page.get_by_role("link", name="Show all")).to_have_count(0)
    page.goto(f"{quiet.url}/studies/1")
    traces(page, "curves")
    assert page.evaluate("() => document.documentElement.scrollHeight") <= 6000
    rows = page.locator("#study-runs tbody").get_by_role("row")
    expect(rows).to_have_count(50)
    before = rows.first.get_attribute("data-run")
    page.get_by_role("link", name="Next page").click()
    page.wait_for_url(re.compile("cursor="))
    expect(rows).to_have_count(50)
    assert rows.first.get_attribute("data-run") != before
    expect(page.locator("#study-runs")).to_be_focused()
    page.get_by_role("link", name="First page").click()
    expect(rows.first).to_have_attribute("data-run", before or "")


def test_what_is_seen_at_an_epoch_or_without_some_runs_is_marked(five: str, page: Page) -> None:
    page.goto(f"{five}/compare?study=1&epoch=2")
    mark = page.locator("#exploratory")
    words = "Exploratory: the verdict uses final results"
    expect(mark).to_be_visible()
    expect(page.locator("#layers-note")).to_contain_text(words)
    expect(page.locator("#groups-at-epoch caption")).to_contain_text(words)
    page.get_by_role("button", name="Back to final").click()
    expect(mark).to_be_hidden()
    page.get_by_role("button", name="3 layers", exact=True).click()
    expect(mark).to_be_visible()
    for note in ("#layers-note", "[data-chart-note]", "#gap-note", "#frontier-words"):
        expect(page.locator(note)).to_contain_text(
            "3 runs hidden. Exploratory: the verdict includes all runs."
        )
    page.get_by_role("button", name="3 layers", exact=True).click()
    expect(mark).to_be_hidden()


def test_bands_say_that_they_are_over_seeds(five: str, page: Page) -> None:
    page.goto(f"{five}/compare?study=1&lines=mean")
    for note in ("#layers-note", "[data-chart-note]"):
        expect(page.locator(note)).to_contain_text("95 % intervals of the mean over seeds")
    expect(page.get_by_label("as", exact=True).locator("option:checked")).to_have_text(
        re.compile("over seeds")
    )


def test_a_report_has_headline_bill_and_pairs(five: str, opened: Page, page: Page, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_bytes(httpx.get(f"{five}/compare/report.html?study=1").raise_for_status().content)
    parts = [opened.locator(each).inner_text() for each in (".verdict", ".bill tbody")]
    page.goto(report.as_uri())
    assert [page.locator(each).inner_text() for each in (".verdict", ".bill tbody")] == parts
    page.get_by_text("All pairs (10)").click()
    expect(page.locator(".pairs tbody tr")).to_have_count(5)
    expect(page.locator(".pairs .answer")).to_have_count(20)


def test_the_tab_of_a_study_tells_its_progress_and_its_end(quiet: WebServer, page: Page) -> None:
    study = httpx.post(f"{quiet.url}/studies", json={"depth": [1, 2], "epochs": 5}).json()
    database: Database = quiet.app.state.database
    add_worker(database)
    page.goto(f"{quiet.url}/studies/1")
    name = re.escape(study["name"])
    expect(page).to_have_title(re.compile(f"^0 % · {name}"))
    train_next(database)
    expect(page).to_have_title(re.compile(f"^50 % · {name}"))
    expect(page.locator("#study-result .badge")).to_have_text("Provisional")
    train_next(database)
    expect(page).to_have_title(re.compile(f"^✓ {name}"))
    expect(page.locator("#study-result .badge")).to_have_count(0)
    headline = page.locator("#study-result .verdict").inner_text()
    page.get_by_role("link", name="Compare the runs").click()
    expect(page.locator(".verdict")).to_have_text(re.compile(r"\s+".join(map(re.escape, headline.split()))))


def test_the_tab_of_a_study_that_is_in_the_background_tells_its_end(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/studies", json={"depth": [1], "epochs": 5}).raise_for_status()
    database: Database = quiet.app.state.database
    add_worker(database)
    page.goto(f"{quiet.url}/studies/1")
    expect(page).to_have_title(re.compile("^0 %"))
    claim = claimed(database)
    expect(page.locator("[data-status-of]")).to_have_text("running")
    page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { value: true, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    with database.write() as session:
        assert endings.finish(session, claim, RESULTS)
    expect(page).to_have_title(re.compile("^✓"))
