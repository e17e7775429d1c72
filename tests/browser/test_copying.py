"""Tables as they are copied: what lands in a spreadsheet has one number a cell."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from app.storage.database import Database
from tests.app.states import add_worker, finished_run
from tests.browser.compared import ALL
from tests.web_server import WebServer

pytestmark = pytest.mark.browser

NOTE_COPIES = """() => document.addEventListener("copy", (event) => {
    window.copied = event.defaultPrevented
        ? { text: event.clipboardData.getData("text/plain"), html: event.clipboardData.getData("text/html") }
        : null;
})"""
SELECT = """([from, to]) => {
    const [first, last] = [from, to].map((each) => document.querySelector(each));
    getSelection().setBaseAndExtent(first, 0, last, last.childNodes.length);
    document.execCommand("copy");
    return window.copied;
}"""


@pytest.fixture(scope="module")
def opened(six: str, shared: Page) -> Page:
    """The comparison of all six runs, which notes what is copied there."""
    shared.goto(six + ALL)
    shared.evaluate(NOTE_COPIES)
    return shared


def table(text: str) -> list[list[str]]:
    """The cells of a text with tabs."""
    return [line.split("\t") for line in text.split("\n")]


def by_name(rows: list[list[str]], place: int) -> dict[str, str]:
    """The cells of a row by the names in the header; every row is as long as that."""
    head, *body = rows
    assert {len(row) for row in rows} == {len(head)}
    return dict(zip(head, body[place], strict=True))


def holds(cells: dict[str, str], name: str, spread: dict[str, Any]) -> None:
    """Whether mean, deviation, extremes and interval of a figure have cells of their own, to the last bit."""
    for part in ("mean", "std", "min", "max"):
        assert float(cells[f"{name}, {part} (fraction)"]) == spread[part]
    for part, bound in zip(("from", "to"), spread["ci95"], strict=True):
        assert float(cells[f"{name}, 95 % {part} (fraction)"]) == bound


def test_the_table_of_groups_is_copied_with_one_number_a_cell(six: str, page: Page) -> None:
    groups = httpx.get(six + ALL).json()["groups"]
    page.goto(f"{six}{ALL}&baseline=depth=1")
    page.evaluate(NOTE_COPIES)
    card = page.locator("section.card", has=page.locator("#table"))
    card.get_by_role("button", name="Copy table").click()
    expect(card.get_by_role("button", name="Copied")).to_be_visible()
    found = page.evaluate("() => window.copied")
    rows = table(found["text"])
    cells = by_name(rows, 1)
    for name, figure in (("Train accuracy", "train_accuracy"), ("Test accuracy", "test_accuracy")):
        holds(cells, name, groups[1][figure])
    difference = groups[1]["test_accuracy"]["mean"] - groups[0]["test_accuracy"]["mean"]
    assert float(cells["Test accuracy, minus baseline (fraction)"]) == difference
    assert cells["Parameters"] == str(groups[1]["parameters"])  # no separated thousands
    assert float(cells["Training time (s)"]) == groups[1]["train_seconds_median"]
    assert float(cells["Gap (fraction)"]) == groups[1]["gap"]["mean"]
    assert not [name for name in cells if "Baseline" in name]
    for name, text in cells.items():
        assert name in ("Depth", "Best (exploratory)") or not text or float(text) is not None
    in_html = page.evaluate(
        """(html) => [...new DOMParser().parseFromString(html, "text/html").querySelectorAll("tr")].map(
            (row) => [...row.cells].map((cell) => cell.textContent))""",
        found["html"],
    )
    assert in_html == rows


def test_a_selection_of_cells_is_copied_exactly_under_its_headers(six: str, opened: Page) -> None:
    group = httpx.get(six + ALL).json()["groups"][1]
    row = '#groups tr[data-key="depth=2"]'
    found = opened.evaluate(SELECT, [f"{row} td:nth-child(2)", f"{row} td:nth-child(4)"])
    cells = by_name(table(found["text"]), 0)
    assert (cells["n"], float(cells["Test accuracy, mean (fraction)"])) == (
        "2",
        group["test_accuracy"]["mean"],
    )
    assert "Depth" not in cells
    alone = opened.evaluate(SELECT, [f"{row} td:nth-child(2)", f"{row} td:nth-child(2)"])
    assert alone is None  # words within a cell stay what they are


def test_a_selection_around_a_table_keeps_the_surrounding_text(opened: Page) -> None:
    found = opened.evaluate(SELECT, ["#table", "#groups-at-epoch"])
    assert found["text"].startswith("Statistics by depth")
    assert "±" not in found["html"]
    assert "<td>535818</td>" in found["html"]
    assert re.search(r"^2 layers\t0\.\d+\t", found["text"], re.MULTILINE)


def test_the_table_at_an_epoch_is_copied_as_it_is_shown(six: str, page: Page) -> None:
    page.goto(f"{six}{ALL}&epoch=2")
    page.evaluate(NOTE_COPIES)
    expect(page.locator("#groups-at-epoch table")).to_be_visible()
    card = page.locator("section.card", has=page.locator("#table"))
    card.get_by_role("button", name="Copy table").click()
    expect(card.get_by_role("button", name="Copied")).to_be_visible()
    cells = by_name(table(page.evaluate("() => window.copied.text")), 0)
    run = httpx.get(f"{six}/runs/1/epochs").json()["test_accuracy"][1]
    other = httpx.get(f"{six}/runs/2/epochs").json()["test_accuracy"][1]
    assert float(cells["Test accuracy, mean (fraction)"]) == pytest.approx((run + other) / 2, rel=1e-12)
    assert "Running train accuracy, std (fraction)" in cells


def test_a_list_of_runs_is_copied_without_formulas_units_and_thousands(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    run_id = finished_run(database, 0.9871, lr=0.1 + 0.2, batch_size=60_000)
    httpx.patch(f"{quiet.url}/runs/{run_id}", json={"name": "=1+1", "tags": ["a", "b"]}).raise_for_status()
    page.goto(f"{quiet.url}/runs")
    page.evaluate(NOTE_COPIES)
    found = page.evaluate(SELECT, ["[data-runs] thead", "[data-runs] tbody"])
    cells = by_name(table(found["text"]), 0)
    run = httpx.get(f"{quiet.url}/runs/{run_id}").json()
    assert cells["Name"] == "'=1+1"
    assert cells["Name, tags"] == "a, b"
    assert cells["Test accuracy (fraction)"] == "0.9871"
    assert cells["Learning rate"] == "0.30000000000000004"
    assert cells["Batch size"] == "60000"
    assert cells["Epochs"] == "3"
    assert cells["Started"] == run["started_at"]
    assert float(cells["Duration (s)"]) == run["train_seconds"]
    assert "Select" not in cells


def test_a_report_copies_its_tables_too(six: str, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(httpx.get(f"{six}/compare/report.html{ALL.partition('/compare')[2]}").text)
    page.goto(file.as_uri())
    page.evaluate(NOTE_COPIES)
    card = page.locator("section.card", has=page.locator("#table"))
    card.get_by_role("button", name="Copy table").click()
    expect(card.get_by_role("button", name="Copied")).to_be_visible()
    cells = by_name(table(page.evaluate("() => window.copied.text")), 0)
    holds(cells, "Test accuracy", httpx.get(six + ALL).json()["groups"][0]["test_accuracy"])
