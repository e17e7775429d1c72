"""Bulk actions that are undone for exactly the runs that they have changed."""

import httpx

from app.schemas.runs import BulkRequest
from app.web.pages.run_list.undo import MOST, Undos
from tests.app.web.browsing import Tags, new_run, post


def undo_of(page: str) -> dict[str, str]:
    """The fields of the form that undoes an action; empty if there is none."""
    fields = [attributes for tag, attributes in Tags(page).found if tag == "input"]
    found = {
        str(field["name"]): str(field["value"]) for field in fields if field.get("name") in ("undo", "next")
    }
    return found if "undo" in found else {}


def archived(browser: httpx.Client) -> list[int]:
    runs = browser.get("/runs?archived=true", headers={"Accept": "application/json"}).json()["runs"]
    return sorted(run["id"] for run in runs)


def test_an_undone_archive_restores_only_the_runs_that_it_archived(browser: httpx.Client) -> None:
    first, second, third = (new_run(browser) for _ in range(3))
    post(browser, "/runs/bulk", ids=str(first), action="archive")
    post(browser, "/runs/bulk", ids=f"{first},{second}", action="archive", next="/runs?archived=all")
    page = browser.get("/runs?archived=all").text
    assert "Archived: 2 runs." in page
    answer = post(browser, "/runs/bulk", **undo_of(page))
    assert answer.headers["location"] == "/runs?archived=all"
    assert archived(browser) == [first]
    assert third not in archived(browser)
    page = browser.get("/runs?archived=all").text
    assert "Undone: 1 run." in page
    assert undo_of(page) == {}


def test_a_tag_is_removed_only_from_runs_that_lacked_it(browser: httpx.Client) -> None:
    tagged, other = new_run(browser, tags=["a"]), new_run(browser)
    post(browser, "/runs/bulk", ids=f"{tagged},{other}", action="tag", tag="a")
    post(browser, "/runs/bulk", **undo_of(browser.get("/runs").text))
    runs = browser.get("/runs", headers={"Accept": "application/json"}).json()["runs"]
    assert {run["id"]: run["tags"] for run in runs} == {tagged: ["a"], other: []}


def test_what_loses_something_or_changes_nothing_has_no_undo(browser: httpx.Client) -> None:
    run_id = new_run(browser)
    for action, confirm in (("restore", ""), ("cancel", ""), ("delete", "1")):
        post(browser, "/runs/bulk", ids=str(run_id), action=action, confirm=confirm)
        assert undo_of(browser.get("/runs").text) == {}, action


def test_an_unknown_token_is_answered_in_words(browser: httpx.Client) -> None:
    new_run(browser)
    post(browser, "/runs/bulk", undo="gone")
    assert "can&#39;t be undone any more" in browser.get("/runs").text


def test_the_last_actions_are_kept() -> None:
    undos = Undos()
    request = BulkRequest(ids=[1, 2], action="tag", tag="a")
    tokens = [undos.keep(request, [number]) for number in range(MOST + 1)]
    assert undos.of(tokens[0]) is None
    last = undos.of(tokens[-1])
    assert last
    assert (last.ids, last.action, last.tag) == ([MOST], "untag", "a")
    assert undos.keep(request, []) == ""
