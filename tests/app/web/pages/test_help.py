"""The page Help: keyboard shortcuts, and a glossary of the terms on the pages."""

import httpx
import pytest

from tests.app.web.browsing import Tags, new_run
from tests.markup.templates import elements, pages

TERMS = {word for element in elements("help.html") for word in element.words("id")}


@pytest.mark.parametrize("page", pages())
def test_every_mark_leads_to_a_term(page: str) -> None:
    marks = {
        value
        for element in elements(page)
        for value in element.attributes.get("href", ())
        if value.startswith("/help#")
    }
    assert {mark.removeprefix("/help#") for mark in marks} <= TERMS


def test_every_page_leads_to_it(browser: httpx.Client) -> None:
    links = [tag.get("href") for name, tag in Tags(browser.get("/workers").text).found if name == "a"]
    assert links.count("/help") == 2


def test_the_help_page_explains_the_terms(browser: httpx.Client) -> None:
    page = browser.get("/help").raise_for_status().text
    terms = ["pp", "interval", "holm", "mcnemar", "pareto", "gradient-norm", "dead-unit", "p-best"]
    assert [term for term in terms if f'id="{term}"' not in page] == []


def test_the_help_page_has_no_json(browser: httpx.Client) -> None:
    assert browser.get("/help", headers={"Accept": "application/json"}).status_code == 404


def test_a_report_has_no_marks(browser: httpx.Client) -> None:
    run_id = new_run(browser)
    assert "/help#" in browser.get(f"/compare?runs={run_id}").text
    report = browser.get(f"/compare/report.html?runs={run_id}").raise_for_status().text
    assert 'href="/help' not in report
