"""Charts of many groups: each is distinguishable and has its full name on the page and in pictures."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urljoin

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from app.settings import Settings
from app.storage.database import Database
from app.web import assets
from tests.app.states import add_worker
from tests.browser.compared import trained
from tests.browser.conftest import watched
from tests.browser.drawn import Drawing, choose, traces, wait
from tests.browser.given import given
from tests.waiting import eventually
from tests.web_server import WebServer, started

pytestmark = pytest.mark.browser

RATES: Final = (0.05, 0.1, 0.2)
LONG: Final = (0.3, 0.1 + 0.2, 0.002154434690031882)
"""Rates that have up to seventeen digits."""
SHOWN: Final = {0.002154434690031882: "0.00215443469"}
"""How those are named that need not so many."""


class Groups:
    """Finished runs on a server: their comparison, and the names of its groups."""

    def __init__(self, server: WebServer, by: str, labels: Sequence[str], ids: Sequence[int]) -> None:
        self.address = f"{server.url}/compare?runs={','.join(map(str, ids))}&by={by}"
        self.labels = list(labels)
        self.ids = list(ids)

    def __str__(self) -> str:
        return f"{len(self.labels)} groups"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, shared_port: int) -> Iterator[WebServer]:
    """A server without runs yet, shared by the studies of this module."""
    with started(Settings(data_dir=tmp_path_factory.mktemp("groups")), shared_port) as found:
        add_worker(found.app.state.database)
        yield found


def layers(depth: int) -> str:
    return f"{depth} layer{'' if depth == 1 else 's'}"


@pytest.fixture(scope="module")
def fifteen(server: WebServer) -> Groups:
    """Depths and rates, two seeds each: thirty runs."""
    database: Database = server.app.state.database
    cells = [(depth, rate) for depth in (1, 2, 3, 4, 5) for rate in RATES]
    ids = [
        trained(database, seed, depth=depth, lr=rate, epochs=2) for depth, rate in cells for seed in (0, 1)
    ]
    return Groups(server, "depth,lr", [f"{layers(depth)}, lr {rate}" for depth, rate in cells], ids)


@pytest.fixture(scope="module")
def many(server: WebServer) -> Groups:
    """Depths, rates and sizes of batches: twenty-seven runs, of one seed."""
    database: Database = server.app.state.database
    cells = [(depth, rate, size) for depth in (1, 2, 3) for rate in RATES for size in (64, 256, 1024)]
    ids = [
        trained(database, 7, depth=depth, lr=rate, batch_size=size, epochs=2) for depth, rate, size in cells
    ]
    labels = [f"{layers(depth)}, lr {rate}, batch size {size}" for depth, rate, size in cells]
    return Groups(server, "depth,lr,batch_size", labels, ids)


@pytest.fixture(scope="module")
def long(server: WebServer) -> Groups:
    """Depths and rates with many digits."""
    database: Database = server.app.state.database
    cells = [(depth, rate) for depth in (1, 2) for rate in sorted(LONG)]
    ids = [trained(database, 9, depth=depth, lr=rate, epochs=2) for depth, rate in cells]
    return Groups(
        server, "depth,lr", [f"{layers(depth)}, lr {SHOWN.get(rate, rate)}" for depth, rate in cells], ids
    )


@pytest.fixture(params=["fifteen", "many"])
def groups(request: pytest.FixtureRequest) -> Groups:
    """Fifteen groups of two runs by two things, and twenty-seven of one run by three."""
    found: Groups = request.getfixturevalue(request.param)
    return found


class Opened(Protocol):
    """Gives the comparison of groups in a view, on a page that tests share which leave it as it is."""

    def __call__(self, groups: Groups, view: str = "") -> Page: ...


@pytest.fixture(scope="module")
def opened(pages: BrowserContext) -> Iterator[Opened]:
    """Such pages, which open when they are first wanted.

    A test that opens one beside a page of its own closes both.
    """
    found: dict[str, Page] = {}

    def of(groups: Groups, view: str = "") -> Page:
        address = groups.address + view
        if address not in found or found[address].is_closed():
            found[address] = pages.new_page()
            found[address].goto(address)
        return found[address]

    with watched(pages):
        yield of


LOOKS: Final = """(chart) => {
  const shape = (point) => {
    const { fill, stroke } = getComputedStyle(point);
    return [point.getAttribute("d"), fill, stroke].join();
  };
  return [...document.querySelectorAll(`#${chart}-chart .scatterlayer .trace`)].map((trace) => {
    const line = trace.querySelector(".lines path.js-line");
    const style = line && getComputedStyle(line);
    return {
      name: trace.__data__[0].trace.name,
      is_bold: Boolean(line) && parseFloat(style.strokeWidth) >= 2,
      line: line && [style.stroke, style.strokeDasharray].join(),
      points: [...trace.querySelectorAll(".points path.point")].map(shape),
    };
  });
}"""
"""How each trace of a chart looks in its picture."""


def looks(page: Page, chart: str) -> dict[str, set[tuple[Any, ...]]]:
    """How the bold lines of a chart look, by their names."""
    found: dict[str, set[tuple[Any, ...]]] = {}
    for each in page.evaluate(LOOKS, chart):
        if each["is_bold"] and each["name"]:
            found.setdefault(each["name"], set()).add((each["line"], tuple(each["points"][:1])))
    return found


def test_the_lines_of_groups_look_different(groups: Groups, opened: Opened) -> None:
    page = opened(groups)
    expect(page.locator("[data-chart-note]")).to_contain_text("Means of ")
    for chart in ("curves", "gap"):
        traces(page, chart)
        found = looks(page, chart)
        assert list(found) == groups.labels, chart
        assert all(len(each) == 1 for each in found.values()), chart
        assert len(set.union(*found.values())) == len(groups.labels), chart


def test_intervals_are_described_if_there_are_any(
    fifteen: Groups, many: Groups, opened: Opened, page: Page
) -> None:
    expect(opened(fifteen).locator("#layers-note")).to_contain_text(
        "Bars are 95 % intervals of the mean over seeds; they do not cover"
    )
    ids = ",".join(map(str, [*fifteen.ids[:2], *fifteen.ids[6:8]]))  # of one rate
    page.goto(re.sub(r"runs=.*", f"runs={ids}&epoch=1", fifteen.address))
    expect(page.locator("#layers-note")).to_contain_text("Bands are 95 % intervals")
    page.goto(f"{many.address}&epoch=1")
    for each in (page, opened(many)):
        expect(each.locator("#layers-note")).to_contain_text("The table below lists the means.")
        expect(each.locator("#layers-note")).not_to_contain_text("95 %")


def test_headings_list_the_hyperparameters_of_groups(many: Groups, opened: Opened) -> None:
    page = opened(many)
    by = "depth, learning rate and batch size"
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Comparison by {by}")
    expect(page.locator("#layers")).to_have_text(f"Accuracy by {by}")
    expect(page.locator("#table")).to_have_text(f"Statistics by {by}")


def test_a_long_list_of_evidence_is_folded_for_the_charts_below(many: Groups, opened: Opened) -> None:
    bill = opened(many).locator("details", has_text="Gain and cost: ")
    expect(bill.locator("summary").first).to_have_text(re.compile(r"^Gain and cost: \d+ rows$"))
    expect(bill.get_by_role("row").first).to_be_hidden()


def test_the_points_of_groups_look_different(groups: Groups, opened: Opened) -> None:
    page = opened(groups)
    traces(page, "frontier")
    *_, means = page.evaluate(LOOKS, "frontier")
    assert len(set(means["points"])) == len(groups.labels)


def test_buttons_and_rows_show_the_marks_of_groups(groups: Groups, opened: Opened) -> None:
    swatches = """(of) => [...document.querySelectorAll(`${of} .swatch`)].map((swatch) => {
      const [line, use] = swatch.children;
      const { width, height } = use.getBBox();
      const { stroke, strokeDasharray } = getComputedStyle(line);
      return [stroke, strokeDasharray, use.getAttribute("href"), width > 5 && height > 5].join();
    })"""
    for place in (".legend[role=group]", "#groups tbody"):
        page = opened(groups)
        if place == "#groups tbody" and (more := page.locator("#groups").get_by_text("Show all")).count():
            more.first.click()
            expect(page.locator("#groups tbody").first.get_by_role("row")).to_have_count(len(groups.labels))
        found = page.evaluate(swatches, place)
        assert len(set(found)) == len(found) == len(groups.labels)
        assert all(each.endswith("true") for each in found), "no swatch without a marker"


NAMES: Final = """(chart) => {
  const svg = document.querySelector(`#${chart}-chart .main-svg`).getBoundingClientRect();
  const frame = document.querySelector(`#${chart}-chart .nsewdrag`).getBoundingClientRect();
  const middle = ({ top, bottom }) => (top + bottom) / 2;
  const signs = [...document.querySelectorAll(`#${chart}-chart .shapelayer path[d*="Z"]`)].map((path) => {
    const { x, y, width, height } = path.getBBox();
    const shape = path.getAttribute("d").replace(/(-?[\\d.]+)[ ,]+(-?[\\d.]+)/g, (_, across, down) =>
      [across - x - width / 2, down - y - height / 2].map(Math.round).join());
    return { box: path.getBoundingClientRect(), look: `${shape} ${getComputedStyle(path).fillOpacity}` };
  });
  return [...document.querySelectorAll(`#${chart}-chart .annotation`)].map((name) => {
    const { left, right, top, bottom } = name.querySelector("text").getBoundingClientRect();
    const is_inside = left >= svg.left && right <= svg.right && top >= svg.top && bottom <= svg.bottom;
    const is_beside = left > frame.right;
    const isSign = (box) => box.left > frame.right && box.right < left;
    const isHere = (box) => Math.abs(middle(box) - middle({ top, bottom })) < 4;
    const sign = signs.find(({ box }) => isSign(box) && isHere(box))?.look;
    return { sign, text: name.textContent, top, bottom, is_inside, is_beside };
  });
}"""
"""The names at the right of a chart, and the markers that are drawn before them."""


def named(page: Page, chart: str) -> list[dict[str, Any]]:
    """The names of a chart's lines from above, each whole and none on another."""
    found: list[dict[str, Any]] = sorted(page.evaluate(NAMES, chart), key=lambda name: name["top"])
    assert all(name["is_inside"] and name["is_beside"] for name in found)
    middles = [(name["top"] + name["bottom"]) / 2 for name in found]
    assert all(lower - upper > 13 for upper, lower in pairwise(middles))
    return found


CONNECTIONS: Final = """(chart) => {
  const { right } = document.querySelector(`#${chart}-chart .nsewdrag`).getBoundingClientRect();
  return [...document.querySelectorAll(`#${chart}-chart .shapelayer path:not([d*="Z"])`)]
    .map((path) => path.getBoundingClientRect())
    .filter(({ left }) => left >= right - 1)
    .map(({ height }) => height);
}"""
"""The heights in pixels of the lines between the ends of a chart's lines and their names."""


LOSS: Final = "&lines=mean&metric=test_loss"


@pytest.fixture
def losses(groups: Groups, opened: Opened) -> Page:
    """The means of test losses by epoch, on a page whose axes tests change."""
    page, address = opened(groups, LOSS), groups.address + LOSS
    if page.url != address:
        choose(page, address, "")
        wait(page, "curves", lambda drawing: drawing.x.title == "Epoch" and not drawing.y.is_log)
    return page


def test_names_far_from_their_lines_have_no_connections_that_look_like_lines(
    groups: Groups, losses: Page
) -> None:
    names_stand_in_order(losses, "curves", groups)
    assert max(losses.evaluate(CONNECTIONS, "curves"), default=0) <= 61


def test_names_at_line_ends_are_in_the_order_of_the_lines(groups: Groups, losses: Page) -> None:
    page = losses
    for chart in ("curves", "gap"):
        names_stand_in_order(page, chart, groups)
    before = wait(page, "curves", bool)
    for view in ("log=y", "x=seconds", "x=flops logx=x"):
        choose(page, groups.address + LOSS, view)
        before = wait(page, "curves", partial(has_other_axes, before))
        names_stand_in_order(page, "curves", groups)


def has_other_axes(before: Drawing, drawing: Drawing) -> bool:
    """Whether a chart shows another quantity than before, or shows it on another scale."""
    return (drawing.x.title, drawing.x.is_log, drawing.y.is_log) != (
        before.x.title,
        before.x.is_log,
        before.y.is_log,
    )


def names_stand_in_order(page: Page, chart: str, groups: Groups) -> None:
    """Check the names of a chart against the ends of its lines, and the signs before them."""
    drawn = traces(page, chart)
    found = [name["text"] for name in named(page, chart)]
    assert sorted(found) == sorted(groups.labels), chart
    ends = {trace["name"]: trace["y"][-1] for trace in drawn if trace.get("name") in groups.labels}
    heights = [ends[name] for name in found]
    assert heights == sorted(heights, reverse=True), chart
    symbols = {trace["name"]: trace["marker"]["symbol"] for trace in drawn if trace.get("name") in ends}
    signs = {(symbols[name["text"]], name["sign"]) for name in named(page, chart)}
    assert len({sign for _, sign in signs if sign}) == len(signs) == len(set(symbols.values())), chart


def test_names_without_room_stand_above_the_chart(long: Groups, phone: Page) -> None:
    phone.goto(long.address + "&lines=mean")
    expect(phone.locator("[data-chart-note]")).to_contain_text(f"Means of {len(long.ids)} runs")
    for chart in ("curves", "gap"):
        traces(phone, chart)
        assert named(phone, chart) == []
    expect(phone.locator("#gap-keys .key")).to_have_text(long.labels)
    for names in (phone.locator("#gap-keys .key"), phone.locator(".legend[role=group] button")):
        for name in names.all():
            box = name.bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 390
            assert name.evaluate("(name) => name.scrollWidth <= name.clientWidth")
    phone.set_viewport_size({"width": 1280, "height": 900})
    wait(phone, "gap", lambda drawing: len(drawing.names) == len(long.labels))
    assert {name["text"] for name in named(phone, "gap")} == set(long.labels)
    expect(phone.locator("#gap-keys")).to_be_hidden()


def test_a_long_legend_scrolls_and_leaves_the_chart_its_place(long: Groups, phone: Page) -> None:
    phone.goto(long.address + "&lines=mean")
    traces(phone, "curves")
    for legend in (phone.get_by_role("group", name="Show or hide groups"), phone.locator("#gap-keys")):
        assert (legend.bounding_box() or {"height": 999})["height"] <= 104
    last = phone.get_by_role("group", name="Show or hide groups").get_by_role("button").last
    last.focus()
    expect(last).to_be_in_viewport(ratio=1)
    phone.locator("#gap-keys").focus()
    phone.keyboard.press("End")
    expect(phone.locator("#gap-keys .key").last).to_be_in_viewport(ratio=1)


def test_the_cost_chart_names_all_groups_or_has_a_legend(groups: Groups, opened: Opened, page: Page) -> None:
    traces(opened(groups), "frontier")
    expect(opened(groups).locator("#frontier-keys .key")).to_have_text(groups.labels)
    assert {name["text"] for name in opened(groups).evaluate(NAMES, "frontier")} <= {"↓"}
    page.goto(re.sub(r"&by=.*", "", groups.address))
    named = page.evaluate(NAMES, "frontier") if traces(page, "frontier") else []
    assert {name["text"].partition(",")[0].removeprefix("↓ ") for name in named} == {
        label.partition(",")[0] for label in groups.labels
    }
    expect(page.locator("#frontier-keys")).to_be_hidden()


@pytest.fixture(scope="module")
def bare(server: WebServer, shared: Page) -> Page:
    """A page without charts, on which tests only call functions."""
    shared.goto(f"{server.url}/workers")
    return shared


@pytest.mark.parametrize(
    ("dots", "taken", "are_named"),
    [
        pytest.param([(100, 100)], [], True, id="one"),
        pytest.param([(100, 100), (100, 112)], [], False, id="two so close that a name could be either's"),
        pytest.param([(100, 60), (100, 90), (100, 120), (100, 150)], [], True, id="one above the other"),
        pytest.param([(100, 60), (200, 62)], [], True, id="side by side"),
        pytest.param([(100, 100)], [(0, 300, 0, 200)], False, id="where something else stands"),
    ],
)
def test_names_are_in_the_order_of_their_dots_or_omitted(
    bare: Page, dots: list[tuple[int, int]], taken: list[tuple[int, int, int, int]], *, are_named: bool
) -> None:
    given = [{"x": x, "y": y, "radius": 8, "width": 60} for x, y in dots]
    boxes = [dict(zip(("left", "right", "top", "bottom"), box, strict=True)) for box in taken]
    found = bare.evaluate(
        "async ([module, dots, taken]) => "
        "(await import(module)).labelPlaces(dots, [], [], taken, { width: 300, height: 200 })",
        [assets.url("js/plot/label_places.js"), given, boxes],
    )
    assert bool(found) == are_named
    if found and len({x for x, _ in dots}) == 1:
        heights = [place["y"] for place in found]
        assert heights == sorted(heights)


def picture(page: Page, chart: str, folder: Path) -> Path:
    """A chart as an SVG file."""
    with page.expect_download() as waiting:
        page.locator(f"[data-download={chart}-chart][data-format=svg]").click()
    path = folder / f"{chart}.svg"
    waiting.value.save_as(path)
    return path


LEGEND: Final = """() => {
  const picture = document.documentElement.getBoundingClientRect();
  return [...document.querySelectorAll(".legend .traces")].map((entry) => {
    const name = entry.querySelector(".legendtext");
    const { left, right, top, bottom } = name.getBoundingClientRect();
    const clip = entry.closest("[clip-path]").getAttribute("clip-path").match(/#[^"')]+/)[0];
    const shown = document.querySelector(`${clip} rect`);
    const [width, height] = ["width", "height"].map((size) => Number(shown.getAttribute(size)));
    const { e: x, f: y } = entry.closest(".legend").getCTM();
    const isShown = top >= y && bottom <= y + height && left >= x && right <= x + width;
    const isInside = left >= 0 && right <= picture.width && top >= 0 && bottom <= picture.height;
    return { text: name.textContent, left, right, top, is_whole: isShown && isInside };
  });
}"""
"""The legend of a picture that is the document."""


@pytest.mark.parametrize(
    ("groups", "width"), [("fifteen", 1280), ("many", 1280), ("many", 390)], indirect=["groups"]
)
def test_a_picture_names_every_group_whole(groups: Groups, page: Page, tmp_path: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(groups.address)
    note = page.locator("[data-chart-note]")
    expect(note).to_contain_text(f"Means of {len(groups.ids)} runs")
    pictures = []
    for chart in ("curves", "gap", "frontier"):
        traces(page, chart)
        pictures.append(picture(page, chart, tmp_path / "means"))
    page.get_by_label("as", exact=True).select_option("runs")
    expect(note).to_contain_text(f"{len(groups.ids)} curves")
    traces(page, "curves")
    pictures.append(picture(page, "curves", tmp_path / "runs"))
    for each in pictures:
        page.goto(each.as_uri())
        entries = page.evaluate(LEGEND)
        assert [entry["text"] for entry in entries] == groups.labels, each
        assert all(entry["is_whole"] for entry in entries), each
        rows = {round(entry["top"]) for entry in entries}
        for row in rows:
            beside = sorted((e["left"], e["right"]) for e in entries if round(e["top"]) == row)
            assert all(right < left for (_, right), (left, _) in pairwise(beside)), each


def test_a_picture_says_what_it_does_not_show(server: WebServer, page: Page, tmp_path: Path) -> None:
    database: Database = server.app.state.database
    usual = [trained(database, seed, depth=2, lr=0.5, epochs=2) for seed in range(8)]
    far = given(database, {"train_loss": [9e20, 9e20]}, depth=2, lr=0.5, seed=8)
    page.goto(f"{server.url}/compare?runs={','.join(map(str, [*usual, far]))}&lines=runs")
    said = page.locator("#curves-chart + .unseen")
    expect(said).to_contain_text("2 of 18 points lie outside the axis (")
    words = said.inner_text().removesuffix("Show all").strip()
    page.goto(picture(page, "curves", tmp_path).as_uri())
    note = page.locator(".annotation text").last
    assert " ".join(note.locator("tspan").all_text_contents() or note.all_text_contents()) == words
    legend = page.locator(".legend").bounding_box()
    title, box = page.locator(".g-xtitle text").bounding_box(), note.bounding_box()
    assert legend
    assert title
    assert box
    assert title["y"] + title["height"] <= box["y"]
    assert box["y"] + box["height"] <= legend["y"] + 4


def test_the_button_within_a_chart_makes_a_picture_with_names(fifteen: Groups, page: Page) -> None:
    page.goto(re.sub(r"/compare.*", f"/runs/{fifteen.ids[0]}", fifteen.address))
    traces(page, "loss")
    page.evaluate(
        """() => {
          const { toImage } = Plotly;
          Plotly.toImage = (figure, options) => {
            window.named = figure.data.filter(({ showlegend }) => showlegend).map(({ name }) => name);
            return toImage(figure, options);
          };
        }"""
    )
    page.locator("#loss-chart").hover()
    with page.expect_download() as waiting:
        page.locator('#loss-chart .modebar-btn[data-title="Download as PNG"]').click()
    assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")
    assert page.evaluate("() => window.named") == ["train, mean", "test"]


def test_hover_labels_name_the_differing_hyperparameters(fifteen: Groups, opened: Opened) -> None:
    page = opened(fifteen, "&lines=runs")
    expect(page.locator("[data-chart-note]")).to_contain_text("30 curves, 60 points")
    names = [trace["name"] for trace in traces(page, "curves")]
    assert len(set(names)) == 30
    for label, (first, second) in zip(fifteen.labels, zip(names[::2], names[1::2], strict=True), strict=True):
        for name, seed in ((first, 0), (second, 1)):
            assert {*label.split(", "), f"seed {seed}"} <= set(name.split(", ")), name
    for chart in ("layers", "frontier"):
        texts = {text for trace in traces(page, chart) for text in trace.get("text", []) if "seed" in text}
        assert len(texts) >= 30
        assert all(re.search(r", lr 0\.(05|1|2)\b", text) for text in texts)


def test_of_many_curves_those_nearest_to_the_pointer_are_listed(fifteen: Groups, opened: Opened) -> None:
    page = opened(fifteen, "&lines=runs")
    traces(page, "curves")
    frame = page.locator("#curves-chart .nsewdrag")
    frame.scroll_into_view_if_needed()
    frame.hover()
    rows = page.locator(".readout p")
    expect(rows).to_have_count(16)
    expect(rows.last).to_have_text("and 15 more; the nearest 15 are listed")
    dashes = {trace["line"].get("dash", "solid") for trace in traces(page, "curves")}
    samples = page.locator(".readout .swatch")
    expect(samples).to_have_count(15)
    shown = set(samples.evaluate_all("(samples) => samples.map((sample) => sample.dataset.dash)"))
    assert len(shown) > 1
    assert shown <= dashes


def test_the_buttons_of_a_chart_leave_the_names_of_its_lines_free(fifteen: Groups, page: Page) -> None:
    page.goto(fifteen.address + "&lines=mean")
    traces(page, "curves")
    frame = page.locator("#curves-chart .nsewdrag")
    frame.scroll_into_view_if_needed()
    frame.hover()
    buttons, inside = page.locator("#curves-chart .modebar").bounding_box(), frame.bounding_box()
    assert buttons
    assert inside
    assert buttons["x"] + buttons["width"] <= inside["x"] + inside["width"] + 2


@pytest.mark.parametrize(("count", "default", "other"), [(20, "runs", "mean"), (21, "mean", "runs")])
def test_many_runs_open_as_means(fifteen: Groups, page: Page, count: int, default: str, other: str) -> None:
    ids = ",".join(map(str, fifteen.ids[:count]))
    page.goto(re.sub(r"runs=[\d,]+", f"runs={ids}", fifteen.address))
    note = page.locator("[data-chart-note]")
    words = {"runs": f"{count} curves, {2 * count} points", "mean": f"Means of {count} runs"}
    expect(note).to_contain_text(words[default])
    select = page.get_by_label("as", exact=True)
    expect(select).to_have_value(default)
    select.select_option(other)
    expect(note).to_contain_text(words[other])
    assert f"lines={other}" in page.url
    select.select_option(default)
    expect(note).to_contain_text(words[default])
    assert "lines=" not in page.url


def test_layers_of_a_network_have_colours_that_no_depth_has(fifteen: Groups, page: Page) -> None:
    def colours(chart: str) -> set[str]:
        return {
            each["line"].rpartition(",none")[0] for each in page.evaluate(LOOKS, chart) if each["is_bold"]
        }

    page.goto(re.sub(r"&by=.*", "", fifteen.address) + "&lines=mean")
    charts = ("curves", "diagnostics")
    for chart in charts:
        traces(page, chart)
    light = [colours(chart) for chart in charts]
    page.emulate_media(color_scheme="dark")
    for chart, before in zip(charts, light, strict=True):
        eventually(lambda chart=chart, before=before: len(before ^ colours(chart)) == 10)  # type: ignore[misc]
    for of_depths, of_layers in (light, [colours(chart) for chart in charts]):
        assert len(of_depths) == len(of_layers) == 5
        assert not of_depths & of_layers


def test_a_comparison_of_many_groups_leads_to_one_of_its_best(
    fifteen: Groups, opened: Opened, plain: Page
) -> None:
    narrow = opened(fifteen).locator("#verdict").get_by_role("link", name="Compare only the").first
    (count,) = re.findall(r"\d+", narrow.inner_text())
    assert int(count) <= 10
    plain.goto(urljoin(fifteen.address, narrow.get_attribute("href") or ""))
    expect(plain.locator("#groups tbody tr[data-key]")).to_have_count(int(count))
    expect(plain.locator(".verdict .badge")).to_have_text("Exploratory")


def test_the_runs_of_a_comparison_have_the_looks_of_their_groups(fifteen: Groups, page: Page) -> None:
    page.goto(re.sub(r"by=.*", "by=lr", fifteen.address))
    shades = "(of) => [...document.querySelectorAll(`${of} [data-depth]`)].map((mark) => mark.dataset.depth)"
    assert page.evaluate(shades, ".legend[role=group]") == ["1", "2", "3"]
    found = page.evaluate(shades, "[data-toggle-run]")
    assert found == [shade for _ in range(5) for shade in ("1", "1", "2", "2", "3", "3")]


def test_names_are_spaced_as_near_to_their_lines_as_can_be(bare: Page) -> None:
    spaced = "async ([module, ...given]) => (await import(module)).spaced(...given)"

    def places(wanted: list[float], apart: float, ends: list[float]) -> list[float]:
        found: list[float] = bare.evaluate(spaced, [assets.url("js/plot/spacing.js"), wanted, apart, ends])
        return found

    assert places([], 2, [0, 10]) == []
    assert places([5], 2, [0, 10]) == [5]
    assert places([1, 8, 4], 2, [0, 10]) == [1, 8, 4]
    assert places([5, 5], 2, [0, 10]) == [6, 4]
    assert places([5, 5.5, 9], 2, [0, 10]) == pytest.approx([4.25, 6.25, 9])
    assert places([0, 0.5, 10], 2, [0, 10]) == pytest.approx([0, 2, 10])
    assert places([9.9, 10, 10], 2, [0, 10]) == pytest.approx([6, 10, 8])
    assert places([1, 2, 3], 10, [0, 10]) == pytest.approx([0, 5, 10])
