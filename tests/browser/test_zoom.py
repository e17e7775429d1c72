"""What a person looks at in a chart stays while epochs arrive, and what a chart leaves out is said."""

import re

import pytest
from playwright.sync_api import Page, expect

from app.queue import claims
from tests.browser.drawn import Axis, Drawing, choose, wait
from tests.browser.side_by_side import Study, figures_of
from tests.web_server import WebServer
from trainer.training.epoch_record import EpochRecord

pytestmark = pytest.mark.browser

LONG_AFTER_CLICK = "(id) => !(Date.now() - document.getElementById(id)._mouseDownTime < 500)"
LEFT, MIDDLE = 1 / 3, 1 / 2
"""Shares of a frame's width and height between which a test zooms."""


@pytest.fixture
def study(quiet: WebServer) -> Study:
    """Two runs that nobody trains yet."""
    return Study(quiet)


def train(study: Study, epochs: int) -> None:
    """Record so many more epochs of each run in one transaction."""
    first, study.last = study.last + 1, study.last + epochs
    with study.database.write() as session:
        for epoch in range(first, study.last + 1):
            for seed, claim in study.claims.items():
                assert claims.record_epoch(session, claim, EpochRecord(**figures_of(seed, epoch)))


class Frame:
    """The inside of a chart under the pointer."""

    def __init__(self, page: Page, chart: str) -> None:
        self.page = page
        self.chart = chart
        frame = page.locator(f"#{chart}-chart .nsewdrag")
        frame.scroll_into_view_if_needed()
        box = frame.bounding_box()
        assert box
        self.left, self.top, self.width, self.height = box["x"], box["y"], box["width"], box["height"]

    def point(self, share: float) -> tuple[float, float]:
        """A place on the way from the corner above left to the one below right."""
        return self.left + share * self.width, self.top + share * self.height

    def zoom(self) -> None:
        """Drag a box."""
        self.page.mouse.move(*self.point(LEFT))
        self.page.mouse.down()
        self.page.mouse.move(*self.point(MIDDLE), steps=3)
        self.page.mouse.up()

    def double_click(self) -> None:
        """As the notes beside the charts say; plotly.js counts a click before it that is too near."""
        self.page.wait_for_function(LONG_AFTER_CLICK, arg=f"{self.chart}-chart")
        self.page.mouse.dblclick(*self.point(MIDDLE))


def part(axis: Axis) -> tuple[float, float]:
    """The ends of an axis after the zoom."""
    low, high = axis.ends
    shares = (LEFT, MIDDLE) if axis.title == "Epoch" else (1 - MIDDLE, 1 - LEFT)
    return low + shares[0] * (high - low), low + shares[1] * (high - low)


def ends(drawing: Drawing) -> list[float]:
    """Those of both axes."""
    return [*drawing.x.ends, *drawing.y.ends]


@pytest.mark.parametrize(
    ("address", "chart"),
    [
        pytest.param("/runs/1", "loss", id="an axis with the ends of its data"),
        pytest.param("/compare?study=1", "gap", id="an axis with ends of its own"),
    ],
)
def test_a_zoom_stays_while_epochs_arrive_until_a_double_click(
    study: Study, page: Page, address: str, chart: str
) -> None:
    study.start()  # before: the rest of the page would move the chart when a run's state changes
    page.goto(study.server.url + address)
    wait(page, chart, lambda drawing: ends(drawing)[:2] == [0, 10])
    train(study, 20)
    before = wait(page, chart, lambda drawing: {round(end.x) for end in drawing.ends} == {20})
    frame = Frame(page, chart)
    frame.zoom()
    zoomed = wait(page, chart, lambda drawing: drawing.x.ends != before.x.ends)
    assert zoomed.x.ends == pytest.approx(part(before.x), abs=0.3)
    pixel = (before.y.ends[1] - before.y.ends[0]) / frame.height
    assert zoomed.y.ends == pytest.approx(part(before.y), abs=1.5 * pixel)
    study.trains()
    grown = wait(page, chart, lambda drawing: {round(end.x) for end in drawing.ends} == {21})
    assert ends(grown) == ends(zoomed)
    frame.double_click()
    wait(page, chart, lambda drawing: ends(drawing)[:2] == pytest.approx([0, 21], abs=0.01))
    study.trains()
    after = wait(page, chart, lambda drawing: {round(end.x) for end in drawing.ends} == {22})
    assert ends(after)[:2] == pytest.approx([0, 22], abs=0.01)
    assert all(end.is_inside for end in after.ends)


def test_the_address_keeps_a_zoom(study: Study, page: Page) -> None:
    study.start()
    train(study, 20)
    address = f"{study.server.url}/runs/1"
    page.goto(address)
    before = wait(page, "loss", lambda drawing: drawing.ends)
    Frame(page, "loss").zoom()
    zoomed = wait(page, "loss", lambda drawing: drawing.x.ends != before.x.ends)
    assert re.search(r"\?zoom=loss:[\d.]+,[\d.]+,[\d.]+,[\d.]+$", page.url)
    page.goto(f"{study.server.url}/queue")
    page.go_back()
    again = wait(page, "loss", lambda drawing: drawing.ends)
    assert ends(again) == pytest.approx(ends(zoomed), rel=1e-5)
    study.trains()
    grown = wait(page, "loss", lambda drawing: len(drawing.ends) == 2 and drawing.ends[0].x > 20.9)
    assert ends(grown) == ends(again)
    choose(page, address, "")
    wait(page, "loss", lambda drawing: drawing.x.ends[0] == 0)
    choose(page, address, "zoom=loss:2,5,, log=y")
    wait(page, "loss", lambda drawing: tuple(drawing.x.ends) == (2, 5) and drawing.y.is_log)
    Frame(page, "loss").double_click()
    wait(page, "loss", lambda drawing: drawing.x.ends[0] == 0)
    assert page.url == f"{address}?log=y"


def test_the_values_beside_the_pointer_follow_the_data(study: Study, page: Page) -> None:
    study.start()
    study.trains()
    page.goto(f"{study.server.url}/studies/1")
    wait(page, "curves", lambda drawing: len(drawing.ends) == 2)
    frame = Frame(page, "curves")
    page.mouse.move(*frame.point(0.5))
    page.mouse.move(frame.left + frame.width * 0.98, frame.top + frame.height / 2)
    readout = page.locator(".readout")
    for _ in range(3):
        study.trains()
    lines = ["2 layers, 100 epochs, seed 1 0.6000", "2 layers, 100 epochs, seed 0 0.5000"]
    expect(readout.locator("p")).to_have_text([re.compile(line.replace(" 0.", ".*0\\.")) for line in lines])
    expect(readout.locator("strong")).to_have_text("Epoch 4")
    page.mouse.move(frame.left + 1, frame.top + frame.height + 200)
    expect(readout).to_be_hidden()


def test_a_double_click_or_a_button_shows_outliers(study: Study, page: Page) -> None:
    study.start()
    study.trains()
    study.trains(train_loss=[1, 1e8])
    study.fails(seed=1)
    page.goto(f"{study.server.url}/compare?study=1")
    line = page.locator("#curves-chart + .unseen")
    outside = re.compile(r"1 of 4 points lies outside the axis \(.*seed 1\)\.")
    expect(line).to_contain_text(outside)
    wait(page, "curves", lambda drawing: drawing.y.ends[1] < 5)
    Frame(page, "curves").double_click()
    wait(page, "curves", lambda drawing: drawing.y.ends[1] > 1e8)
    expect(line).not_to_contain_text("outside")
    study.trains()
    wait(page, "curves", lambda drawing: drawing.ends[0].x > 2.9 and drawing.y.ends[1] > 1e8)
    page.reload()
    wait(page, "curves", lambda drawing: drawing.y.ends[1] > 1e8)
    line.get_by_role("button", name="Fit to most").click()
    wait(page, "curves", lambda drawing: drawing.y.ends[1] < 5)
    expect(line).to_contain_text("1 of 5 points lies outside the axis")
    Frame(page, "curves").zoom()
    wait(page, "curves", lambda drawing: drawing.y.ends[0] > 0.5)
    line.get_by_role("button", name="Show all").click()
    wait(page, "curves", lambda drawing: drawing.y.ends[1] > 1e8)


def test_a_mean_leaves_out_a_run_as_soon_as_it_fails(study: Study, page: Page) -> None:
    study.start()
    train(study, 3)
    page.goto(f"{study.server.url}/studies/1?lines=mean")
    both = (study.column(0, "train_loss")[-1] + study.column(1, "train_loss")[-1]) / 2
    wait(page, "curves", lambda drawing: drawing.ends_at([(3, both)]))
    study.fails(seed=1)
    wait(page, "curves", lambda drawing: drawing.ends_at([(3, study.column(0, "train_loss")[-1])]))
    expect(page.locator("[data-chart-note]")).to_contain_text("Excluded: 1 failed or cancelled run.")


def test_a_chart_follows_its_width_and_the_theme(study: Study, page: Page) -> None:
    study.start()
    train(study, 3)
    page.goto(f"{study.server.url}/runs/1")
    wide = wait(page, "seconds", lambda drawing: drawing.ends)
    line = page.locator("#seconds-chart .js-line")
    ink = line.evaluate("(line) => getComputedStyle(line).stroke")
    page.locator("main").evaluate("(main) => { main.style.maxWidth = '600px'; }")
    narrow = wait(page, "seconds", lambda drawing: drawing.x.pixels < 600)
    assert narrow.ends_at([(3, study.column(0, "seconds")[-1])])
    page.locator("main").evaluate("(main) => { main.style.maxWidth = ''; }")
    wait(page, "seconds", lambda drawing: drawing.x.pixels == wide.x.pixels)
    page.emulate_media(color_scheme="dark")
    expect(line).not_to_have_css("stroke", ink)
