"""Pages: notices, addresses that a form may lead to, errors in words."""

import httpx
import pytest
from starlette.datastructures import QueryParams

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


def test_a_notice_shows_once(browser: httpx.Client) -> None:
    notice = "Größe: “a, b”; c"
    set_cookie = html.redirect("/runs", notice).headers["set-cookie"]
    value = set_cookie.partition(";")[0].removeprefix("notice=")
    browser.cookies.set("notice", value, domain="127.0.0.1", path="/")
    assert f"data-notice>{notice}</p>" in browser.get("/queue").text
    assert notice not in browser.get("/queue").text


def test_a_redirect_without_a_notice_sets_no_cookie() -> None:
    plain = html.redirect("/runs")
    assert (plain.status_code, plain.headers["location"]) == (303, "/runs")
    assert "set-cookie" not in plain.headers
