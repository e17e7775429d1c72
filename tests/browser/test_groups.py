"""Groups whose keys differ in the last bit, and runs of one name: each is found, drawn and named apart."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.queue import actions
from app.settings import Settings
from app.storage.database import Database
from tests.app.states import add_worker
from tests.browser.compared import trained
from tests.web_server import started

LOW, HIGH = "lr 0.3", "lr 0.30000000000000004"
LONG = 0.002154434690031882
BOTH = [f"{layers}, {rate}" for layers in ("1 layer", "2 layers") for rate in (LOW, HIGH)]
BY_RATE = "/compare?runs=1,2,3,4&by=lr"
BY_BOTH = "/compare?runs=1,2,3,4,5,6&by=depth,lr"
DRAWN = """(chart) => [...document.querySelectorAll(`#${chart} .scatterlayer path.js-line`)]
  .filter((path) => path.getAttribute("d")?.includes("L")).map((path) => getComputedStyle(path))
  .map(({ stroke, strokeDasharray }) => `${stroke} as ${strokeDasharray}`)"""


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory, shared_port: int) -> Iterator[str]:
    """The URL of a server: runs 1-4 have one layer and two near rates, 5 and 6 two layers, 7 a long rate."""
    with started(Settings(data_dir=tmp_path_factory.mktemp("near")), shared_port) as server:
        database: Database = server.app.state.database
        add_worker(database)
        for depth, rate, seed in (
            *((1, rate, seed) for rate in (0.3, 0.1 + 0.2) for seed in (0, 1)),
            *((2, rate, 0) for rate in (0.3, 0.1 + 0.2)),
            (1, LONG, 0),
        ):
            trained(database, seed, depth=depth, lr=rate)
        for run_id in (5, 6):
            with database.write() as session:
                actions.edit(session, run_id, {"name": "twin <b>"})
        yield server.url


def looks(page: Page, chart: str) -> set[str]:
    """The colours and dashes of the lines that are drawn, whatever their shade."""
    drawn = (look.split(" as ") for look in page.evaluate(DRAWN, chart))
    return {",".join([*re.findall(r"[\d.]+", colour)[:3], dash]) for colour, dash in drawn}


@pytest.mark.parametrize(
    ("path", "hidden"),
    [(BY_RATE, {LOW: "1,2", HIGH: "3,4"}), (BY_BOTH, {f"1 layer, {HIGH}": "3,4"})],
    ids=["by rate", "by both"],
)
def test_pressing_a_group_hides_only_its_runs(
    near: str, page: Page, path: str, hidden: dict[str, str], subtests: pytest.Subtests
) -> None:
    page.goto(near + path)
    legend = page.get_by_role("group", name="Show or hide groups")
    runs, groups = (4, [LOW, HIGH]) if path == BY_RATE else (6, BOTH)
    expect(legend.get_by_role("button")).to_have_text(groups)
    lines = f"({DRAWN})('curves-chart').length"
    for pressed, ids in hidden.items():
        page.wait_for_function(f"() => {lines} === {runs}")
        before = looks(page, "curves-chart")
        assert len(before) == len(groups)
        toggle = legend.get_by_role("button", name=pressed, exact=True)
        with subtests.test(pressed=pressed):
            toggle.click()
            page.wait_for_function(f"() => {lines} === {runs - len(ids.split(','))}")
            assert f"hide={ids}" in page.url
            after = looks(page, "curves-chart")
            assert after < before
            assert len(after) == len(groups) - 1
            for name in groups:
                button = legend.get_by_role("button", name=name, exact=True)
                expect(button).to_have_attribute("aria-pressed", "false" if name == pressed else "true")
            off = page.locator("[data-toggle-run][aria-pressed=false]")
            expect(off).to_have_count(len(ids.split(",")))
        toggle.click()


def test_tables_and_pins_are_of_the_group_that_was_pressed(near: str, page: Page) -> None:
    page.goto(near + BY_RATE + "&epoch=2")
    rows = page.locator("#groups-at-epoch tbody").first.get_by_role("row")
    expect(rows.get_by_role("rowheader")).to_have_text([LOW, HIGH])
    page.get_by_role("link", name=f"Pin {HIGH} as the baseline").click()
    page.wait_for_url(re.compile("baseline=lr%3D0.30000000000000004"))
    expect(rows.nth(1).get_by_role("link", name=f"Unpin {HIGH}")).to_be_visible()
    expect(rows.nth(0).get_by_role("link", name=f"Pin {LOW} as the baseline")).to_be_visible()
    expect(page.locator("#groups-at-epoch caption")).to_contain_text(f"the difference from {HIGH}")
    inside = page.get_by_label("of", exact=True)
    inside.select_option(label=f"all runs of {LOW}")
    page.wait_for_url(re.compile(r"inside=group-lr%3D0\.3$"))
    page.reload()
    expect(inside.locator("option:checked")).to_have_text(f"all runs of {LOW}")
    expect(page.locator("#diagnostics-words")).to_contain_text("mean of 2 runs")


def test_a_picture_names_each_group(near: str, page: Page, tmp_path: Path) -> None:
    page.goto(near + BY_RATE)
    page.wait_for_function(f"() => ({DRAWN})('curves-chart').length === 4")
    with page.expect_download() as waiting:
        page.get_by_role("group", name="Download the curves").get_by_role("button", name="SVG").click()
    picture = tmp_path / "curves.svg"
    waiting.value.save_as(picture)
    named = re.findall(r'class="legendtext"[^>]*>([^<]+)<', picture.read_text())
    assert named == [LOW, HIGH]


def test_hover_labels_distinguish_runs_of_the_same_name(near: str, page: Page) -> None:
    page.goto(f"{near}/compare?runs=5,6&metric=test_accuracy")
    page.wait_for_function(f"() => ({DRAWN})('curves-chart').length === 2")
    chart = page.locator("#curves-chart")
    chart.scroll_into_view_if_needed()
    x, y = page.evaluate(
        """() => {
          const chart = document.getElementById("curves-chart");
          const [{ x, y }] = chart.data;
          const { left, top } = chart.getBoundingClientRect();
          const { xaxis, yaxis } = chart._fullLayout;
          return [left + xaxis._offset + xaxis.d2p(x[2]), top + yaxis._offset + yaxis.d2p(y[2])];
        }"""
    )
    page.mouse.move(x - 2, y)
    page.mouse.move(x, y)
    for run_id in (5, 6):
        expect(page.locator(".readout")).to_contain_text(f"twin <b> (run {run_id})")
    for place in (
        page.locator("#parameters-table"),
        page.locator("#runs").locator("xpath=ancestor::section"),
    ):
        for run_id in (5, 6):
            expect(place.get_by_role("link", name=f"twin <b> (run {run_id})", exact=True)).to_be_visible()


CUT = """() => [...document.querySelectorAll(".runs .name a")].filter((link) => {
  const cell = link.closest("th").getBoundingClientRect();
  const range = document.createRange();
  range.selectNodeContents(link);
  const lines = [...range.getClientRects()];
  const { right, bottom } = link.parentElement.getBoundingClientRect();
  const end = Math.min(cell.right, right) + 1;
  return lines.some((line) => line.right > end || line.bottom > bottom + 1);
}).map((link) => [link.textContent, link.title])"""
"""The names in the list of runs that are not shown to their ends, each with its title."""


def test_the_list_shows_names_to_their_ends_or_beside_the_pointer(
    near: str, page: Page, subtests: pytest.Subtests
) -> None:
    page.goto(f"{near}/runs")
    expect(page.locator(".runs .name a")).to_have_count(7)
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        with subtests.test(width=width):
            cut = page.evaluate(CUT)
            assert all(text == title for text, title in cut)
            if width < 500:
                assert cut == []  # a phone shows no title


def test_a_clone_shows_every_digit_and_starts_the_same_run(near: str, page: Page) -> None:
    page.goto(f"{near}/runs/new?from=7")
    expect(page.get_by_label("Learning rate")).to_have_value(f"{LONG}")
    for number in (1, 2, 3):
        expect(page.locator(f"#snippet-{number}")).to_contain_text(f"{LONG}")
    page.get_by_label("Seed").fill("9")  # the preview reads the form as it was typed
    expect(page.locator("#snippet-1")).to_contain_text(f"--lr {LONG} --seed 9")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(re.compile(r"/runs/\d+$"))
    expect(page.get_by_role("heading", level=1)).to_have_text(f"1 layer, lr {LONG}, 5 epochs, seed 9")
    expect(page.locator("dl.list").first).to_contain_text(f"{LONG}")
