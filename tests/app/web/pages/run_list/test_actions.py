"""Actions on the selected runs of a list, and the choice of its columns."""

import httpx

from tests.app.web.browsing import new_run, post, total


def test_bulk_actions_return_to_the_list_and_say_what_happened(browser: httpx.Client) -> None:
    ids = [str(new_run(browser)) for _ in range(3)]
    post(browser, f"/runs/{ids[0]}/cancel")
    answer = post(browser, "/runs/bulk", ids=ids, action="cancel", next="/runs?sort=-depth")
    assert answer.headers["location"] == "/runs?sort=-depth"
    listed = browser.get("/runs?sort=-depth").text
    assert "Cancelled: 2 runs. Skipped: 1 run" in listed
    assert "Cancelled: 2 runs." not in browser.get("/runs").text
    compare = post(browser, "/runs/bulk", ids=ids[:2], action="compare")
    assert compare.headers["location"] == f"/compare?runs={ids[0]},{ids[1]}"


def test_a_bulk_action_takes_a_filter(browser: httpx.Client) -> None:
    for depth in (1, 2, 2):
        new_run(browser, depth=depth)
    post(browser, "/runs/bulk", filter="depth=2&archived=false", action="tag", tag="deep")
    assert "Tagged “deep”: 2 runs." in browser.get("/runs").text
    assert browser.get("/runs?tag=deep", headers={"Accept": "application/json"}).json()["total"] == 2
    post(browser, "/runs/bulk", ids="1", filter="", action="archive")
    assert "Archived: 1 run." in browser.get("/runs").text
    post(browser, "/runs/bulk", filter="", action="archive")
    assert "No run was selected" in browser.get("/runs").text
    for wrong, words in (("sort=-id", "it has no filter"), ("lr=fast", "lr: &#39;fast&#39; is not a number")):
        post(browser, "/runs/bulk", filter=wrong, action="archive")
        told = browser.get("/runs").text
        assert "Nothing was changed." in told
        assert words in told


def test_an_action_takes_the_runs_that_match_a_filter(browser: httpx.Client) -> None:
    for depth in (1, 2, 2):
        new_run(browser, depth=depth)
    post(browser, "/runs/bulk", filter="?depth=2", action="tag", tag="deep")
    assert "Tagged “deep”: 2 runs." in browser.get("/runs").text
    compare = post(browser, "/runs/bulk", filter="?depth=2", action="compare")
    assert compare.headers["location"] == "/compare?runs=3,2"
    post(browser, "/runs/bulk", filter="?depth=9", action="archive")
    assert "No run was selected" in browser.get("/runs").text
    post(browser, "/runs/bulk", ids="1", action="tag", tag=" ")
    assert "Enter a tag." in browser.get("/runs").text


def test_a_deletion_is_confirmed_by_the_number_of_runs(browser: httpx.Client) -> None:
    ids = [new_run(browser) for _ in range(3)]
    form = {"ids": ",".join(map(str, ids)), "action": "delete", "next": "/runs?sort=id"}
    asked = post(browser, "/runs/bulk", **form)
    assert asked.status_code == 200
    assert "Type 3 or delete to confirm" in asked.text
    assert "3 of 3 runs are not archived." in asked.text
    wrong = post(browser, "/runs/bulk", **form, confirm="2")
    assert (wrong.status_code, total(browser)) == (422, 3)
    assert "The selection has 3 runs" in wrong.text
    one = post(browser, "/runs/bulk", ids=str(ids[0]), action="delete", confirm="")
    assert 'name="confirm" value="1"' in one.text
    done = post(browser, "/runs/bulk", **form, confirm=" 3 ")
    assert (done.headers["location"], total(browser)) == ("/runs?sort=id", 0)


def test_the_header_says_whether_an_action_was_done_on_all_runs(browser: httpx.Client) -> None:
    ids = [str(new_run(browser)) for _ in range(2)]
    assert post(browser, "/runs/bulk", ids=ids, action="archive").headers["X-Done"] == "true"
    assert "X-Done" not in post(browser, "/runs/bulk", ids=ids, action="tag", tag=" ").headers
    assert "X-Done" not in post(browser, "/runs/bulk", ids=ids, action="retry").headers
    assert "X-Done" not in post(browser, "/runs/bulk", ids=ids, action="study", study="7").headers


def test_selected_runs_join_a_study(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-2")
    run_id = new_run(browser, depth=3)
    assert '<option value="1">1: depth 1, 2</option>' in browser.get("/runs").text
    post(browser, "/runs/bulk", ids=str(run_id), action="study", study="1", next="/runs")
    assert "1 run added to study 1, depth 1, 2." in browser.get("/runs").text
    study = browser.get("/studies/1", headers={"Accept": "application/json"}).json()
    assert study["runs"] == [1, 2, run_id]
    for ids, words in (
        ([1, run_id], "No run was added: study 1, depth 1, 2, has the selected runs already."),
        ([1, new_run(browser, depth=4), run_id], "1 run added to study 1, depth 1, 2."),
    ):
        post(browser, "/runs/bulk", ids=",".join(map(str, ids)), action="study", study="1", next="/runs")
        assert words in browser.get("/runs").text
    post(browser, "/runs/bulk", ids=str(run_id), action="study", study="7", next="/runs")
    assert "Nothing was changed: there is no study 7." in browser.get("/runs").text
