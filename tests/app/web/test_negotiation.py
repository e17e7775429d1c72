"""One URL, several representations, none sent twice."""

import httpx
import pytest

from tests.app.web.asking import created
from tests.app.web.browsing import new_run


def test_an_unchanged_answer_is_not_sent_again(client: httpx.Client) -> None:
    created(client)
    first = client.get("/runs")
    assert first.headers["cache-control"] == "no-cache"
    assert "Accept" in first.headers["vary"]
    again = client.get("/runs", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    weak = client.get("/runs", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert weak.status_code == 304
    created(client)
    changed = client.get("/runs", headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.json()["total"]) == (200, 2)


@pytest.mark.parametrize("path", ["/runs", "/runs/1", "/studies", "/workers", "/compare?runs=1"])
def test_pages_and_json_share_a_url_and_no_etag(unchanged: httpx.Client, path: str) -> None:
    page = unchanged.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    data = unchanged.get(path, headers={"Accept": "*/*"})
    assert page.headers["content-type"].startswith("text/html")
    assert data.headers["content-type"] == "application/json"
    assert page.headers["etag"] != data.headers["etag"]
    assert "Accept" in page.headers["vary"]
    other = unchanged.get(path, headers={"Accept": "text/html", "If-None-Match": data.headers["etag"]})
    assert other.status_code == 200


def test_a_url_gives_a_page_to_browsers_and_json_to_programs(browser: httpx.Client) -> None:
    run_id = new_run(browser)
    for path in (f"/runs/{run_id}", "/runs", f"/compare?runs={run_id}", "/queue", "/workers", "/studies"):
        page = browser.get(path)
        data = browser.get(path, headers={"Accept": "application/json"})
        assert page.headers["content-type"].startswith("text/html"), path
        assert data.headers["content-type"].startswith("application/json"), path
        assert page.headers["etag"] != data.headers["etag"], path
        assert page.headers["vary"] == data.headers["vary"] == "Accept", path


def test_a_form_sent_by_a_script_gets_the_location(browser: httpx.Client) -> None:
    headers = {"X-Requested-With": "fetch"}
    answer = browser.post("/runs", data={"depth": "2"}, headers=headers)
    assert (answer.status_code, answer.headers["location"], answer.content) == (204, "/runs/1", b"")
    saved = browser.post("/runs/1", data={"name": "x", "version": "1"}, headers=headers)
    assert (saved.status_code, saved.headers["location"]) == (204, "/runs/1")
    page = browser.get("/runs/1")
    assert '<p class="notice" role="status" data-notice>Saved.</p>' in page.text
    refused = browser.post("/runs", data={"depth": "0"}, headers=headers)
    assert refused.status_code == 422
