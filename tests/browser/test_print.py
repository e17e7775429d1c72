"""Pages on paper: light colors, no controls, and charts at the width of the column."""

import pytest
from playwright.sync_api import Page, expect

from app.storage.database import Database
from tests.app.states import finished_run
from tests.web_server import WebServer

pytestmark = pytest.mark.browser

GRID = (
    """() => [...document.querySelectorAll("#loss-chart .gridlayer path")].map(({ style }) => style.stroke)"""
)
WIDTHS = """() => ["#loss-chart", "#loss-chart .main-svg"].map(
  (selector) => Math.round(document.querySelector(selector).getBoundingClientRect().width))"""
LIGHT, DARK = "rgb(226, 226, 221)", "rgb(43, 48, 55)"  # --line


def test_a_run_prints_in_light_colors_and_returns_to_its_theme(quiet: WebServer, page: Page) -> None:
    database: Database = quiet.app.state.database
    page.emulate_media(color_scheme="dark")
    page.goto(f"{quiet.url}/runs/{finished_run(database, epochs=4)}")
    page.locator("#loss-chart .scatterlayer path").first.wait_for(state="attached")
    assert set(page.evaluate(GRID)) == {DARK}
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert set(page.evaluate(GRID)) == {LIGHT}
    column, picture = page.evaluate(WIDTHS)
    assert picture == column
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    expect(page.get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.emulate_media(media="screen", color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.wait_for_function(f"() => ({GRID})().every((stroke) => stroke === '{DARK}')")
    assert page.locator("#loss-chart .main-svg").first.get_attribute("viewBox") is None


NEVER_IDLE = "window.requestIdleCallback = () => 0"
UNDRAWN = """() => [...document.querySelectorAll(".chart[id]")]
  .filter((chart) => !chart.querySelector(".scatterlayer path[d]")).map(({ id }) => id)"""
PRINTED = f"""() => {{
  window.dispatchEvent(new Event("beforeprint"));
  return ({UNDRAWN})().length === 0;
}}"""


@pytest.mark.parametrize("address", ["/runs/5", "/compare?runs=1,2,3,4,5,6"], ids=["run", "comparison"])
def test_charts_that_were_never_in_view_are_printed(six: str, page: Page, address: str) -> None:
    page.add_init_script(NEVER_IDLE)  # a chart outside of the view is drawn only when it is printed
    page.goto(f"{six}{address}")
    page.wait_for_function(PRINTED)  # once the figures of all charts are read
