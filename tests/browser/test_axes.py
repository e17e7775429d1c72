"""What a reader finds beside and below a chart: numbers of its axes, their ends, and what lies outside."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import log10
from typing import Any, Final

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from app.settings import Settings
from app.storage.database import Database
from app.web import assets
from tests.app.states import add_worker
from tests.browser.conftest import watched
from tests.browser.drawn import Axis, Drawing, choose, wait
from tests.browser.given import given
from tests.web_server import WebServer, started

pytestmark = pytest.mark.browser

EPOCHS: Final = 20
HUGE: Final = 64_733_088_222_760_264_531_968.0
ODD_RATE: Final = 0.30000000000000004


def falling(first: float, last: float, count: int = EPOCHS) -> list[float]:
    """A loss that falls by equal factors."""
    return [first * (last / first) ** (epoch / (count - 1)) for epoch in range(count)]


def losses(values: Sequence[float]) -> dict[str, Sequence[float]]:
    """The same loss for training and test."""
    return dict.fromkeys(("train_loss", "last_batch_loss", "test_loss"), values)


def accuracies(values: Sequence[float]) -> dict[str, Sequence[float]]:
    """The same accuracy for training and test."""
    return dict.fromkeys(("train_accuracy", "test_accuracy"), values)


USUAL, HUGE_RUN, PERFECT, ZEROS, WIDE, NARROW, SLOW, NO_LOSS = (1, 2, 3, 4), 5, (6, 7, 8), 9, 10, 11, 12, 13
SOLVED: Final = [0.97, *[1.0] * (EPOCHS - 1)]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory, shared_port: int) -> Iterator[str]:
    """The URL of a server with runs whose figures are extreme."""
    with started(Settings(data_dir=tmp_path_factory.mktemp("odd")), shared_port) as server:
        database: Database = server.app.state.database
        add_worker(database)
        for seed in range(4):
            usual = {**losses(falling(2 + 0.1 * seed, 0.02)), "seconds": [0.5] * EPOCHS}
            inside = {"gradient_norms": [[0.5, 0.1]] * EPOCHS, "dead_relu": [[0.1]] * EPOCHS}
            reached = [0.98 - 0.1 / epoch for epoch in range(1, EPOCHS + 1)]
            given(database, usual | inside | accuracies(reached), depth=2, seed=seed)
        huge: dict[str, Sequence[Any]] = {
            **losses([HUGE, *falling(1e14, 3e3, EPOCHS - 1)]),
            "seconds": [90, *[0.5] * (EPOCHS - 1)],
        }
        huge |= accuracies([0.0958] * EPOCHS) | {"gradient_norms": [[1e20, 1e19]] * EPOCHS}
        ended = {"train_loss": 102_800_711_600_359.8281, "test_loss": HUGE}
        given(database, huge, results=ended, depth=2, seed=4, lr=ODD_RATE)
        for depth in (1, 2, 3):
            solved = {"train_accuracy": 1.0, "test_accuracy": 1.0}
            given(database, accuracies(SOLVED) | losses([1e-7] * EPOCHS), results=solved, depth=depth)
        zeros = {"train_loss": [3.2, *[0.0] * 59], "last_batch_loss": [0.0] * 60, "test_loss": [0.0] * 60}
        given(database, zeros, depth=2, seed=9)
        given(database, losses(falling(1e8, 1e-12)), depth=2, seed=10)
        given(database, losses(falling(2.31, 2.29)), depth=2, seed=11)
        given(database, losses(falling(2, 0.02)) | {"seconds": [1e4] * EPOCHS}, depth=2, seed=12)
        given(database, losses([0.0] * EPOCHS), depth=2, seed=13)
        yield server.url


@pytest.fixture(scope="module")
def plain_page(odd: str, shared: Page) -> Page:
    """A page without charts, for tests of functions."""
    shared.goto(f"{odd}/workers")
    return shared


@pytest.fixture(scope="module")
def zeros(odd: str, pages: BrowserContext) -> Iterator[Page]:
    """The page of the run with losses of 0, for tests that choose its axes."""
    with watched(pages):
        page = pages.new_page()
        page.goto(f"{odd}/runs/{ZEROS}?log=y")
        yield page


@pytest.fixture(scope="module")
def mean(odd: str, pages: BrowserContext, request: pytest.FixtureRequest) -> Iterator[tuple[Page, str]]:
    """A page with the mean of the usual runs and another one, and its address, to choose its axes."""
    address = f"{odd}/compare?runs={','.join(map(str, (*USUAL, request.param)))}&by=depth&lines=mean"
    with watched(pages):
        page = pages.new_page()
        page.goto(address)
        yield page, address


def below(page: Page, chart: str) -> Any:
    """What is said below a chart of that which it does not show."""
    return page.locator(f"#{chart}-chart + .unseen")


def numbers(axis: Axis) -> list[float]:
    """The marks of an axis as they are read, from one end to the other."""
    return [float(text.removesuffix("\N{NO-BREAK SPACE}%")) for text, _ in axis.marks]


@pytest.mark.parametrize(
    ("run", "least"),
    [pytest.param(WIDE, 4, id="20 decades"), pytest.param(NARROW, 3, id="less than a decade")],
)
def test_marks_of_a_logarithmic_axis_are_read_in_order_and_stand_apart(
    odd: str, page: Page, run: int, least: int
) -> None:
    page.goto(f"{odd}/runs/{run}?log=y")
    axis = wait(page, "loss", lambda drawing: drawing.y.is_log and drawing.y.marks).y
    shown = numbers(axis)
    assert len(shown) >= least
    assert shown == sorted(shown)
    places = [value for _, value in axis.marks]
    assert all(axis.apart(one, other) < 2 for one, other in zip(places, shown, strict=True))
    assert all(axis.apart(one, other) > 15 for one, other in pairwise(places))
    if run == WIDE:
        assert all(log10(mark) == pytest.approx(round(log10(mark))) for mark in shown)


def test_a_zoomed_logarithmic_axis_has_additional_ticks(odd: str, page: Page) -> None:
    page.goto(f"{odd}/runs/{WIDE}?log=y")
    wait(page, "loss", lambda drawing: drawing.y.is_log)
    page.evaluate("() => Plotly.relayout('loss-chart', { 'yaxis.range': [0.1, 0.4] })")
    zoomed = wait(
        page, "loss", lambda drawing: len(drawing.y.marks) > 2 and list(drawing.y.ends) == [0.1, 0.4]
    )
    assert all(1.2 < mark < 2.6 for mark in numbers(zoomed.y))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.5, 0.4, [0.5, 1, 2]),
        (-2, 0.5, [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2]),
        (-3.2, 0.4, [0.001, 0.01, 0.1, 1]),
        (-20, 0, [float(f"1e{power}") for power in range(-20, 1, 2)]),
        (13, 14.2, [1e13, 2e13, 5e13, 1e14]),
        (0.36, 0.3622, [2.292, 2.294, 2.296, 2.298, 2.3, 2.302]),
    ],
)
def test_ticks_of_decades(plain_page: Page, low: float, high: float, expected: list[float]) -> None:
    module = assets.url("js/plot/ticks.js")
    found = plain_page.evaluate(
        f"async (range) => (await import('{module}')).logarithmicTicks(range, 300)", [low, high]
    )
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("address", "charts"),
    [
        (f"/runs/{PERFECT[0]}", ["accuracy"]),
        ("/compare?runs=6,7,8&metric=test_accuracy", ["curves", "layers", "frontier"]),
        ("/compare?runs=6,7,8&metric=test_accuracy&lines=mean&scale=even", ["curves", "layers"]),
    ],
)
def test_an_axis_of_accuracies_ends_at_100_percent_where_marks_are_whole(
    odd: str, page: Page, address: str, charts: list[str]
) -> None:
    page.goto(odd + address)
    for chart in charts:
        page.locator(f"#{chart}-chart").scroll_into_view_if_needed()
        axis = wait(page, chart, lambda drawing: drawing.ends and drawing.y.marks).y
        assert axis.ends[0] >= 0, chart
        assert axis.ends[1] == 100, chart
        assert max(numbers(axis)) <= 100, chart
        clip = page.locator(f"#{chart}-chart clipPath.plotclip > rect").first
        expect(clip).to_have_attribute("y", "-8")
        assert float(clip.get_attribute("height") or 0) == axis.pixels + 8, chart


def test_an_outlying_run_does_not_set_the_axis_range(odd: str, page: Page) -> None:
    everyone = ",".join(map(str, (*USUAL, HUGE_RUN)))
    page.goto(f"{odd}/compare?runs={everyone}")
    drawing = wait(page, "curves", lambda drawing: len(drawing.traces) >= 4)
    assert drawing.y.ends[1] < 3
    line = below(page, "curves")
    expect(line).to_have_text(re.compile(r"20 of 100 points lie outside the axis \(.*seed 4.*\)\. Show all"))
    expect(below(page, "gap")).to_be_hidden()
    expect(page.locator("[data-chart-note]")).not_to_contain_text("all shown")
    line.get_by_role("button", name="Show all").click()
    wait(page, "curves", lambda drawing: drawing.y.ends[1] > HUGE)
    page.reload()
    everything = wait(page, "curves", lambda drawing: drawing.y.ends[1] > HUGE)
    assert [text for text, _ in everything.y.marks][-1] == "6e22"
    expect(page.locator("[data-chart-note]")).to_contain_text("5 curves, 100 points, all shown.")
    line.get_by_role("button", name="Fit to most").click()
    wait(page, "curves", lambda drawing: drawing.y.ends[1] < 3)


@pytest.mark.parametrize(
    ("mean", "view"),
    [(HUGE_RUN, ""), (HUGE_RUN, "log=y"), (SLOW, "x=seconds"), (SLOW, "x=seconds logx=x")],
    indirect=["mean"],
)
def test_a_mean_with_one_run_far_from_the_others_is_drawn(mean: tuple[Page, str], view: str) -> None:
    page, address = mean
    title = "Training time (s)" if "x=seconds" in view else "Epoch"
    are_log = "logx" in view, "log=y" in view

    def has_it(drawing: Drawing) -> bool:
        axes = drawing.x, drawing.y
        is_asked = drawing.x.title == title and tuple(axis.is_log for axis in axes) == are_log
        return is_asked and bool(drawing.names)

    choose(page, address, view)
    drawing = wait(page, "curves", has_it)
    assert drawing.traces[-1].line
    assert any(place.is_inside for place in drawing.traces[-1].line)
    expect(page.locator("[data-chart-note]")).to_contain_text("Means of 5 runs")


def test_a_run_outside_what_accuracy_costs_is_counted(odd: str, page: Page) -> None:
    page.goto(f"{odd}/compare?runs={','.join(map(str, (*USUAL, SLOW)))}&cost=seconds")
    outside = re.compile(r"1 of \d points lies outside the axis \(.*seed 12\)")
    expect(below(page, "frontier")).to_contain_text(outside)
    below(page, "frontier").get_by_role("button").click()
    wait(page, "frontier", lambda drawing: drawing.names)
    expect(page.locator("#frontier-keys")).to_be_hidden()


@pytest.mark.parametrize("view", ["", "?whole=loss,curves"])
def test_an_axis_of_losses_starts_at_0(odd: str, page: Page, view: str) -> None:
    page.goto(f"{odd}/runs/{NO_LOSS}{view}")
    assert wait(page, "loss", lambda drawing: drawing.ends).y.ends[0] == 0
    page.goto(f"{odd}/compare?runs={NO_LOSS}&{view.removeprefix('?')}")
    assert wait(page, "curves", lambda drawing: drawing.ends).y.ends[0] == 0


def test_outlying_epochs_do_not_set_the_axis_range(odd: str, page: Page) -> None:
    page.goto(f"{odd}/runs/{HUGE_RUN}")
    assert wait(page, "seconds", lambda drawing: drawing.ends).y.ends[1] < 1
    expect(below(page, "seconds")).to_contain_text("1 of 20 points lies outside the axis")
    expect(below(page, "accuracy")).to_be_hidden()


@pytest.mark.parametrize(
    ("kind", "runs", "kept"),
    [
        pytest.param("LOSS", [[2.3, 0.1], [0.4, 0.001]], 2.3, id="a usual start"),
        pytest.param("LOSS", [[2.3, 0.1], [1e14, 1e3]], 2.3, id="a huge run"),
        pytest.param("LOSS", [[2.3, 0.5, 0.3, 1e9, 0.2]], 2.3, id="a huge point"),
        pytest.param("LOSS", [[0.2, 0.001]] * 3 + [[2.3, 2.3]], 0.2, id="a dead run among many"),
        pytest.param("LOSS", [[0.2, 0.001], [2.3, 2.3]], 2.3, id="two runs that differ"),
        pytest.param("LOSS", [[2.3, 2.3], [2.3, 2.3], [0.2, 0.001]], 2.3, id="one run that learns"),
        pytest.param("LOSS", [[1e14, 1e14]], 1e14, id="nothing else"),
        pytest.param("GAP", [[0, 1], [0, 2], [0, -0.5], [90, 90]], 2, id="a gap"),
        pytest.param("ACCURACY", [[85, 98], [86, 97], [10, 10]], 98, id="a run that guesses"),
        pytest.param("SECONDS", [[60, 0.2, 0.2, 0.2, 0.3]], 0.3, id="a slow start"),
    ],
)
def test_the_frame_of_a_chart_fits_its_values(
    plain_page: Page, kind: str, runs: list[list[float]], kept: float
) -> None:
    module = assets.url("js/plot/frame.js")
    found: dict[str, list[float]] = plain_page.evaluate(
        f"async ([kind, runs]) => {{ const module = await import('{module}'); "
        "return module.frame(runs.map((values) => ({ values })), module[kind]); }",
        [kind, runs],
    )
    (low, high), everything = found["range"], [value for run in runs for value in run]
    assert low <= kept <= high <= kept + 0.07 * (high - low) + 0.06 * abs(kept)
    assert found["all"][0] <= min(everything)
    assert found["all"][1] >= max(everything)


NO_PLACE: Final = "not drawn: a logarithmic axis can't show 0 or less."


def test_points_without_a_place_on_a_logarithmic_axis_are_counted(zeros: Page) -> None:
    zeros.get_by_label("Log loss").check()
    note = zeros.locator("[data-chart-note]")
    expect(below(zeros, "loss")).to_have_text(f"119 of 120 points are {NO_PLACE} ")
    expect(note).to_have_text("60 epochs. Drag to zoom, double-click to reset.")
    zeros.get_by_label("Log loss").uncheck()
    expect(below(zeros, "loss")).to_be_hidden()
    expect(note).to_contain_text("60 epochs, all shown.")


def test_curves_without_a_place_on_a_logarithmic_axis_are_counted(odd: str, page: Page) -> None:
    page.goto(f"{odd}/compare?runs={ZEROS}&metric=test_loss&log=y")
    expect(below(page, "curves")).to_contain_text(f"All 60 points are {NO_PLACE}")
    wait(page, "curves", lambda drawing: "No data to draw" in drawing.names)


def test_a_line_on_a_logarithmic_axis_ends_where_it_has_no_place(zeros: Page) -> None:
    zeros.get_by_label("Log loss").check()
    drawing = wait(zeros, "loss", lambda drawing: drawing.y.is_log and drawing.ends)
    assert all(len(trace.line) < 2 for trace in drawing.traces)
    (point,) = [point for trace in drawing.traces for point in trace.points]
    assert point.x == pytest.approx(1, abs=0.2)
    assert point.y == pytest.approx(3.2, rel=0.02)


def test_bands_are_described_if_present_and_if_truncated(odd: str, page: Page) -> None:
    note = page.locator("[data-chart-note]")
    page.goto(f"{odd}/compare?runs=1&lines=mean")
    expect(note).to_contain_text("Means of 1 run")
    expect(note).not_to_contain_text("Bands")
    page.goto(f"{odd}/compare?runs=1,{NARROW},{SLOW}&lines=mean")
    expect(note).to_contain_text("Bands are 95 % intervals of the mean over seeds.")
    expect(note).not_to_contain_text("cuts")
    page.get_by_label("Log y").check()
    expect(note).to_contain_text("The logarithmic axis cuts bands near 0.")


def test_non_finite_points_are_counted(plain_page: Page) -> None:
    module = assets.url("js/plot/unseen.js")
    said = plain_page.evaluate(
        f"async () => {{ const {{ unseen, sentences }} = await import('{module}'); "
        "const trace = { name: 'a', x: [1, 2, 3, 4], y: [1, null, NaN, Infinity] }; "
        "return sentences(unseen([trace], { x: {}, y: {} })); }"
    )
    assert said == ["3 of 4 points are not drawn: the value is not a finite number."]


@pytest.mark.parametrize("browser_page", ["page", "phone"])
def test_numbers_do_not_overlap(odd: str, request: pytest.FixtureRequest, browser_page: str) -> None:
    page: Page = request.getfixturevalue(browser_page)
    for place in (f"/runs/{HUGE_RUN}", "/runs", "/compare?runs=1,2,3,4,5"):
        page.goto(odd + place)
        if place == f"/runs/{HUGE_RUN}":
            facts = page.locator(".facts.figures")
            expect(facts).to_contain_text("6.473e22")
            expect(facts).to_contain_text("1.028e14")
        wide = page.evaluate(
            "() => [...document.querySelectorAll('main dd, main td, main th')]"
            ".filter((cell) => cell.checkVisibility() && cell.scrollWidth > cell.clientWidth + 1)"
            ".map((cell) => cell.textContent)"
        )
        assert wide == [], place


def test_hover_labels_use_the_number_format_of_the_page(odd: str, page: Page) -> None:
    page.goto(f"{odd}/runs/{WIDE}?log=y")
    wait(page, "loss", lambda drawing: drawing.y.is_log and drawing.ends)
    frame = page.locator("#loss-chart .nsewdrag").bounding_box()
    assert frame
    page.mouse.move(frame["x"] + frame["width"] - 2, frame["y"] + frame["height"] / 2, steps=3)
    expect(page.locator(".readout")).to_contain_text("1.000e-12")


def test_published_lines_are_drawn_where_runs_are_comparable(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    add_worker(database)
    for epochs in (3, 200):
        given(database, losses([0.5] * 3), depth=2, epochs=epochs)

    def hides(drawing: Drawing) -> bool:
        return drawing.x.ends[1] < 3

    page.goto(f"{quiet.url}/compare?runs=1")
    box = page.get_by_label("Published (200 epochs)")
    expect(box).not_to_be_checked()
    wait(page, "layers", hides)
    box.check()
    wait(page, "layers", lambda drawing: not hides(drawing))
    page.reload()
    wait(page, "layers", lambda drawing: not hides(drawing))
    page.goto(f"{quiet.url}/compare?runs=1,2")
    wait(page, "layers", hides)
    page.goto(f"{quiet.url}/compare?runs=2")
    wait(page, "layers", lambda drawing: not hides(drawing))
    expect(box).to_be_checked()
    box.uncheck()
    wait(page, "layers", hides)
