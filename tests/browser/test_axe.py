"""Every page in every state, with every part open, before axe-core and on narrow windows."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Response, expect

from app.settings import Settings
from app.storage.integrity import Integrity
from tests.browser import furnished
from tests.web_server import WebServer, started

pytestmark = pytest.mark.browser

AXE: Final = Axe().axe_script
TAGS: Final = "wcag2a wcag2aa wcag21a wcag21aa wcag22a wcag22aa best-practice experimental"
HEIGHT: Final = 900
OF_COLOURS: Final = ("color-contrast", "link-in-text-block")
"""The rules that compare colours, which take longest; style sheets colour all elements of a kind."""
DOCUMENT: Final = {
    "resultTypes": ["violations"],
    "runOnly": TAGS.split(),
    "rules": {rule: {"enabled": False} for rule in OF_COLOURS},
}
COLOURS: Final = {"resultTypes": ["violations"], "runOnly": OF_COLOURS}
WIDE: Final = 1280
PHONE: Final = 390
WIDTHS: Final = (WIDE, 640, PHONE, 320)
"""Pixels of a window; the narrowest are those of 1280 at 200 % and 400 %."""
LOOKS: Final[dict[int, tuple[Literal["light", "dark"], ...]]] = {WIDE: ("light", "dark"), PHONE: ("dark",)}
"""The widths before axe-core, and the themes there: no colour depends on the width of a window."""
READ_DOCUMENT: Final = """
async (options) => (await axe.run(options)).violations
"""
READ_COLOURS: Final = """
async (options) => {
  const unlike = new Set(["id", "for", "href", "src", "alt", "title", "value", "name", "d", "datetime"]);
  const looks = ({ name }) => !unlike.has(name) && !/label|describedby|controls|owns|values?/.test(name);
  const own = (element) => {
    const attributes = [...element.attributes].filter(looks).map(({ name, value }) => `${name}=${value}`);
    return [element.localName, ...attributes].join(" ");
  };
  const seen = new Set();
  const repeated = [];
  const isNew = (element, path) => {
    const kind = `${path} > ${own(element)}`;
    const before = seen.size;
    seen.add(kind);
    for (const child of element.children) isNew(child, kind);
    if (seen.size === before) repeated.push(element);
  };
  isNew(document.body, "");
  const exclude = repeated.filter((element) => !repeated.includes(element.parentElement));
  return (await axe.run({ include: [document], exclude }, options)).violations;
}
"""
"""Reads each kind of element once, which is told by its attributes and those of the elements around it."""
OPEN: Final = "() => { for (const each of document.querySelectorAll('details')) each.open = true; }"
FITS: Final = "(width) => document.documentElement.scrollWidth <= width"
DRAWN: Final = """
() => [...document.querySelectorAll(".chart")]
    .every((chart) => !chart.checkVisibility() || chart.querySelector(".main-svg"))
"""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory, quiet_port: int) -> Iterator[WebServer]:
    """One on which nobody has done anything."""
    with started(Settings(data_dir=tmp_path_factory.mktemp("empty")), quiet_port) as server:
        yield server


def drawn(page: Page) -> None:
    page.wait_for_function(DRAWN)


def compared(page: Page) -> None:
    expect(page.locator("[data-images-note]")).not_to_contain_text("Loading")
    drawn(page)


def ticked(page: Page) -> None:
    for box in page.locator("[name=ids]").all()[:2]:
        box.check()
    expect(page.get_by_role("button", name="Compare")).to_be_visible()


def selected(page: Page) -> None:
    page.get_by_role("checkbox", name="Select").check()
    expect(page.get_by_role("form", name="Selected runs")).to_be_visible()


def refused(page: Page) -> None:
    page.get_by_role("textbox", name="Epochs").fill("0")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("[aria-invalid=true]")).not_to_have_count(0)


def many(page: Page) -> None:
    page.get_by_role("textbox", name="Depth").fill("1-5")
    expect(page.locator("#estimate")).to_contain_text("5 runs")


def at_an_epoch(page: Page) -> None:
    page.get_by_label("Epoch, as a number").fill("2")
    expect(page.locator("#groups-at-epoch table")).to_be_visible()
    compared(page)


def listed(page: Page) -> None:
    expect(page.locator(".operation")).not_to_have_count(0)


def as_it_is(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_be_visible()


VISITS: Final[dict[str, tuple[str, Callable[[Page], None]]]] = {
    "runs": ("/runs", as_it_is),
    "runs, ticked": ("/runs?archived=all&sort=-depth", ticked),
    "runs, none found": ("/runs?q=nothing&status=failed", as_it_is),
    "runs, a page of them": ("/runs?limit=5", as_it_is),
    "new run": ("/runs/new", refused),
    "new study": (f"/runs/new?from={furnished.FAILED_EARLY}", many),
    "finished": ("/runs/1", drawn),
    "failed early": (f"/runs/{furnished.FAILED_EARLY}", as_it_is),
    "failed late": (f"/runs/{furnished.FAILED_LATE}", drawn),
    "cancelled": (f"/runs/{furnished.CANCELLED}", as_it_is),
    "cancelling": (f"/runs/{furnished.CANCELLING}", drawn),
    "training": (f"/runs/{furnished.TRAINING}", drawn),
    "queued": (f"/runs/{furnished.QUEUED}", drawn),
    "epochs": ("/runs/1/epochs", as_it_is),
    "studies": ("/studies", as_it_is),
    "study": ("/studies/1", drawn),
    "study, failed": ("/studies/2", as_it_is),
    "compare": ("/compare", as_it_is),
    "compare a study": ("/compare?study=1&digit=1&second=2", compared),
    "compare one": ("/compare?runs=1", compared),
    "compare two": ("/compare?runs=1,4&by=depth,lr&hide=1&parameters=all", compared),
    "compare states": ("/compare?runs=1,2,4,5,16,17,18,19,20,21,99", compared),
    "compare at an epoch": ("/compare?runs=1,2,4,5&baseline=depth%3D2", at_an_epoch),
    "compare nothing": ("/compare?runs=16,18", as_it_is),
    "queue": ("/queue", as_it_is),
    "system": ("/workers", as_it_is),
    "API": ("/docs", listed),
    "help": ("/help#margin", as_it_is),
    "404": ("/nowhere", as_it_is),
    "422": ("/runs/0", as_it_is),
}
STATUSES: Final = {"404": 404, "422": 422}
"""Of visits that lead to an error page."""


def visit(page: Page, address: str) -> Response | None:
    """Load an address in a wide window: each page is drawn at the width of the last one otherwise."""
    page.set_viewport_size({"width": WIDE, "height": HEIGHT})
    return page.goto(address)


def check(page: Page, arrange: Callable[[Page], None]) -> None:
    """Look at the page that is open in both themes, and at how it fits into narrower windows."""
    arrange(page)
    page.evaluate(OPEN)
    page.evaluate(AXE)
    found = set()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.wait_for_function(FITS, arg=width)  # charts out of sight are drawn anew when the page is idle
        violations = page.evaluate(READ_DOCUMENT, DOCUMENT) if width in LOOKS else []
        for theme in LOOKS.get(width, ()):
            page.emulate_media(color_scheme=theme)
            violations += page.evaluate(READ_COLOURS, COLOURS)
        for violation in violations:
            for node in violation["nodes"]:
                found.add((violation["id"], node["html"], node["failureSummary"], width))
    page.emulate_media(color_scheme="light")
    assert found == set()
    expect(page.get_by_role("heading", level=1)).to_have_count(1)


@pytest.mark.parametrize("name", VISITS)
def test_no_page_has_a_violation(name: str, furnished: WebServer, shared: Page) -> None:
    address, arrange = VISITS[name]
    response = visit(shared, furnished.url + address)
    assert response
    assert response.status == STATUSES.get(name, 200)
    check(shared, arrange)


@pytest.mark.parametrize("address", ["/runs", "/queue", "/workers", "/studies"])
def test_no_page_without_a_run_has_a_violation(address: str, empty: WebServer, shared: Page) -> None:
    visit(shared, empty.url + address)
    check(shared, as_it_is)


def test_a_paused_queue_has_no_violation(furnished: WebServer, shared: Page) -> None:
    httpx.post(f"{furnished.url}/queue/pause").raise_for_status()
    visit(shared, f"{furnished.url}/queue")
    check(shared, selected)
    httpx.post(f"{furnished.url}/queue/resume").raise_for_status()


def test_the_report_has_no_violation(furnished: WebServer, shared: Page, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text(httpx.get(f"{furnished.url}/compare/report.html?study=1").text, "utf-8")
    visit(shared, report.as_uri())
    check(shared, drawn)


def test_the_notice_of_a_damaged_database_is_accessible_and_an_alert(
    furnished: WebServer, shared: Page
) -> None:
    integrity: Integrity = furnished.app.state.integrity
    integrity.state, integrity.detail = "damaged", "row 7 missing from index ix_run_status"
    visit(shared, f"{furnished.url}/workers")
    check(shared, as_it_is)
    shared.emulate_media(color_scheme="dark")
    alarm = shared.get_by_role("alert").filter(has_text="damaged")
    paper = alarm.evaluate("(alarm) => getComputedStyle(alarm).backgroundColor")
    assert paper == "rgb(58, 31, 30)"  # --bad-wash of the dark theme
    integrity.state = "sound"
