"""Themes, shortcuts, and agreement with the server."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from app import formats
from app.web import assets
from tests.browser.routes import intercept
from tests.web_server import WebServer

pytestmark = pytest.mark.browser


def test_the_theme_switch_is_remembered(quiet: WebServer, page: Page) -> None:
    page.goto(f"{quiet.url}/queue")
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()
    page.goto(f"{quiet.url}/workers")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()


def test_shortcuts_lead_through_the_product(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/runs", json={"depth": 1}).raise_for_status()
    page.goto(f"{quiet.url}/runs")
    page.keyboard.press("/")
    expect(page.get_by_label("Search")).to_be_focused()
    page.keyboard.type("nc?")
    expect(page.get_by_label("Search")).to_have_value("nc?")
    page.get_by_role("heading", name="Runs").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("New run")
    page.keyboard.press("n")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert urlsplit(page.url).path == "/runs"
    page.keyboard.press("n")
    page.wait_for_url("**/runs/new")
    expect(page.get_by_role("textbox", name="Depth")).to_be_focused()
    page.get_by_role("heading", name="New run").click()
    page.keyboard.press("c")
    page.wait_for_url("**/compare")


def test_the_page_api_lists_every_operation(quiet: WebServer, page: Page) -> None:
    paths = httpx.get(f"{quiet.url}/openapi.json").json()["paths"]
    page.goto(f"{quiet.url}/docs")
    expect(page.locator(".operation")).to_have_count(sum(len(methods) for methods in paths.values()))
    page.get_by_text("/studies/preview").click()
    shown = page.locator(".operation[open]")
    expect(shown).to_contain_text("batch_size")
    expect(shown).to_contain_text("number, at least 0, below 1")
    expect(shown).to_contain_text("list of 2 numbers")
    assert "`" not in (page.locator("main").text_content() or "")
    expect(page.locator(".operation td code").get_by_text("skipped", exact=True).first).to_be_attached()


def test_the_footer_is_out_of_sight_until_the_operations_are_there(quiet: WebServer, page: Page) -> None:
    intercept(page, "**/openapi.json", lambda _: None)
    page.goto(f"{quiet.url}/docs")
    expect(page.get_by_role("heading", name="API")).to_be_in_viewport()
    expect(page.get_by_role("contentinfo")).not_to_be_in_viewport()


def test_the_browser_formats_numbers_like_the_server(quiet: WebServer, page: Page) -> None:
    page.goto(f"{quiet.url}/workers")

    def there(function: str, values: Sequence[float | None]) -> list[str]:
        module = assets.url("js/format.js")
        words: list[str] = page.evaluate(
            f"async (values) => {{ const {{ {function} }} = await import('{module}'); "
            f"return values.map((value) => {function}(value)); }}",
            values,
        )
        return words

    spans = [
        0,
        0.04,
        0.96,
        1,
        9.94,
        10,
        59.4,
        59.6,
        60,
        89,
        91,
        125,
        150,
        3599,
        3600,
        5400,
        86399,
        90000,
        1e6,
    ]
    fractions = [0, 0.98261, 0.1, 1]
    losses = [0, 2.30259, 12.34567, 0.09999999, 0.012345, 0.00012345, 0.00004, 1e-12]
    extremes = [
        -3e20,
        0.001,
        1.03125,
        12345.678,
        99999.99999,
        1e5,
        1.0280071160035983e14,
        6.4733088e22,
        5e-324,
        1e308,
    ]
    measured = [*losses, *extremes, -2e-6]
    fractions += [0.03125, 0.00125, -0.0007, -1e-7, 1 / 3]
    spans += [1e-5, 0.0005, 0.001, 0.0499, 0.05, 0.25, 1e11]
    worded: dict[str, Sequence[float | None]] = {
        "duration": [*spans, None],
        "about": [*spans, None],
        "loss": [*measured, None],
        "seconds": [*measured, None],
        "ratio": [*measured, None],
        "percent": [*fractions, None],
        "points": [*fractions, None],
        "signedPoints": fractions,
        "signedLoss": measured,
    }
    for name, values in worded.items():
        words = getattr(formats, re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", name))
        assert there(name, values) == [words(value) for value in values], name
    assert there("whole", [0, 999, 535818, None]) == ["0", "999", "535,818", "–"]


def test_the_keys_and_their_words_are_in_two_columns_on_a_phone(quiet: WebServer, phone: Page) -> None:
    phone.goto(f"{quiet.url}/help")
    words = phone.locator(".keys dd")
    expect(words.first).to_be_visible()
    assert (
        len(set(words.evaluate_all("(words) => words.map((word) => word.getBoundingClientRect().left)"))) == 1
    )
    assert phone.locator(".keys dt").evaluate_all(
        "(keys) => keys.every((key) => key.scrollWidth <= key.clientWidth)"
    )
