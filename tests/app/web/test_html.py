"""Pages: notices, addresses that a form may lead to, errors in words."""

import httpx
import pytest
from starlette.datastructures import QueryParams
from starlette.responses import Response

from app.web import html
from tests.app.web.browsing import new_run, post


@pytest.mark.parametrize("target", ["https://example.org", "//example.org", "/\\example.org", "runs", ""])
def test_a_form_never_redirects_to_another_site(browser: httpx.Client, target: str) -> None:
    run_id = new_run(browser)
    answer = post(browser, f"/runs/{run_id}/cancel", next=target)
    assert answer.headers["location"] == f"/runs/{run_id}"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/runs/99", 404, "There is no run 99."),
        ("/studies/99", 404, "There is no study 99."),
        ("/compare?runs=99", 404, "These runs do not exist"),
        ("/compare?runs=a", 422, "is not a whole number"),
        ("/runs/new?from=99", 404, "There is no run 99 to clone."),
        ("/runs/0", 422, "greater than or equal to 1"),
        ("/nowhere", 404, "No page or route at /nowhere."),
    ],
)
def test_browsers_get_error_pages(browser: httpx.Client, path: str, status: int, words: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert words in answer.text


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("/runs?sort=-depth", True),
        ("/", True),
        ("https://example.org", False),
        ("//example.org", False),
        ("/\\example.org", False),
        ("/runs\r\nSet-Cookie: a=b", False),
        ("runs", False),
        ("", False),
    ],
)
def test_only_urls_of_this_site_are_local(target: str, *, kept: bool) -> None:
    assert html.local(target, "/studies") == (target if kept else "/studies")


def test_a_changed_query_keeps_other_parameters_and_drops_empty_ones() -> None:
    params = QueryParams("depth=1,2&tag=&sort=id&limit=2")
    assert html.changed(params, sort="-id", limit=None) == "?depth=1,2&sort=-id"
    assert html.changed(params) == "?depth=1,2&sort=id&limit=2"
    assert html.changed(QueryParams(), by="depth,lr", q="a&b") == "?by=depth,lr&q=a%26b"


def follow(browser: httpx.Client, answer: Response) -> None:
    """Keep the cookie of a response as a browser does."""
    value = answer.headers["set-cookie"].partition(";")[0].removeprefix("notice=")
    browser.cookies.set("notice", value, domain="127.0.0.1", path="/")


def test_a_notice_shows_once_and_only_on_the_page_that_it_is_for(browser: httpx.Client) -> None:
    notice = "Größe: “a, b”; c | d"
    follow(browser, html.redirect("/queue?x=1", notice))
    assert notice not in browser.get("/runs").text, "another page that was opened meanwhile"
    assert f"data-notice>{notice}</p>" in browser.get("/queue").text
    assert notice not in browser.get("/queue").text


def test_a_notice_offers_to_undo(browser: httpx.Client) -> None:
    follow(browser, html.redirect("/queue", "Done.", html.Undo("/studies/1", "archived", "false")))
    page = browser.get("/queue").text
    assert '<form method="post" action="/studies/1" data-stay data-undo>' in page
    assert '<input type="hidden" name="archived" value="false">' in page


@pytest.mark.parametrize("cookie", ["", "|", "%2Fqueue", "%2Fqueue|", "%2Fqueue|a|b", "a|b|c|d|e|f"])
def test_a_malformed_notice_never_fails(browser: httpx.Client, cookie: str) -> None:
    browser.cookies.set("notice", cookie, domain="127.0.0.1", path="/")
    assert browser.get("/queue").status_code == 200
    assert "data-undo" not in browser.get("/queue").text


def test_a_redirect_without_a_notice_sets_no_cookie() -> None:
    plain = html.redirect("/runs")
    assert (plain.status_code, plain.headers["location"]) == (303, "/runs")
    assert "set-cookie" not in plain.headers
