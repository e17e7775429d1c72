"""Pages as a browser without JavaScript reads them, and forms as it sends them."""

import html
import re
from html.parser import HTMLParser

import httpx

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


class Tags(HTMLParser):
    """The start tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def post(browser: httpx.Client, path: str, **fields: str | list[str]) -> httpx.Response:
    """Send a form, possibly without fields."""
    return browser.post(path, data=fields, headers={"Content-Type": "application/x-www-form-urlencoded"})


def new_run(browser: httpx.Client, **fields: object) -> int:
    """Queue a run through the API and return its id."""
    run_id: int = browser.post("/runs", json={"depth": 1} | fields).raise_for_status().json()["id"]
    return run_id


def as_read(browser: httpx.Client, path: str) -> str:
    """What the form for labels on this page sends back, to be told from later texts."""
    found = re.search(r'name="as_read" value="([^"]+)"', browser.get(path).text)
    assert found
    return found[1]


def total(browser: httpx.Client) -> int:
    number: int = browser.get("/runs?limit=1", headers={"Accept": "application/json"}).json()["total"]
    return number


def main_of(page: str) -> dict[str, str | None]:
    """The attributes of a page's main element."""
    return next(attributes for tag, attributes in Tags(page).found if tag == "main")


def link(page: str, words: str) -> str:
    """The address of the link with this text."""
    found = re.search(rf'<a href="([^"]*)"[^>]*>{re.escape(words)}</a>', page)
    assert found, f"no link says {words}"
    return html.unescape(found[1])
