"""The page of the queue without JavaScript: what it shows, and its forms."""

import re

import httpx
import pytest

from tests.app.conftest import Served
from tests.app.states import add_worker, queue_run, take
from tests.app.web.browsing import BROWSER, link, new_run, post


def order(browser: httpx.Client) -> list[int]:
    found = browser.get("/queue", headers={"Accept": "application/json"}).json()
    return [run["id"] for run in found["queued"]]


def test_slots_and_queued_runs_are_shown(site: Served, browser: httpx.Client) -> None:
    assert "No run is queued." in browser.get("/queue").text
    add_worker(site.database, slots=3)
    for _ in range(3):
        queue_run(site.database)
    take(site.database)
    page = browser.get("/queue").text
    assert page.count("Free slot") == 2
    assert page.count('action="/queue/move"') == 3  # two rows and the selected runs
    assert "All runs are expected to end in" in page


def test_runs_that_no_worker_can_train_have_no_expected_end(site: Served, browser: httpx.Client) -> None:
    add_worker(site.database)
    queue_run(site.database, device="cuda")
    page = browser.get("/queue").text
    assert "Some queued runs need a device or memory that no live worker has." in page
    assert "expected to end" not in page


def test_a_long_queue_is_shown_page_by_page(browser: httpx.Client) -> None:
    browser.post("/studies", json={"depth": [1], "seed": [*range(205)]})
    page = browser.get("/queue").text
    assert (page.count("<tr data-run"), "1–100 of 205" in page) == (100, True)
    page = browser.get(link(page, "105 more")).text
    assert "101–200 of 205" in page
    page = browser.get(link(page, "5 more")).text
    assert page.count("<tr data-run") == 5
    assert link(page, "Previous 100") == "/queue?from=101"
    assert browser.get("/queue?from=900").headers["location"] == "/queue"
    assert browser.get("/queue?from=x").status_code == 200


def test_buttons_move_a_run_and_the_next_page_says_where_it_is(browser: httpx.Client) -> None:
    for priority in (2, 0, 0):
        new_run(browser, priority=priority)
    answer = post(browser, "/queue/move", ids="3", to="top", next="/queue?from=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue?from=1")
    assert "Run 3 is now 1 of 3. Its priority changed from 0 to 2." in browser.get("/queue").text
    post(browser, "/queue/move", ids=["1", "3"], to="bottom")
    assert "2 runs are now 2 to 3 of 3. The priority of 2 runs changed to fit." in browser.get("/queue").text
    assert order(browser) == [2, 3, 1]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"to": "top"}, "No run was selected."),
        ({"ids": "1", "to": "sideways"}, "“sideways” is not a place in the queue."),
        ({"ids": "7", "to": "top"}, "There is no run 7."),
    ],
)
def test_a_move_that_is_not_possible_says_why(
    browser: httpx.Client, fields: dict[str, str], said: str
) -> None:
    new_run(browser)
    assert post(browser, "/queue/move", **fields).headers["location"] == "/queue"
    assert said in browser.get("/queue").text


def test_a_priority_is_changed_in_its_row(browser: httpx.Client) -> None:
    new_run(browser)
    second = new_run(browser)
    post(browser, "/queue/priority", id=str(second), priority=" −1 ")
    assert order(browser) == [1, 2]
    post(browser, "/queue/priority", id=str(second), priority="7")
    assert order(browser) == [2, 1]
    post(browser, "/queue/priority", id=str(second), priority="much")
    assert "Priority “much” was not saved: expected a whole number" in browser.get("/queue").text
    assert post(browser, "/queue/priority", id="9", priority="1").status_code == 404


SHOWN = r"data-pause-banner [^>]*(?<!hidden)>\s*<p>\s*<strong>The queue is paused</strong> \(<span[^>]*><time"
"""The banner of a paused queue that is not hidden."""


def test_every_page_says_that_the_queue_is_paused(browser: httpx.Client) -> None:
    run_id = new_run(browser)
    pages = ("/queue", "/runs", f"/runs/{run_id}", "/runs/new", "/studies", "/workers", "/help", "/nowhere")
    assert (
        post(browser, "/queue/pause", next="/runs?status=queued").headers["location"] == "/runs?status=queued"
    )
    for path in pages:
        assert re.search(SHOWN, browser.get(path, headers={"Accept": BROWSER}).text)
    page = browser.get("/queue").text
    assert "the queue is paused" not in page, "the banner says so once"
    assert "expected to end" not in page
    assert "once the queue is resumed" in browser.get("/runs/new").text
    post(browser, "/queue/resume")
    for path in pages:
        assert not re.search(SHOWN, browser.get(path, headers={"Accept": BROWSER}).text)
