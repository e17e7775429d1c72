"""The page Help: keyboard shortcuts, and a glossary of the terms on the pages."""

from pathlib import Path

import httpx
import pytest

from tests.app.web.browsing import Tags, new_run
from tests.markup.templates import elements, pages

ROOT = Path(__file__).parents[4]
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
    assert links.count("/help") == 3


def test_the_help_page_explains_the_terms(browser: httpx.Client) -> None:
    page = browser.get("/help").raise_for_status().text
    terms = ["pp", "interval", "pareto", "gradient-norm", "dead-unit", "margin", "answer", "simultaneous"]
    terms += ["look", "provisional", "exploratory", "new-images", "receipt", "improvement", "dip"]
    terms += ["still-improving", "best"]
    assert [term for term in terms if f'id="{term}"' not in page] == []


def test_it_and_the_glossary_of_the_documents_have_the_terms_of_conclusions_alike(
    browser: httpx.Client,
) -> None:
    page = browser.get("/help").raise_for_status().text.lower()
    glossary = (ROOT / "docs/glossary.md").read_text("utf-8").lower()
    terms = ["margin", "equivalent", "undecided", "simultaneous interval", "receipt", "look", "provisional"]
    terms += ["exploratory", "new images of the same kind", "p(improvement)", "dip", "still improving"]
    assert [term for term in terms if f"| {term} |" not in glossary or term not in page] == []


def test_terms_of_earlier_statistics_are_gone(browser: httpx.Client) -> None:
    page = browser.get("/help").raise_for_status().text
    assert [term for term in ("P(best)", "Holm", "airwise", "Welch") if term in page] == []


def test_it_is_a_page_alone(browser: httpx.Client) -> None:
    assert browser.get("/help", headers={"Accept": "application/json"}).status_code == 404


def test_a_report_has_no_marks(browser: httpx.Client) -> None:
    run_id = new_run(browser)
    assert "/help#" in browser.get(f"/compare?runs={run_id}").text
    report = browser.get(f"/compare/report.html?runs={run_id}").raise_for_status().text
    assert 'href="/help' not in report
