"""Pages in a browser without JavaScript: no control is dead, and charts are pictures."""

import pytest
from playwright.sync_api import Page

from tests.browser import furnished
from tests.web_server import WebServer

pytestmark = pytest.mark.browser

PAGES = (
    "/runs",
    "/runs/new",
    f"/runs/new?from={furnished.FAILED_EARLY}",
    "/runs/1",
    f"/runs/{furnished.TRAINING}",
    f"/runs/{furnished.FAILED_EARLY}",
    "/runs/1/epochs",
    "/studies",
    "/studies/1",
    "/compare",
    "/compare?study=1",
    "/queue",
    "/workers",
    "/docs",
    "/help",
)

DEAD = """() => {
  const visible = (element) => element.checkVisibility({ visibilityProperty: true })
    && element.getClientRects().length > 0;
  const sends = (form) => form && [...form.elements].some((each) => each.matches("button, [type=submit]"));
  const isDead = (element) => {
    if (element.matches("a")) return !element.hasAttribute("href");
    if (element.matches("button")) return !element.form || !["submit", "reset"].includes(element.type);
    return !sends(element.form);
  };
  const selector = "a, button, select, textarea, input:not([type=hidden]), [role=button]";
  const found = [...document.querySelectorAll(selector)].filter(visible).filter(isDead);
  return found.map((element) => element.outerHTML.slice(0, 160));
}"""
"""The visible controls that do nothing without a script."""


def test_every_visible_control_does_something(furnished: WebServer, plain: Page) -> None:
    dead = {}
    for address in PAGES:
        plain.goto(furnished.url + address)
        dead[address] = plain.evaluate(DEAD)
    assert {address: found for address, found in dead.items() if found} == {}


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/runs/1", ["Train and test loss by epoch", "Train and test accuracy by epoch"]),
        ("/studies/1", ["Train loss by epoch, a line per run", "Test accuracy by epoch, a line per run"]),
        (
            "/compare?study=1",
            [
                "Accuracy by depth; the table below lists means and spreads",
                "Train loss by epoch, a line per run",
                "Test accuracy by epoch, a line per run",
            ],
        ),
    ],
)
def test_charts_are_pictures(furnished: WebServer, plain: Page, address: str, words: list[str]) -> None:
    plain.goto(furnished.url + address)
    pictures = plain.locator("img.drawing")
    assert [pictures.nth(place).get_attribute("alt") for place in range(pictures.count())] == words
    loaded = "(images) => images.every((image) => image.complete && image.naturalWidth === 720)"
    assert pictures.evaluate_all(loaded)


def test_a_picture_follows_the_theme(furnished: WebServer, plain: Page) -> None:
    plain.goto(f"{furnished.url}/runs/1")
    picture = plain.locator("img.drawing").first
    plain.emulate_media(color_scheme="light")
    light = picture.screenshot()
    plain.emulate_media(color_scheme="dark")
    assert picture.screenshot() != light


def test_a_browser_with_scripts_loads_no_pictures(furnished: WebServer, page: Page) -> None:
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(f"{furnished.url}/runs/1")
    page.locator("#loss-chart .scatterlayer path").first.wait_for(state="attached")
    assert requested
    assert not [url for url in requested if url.endswith("loss.svg")]
