"""The form that launches runs, as a browser without JavaScript sends it."""

import httpx
import pytest

from app.settings import Settings
from tests.app import states
from tests.app.conftest import Served, answering
from tests.app.web.browsing import post, total


def test_a_single_value_starts_a_run_and_several_a_study(browser: httpx.Client) -> None:
    run = post(browser, "/runs", depth="3", epochs="20")
    assert (run.status_code, run.headers["location"]) == (303, "/runs/1")
    study = post(browser, "/runs", depth="1-2", seed="0, 1")
    assert (study.status_code, study.headers["location"]) == (303, "/studies/1")
    assert "4 runs" in browser.get("/studies/1").text


def test_an_invalid_form_is_shown_again(browser: httpx.Client) -> None:
    answer = post(browser, "/runs", depth="<b>3</b>", epochs="20", note="kept & safe", device=["cpu", "cuda"])
    assert answer.status_code == 422
    assert 'value="&lt;b&gt;3&lt;/b&gt;"' in answer.text
    assert "kept &amp; safe" in answer.text
    assert answer.text.count("checked") >= 2
    assert browser.get("/runs", headers={"Accept": "application/json"}).json()["total"] == 0


def test_repeating_a_form_with_its_key_creates_nothing(browser: httpx.Client) -> None:
    for path, form in (
        ("/runs", {"depth": "2"}),
        ("/runs", {"depth": "2, 3"}),
        ("/studies", {"depth": "2"}),
        ("/studies/1/runs", {"seeds": "2"}),
    ):
        headers = {"Idempotency-Key": f"{path} {form}"}
        before = total(browser)
        first = browser.post(path, data=form, headers=headers)
        after = total(browser)
        again = browser.post(path, data=form, headers=headers)
        assert (first.status_code, again.status_code) == (303, 303)
        assert first.headers["location"] == again.headers["location"]
        assert total(browser) == after > before
        assert (
            browser.post(path, data={**form, "depth": "4", "seeds": "7"}, headers=headers).status_code == 422
        )


@pytest.mark.parametrize(("path", "depth"), [("/runs", "1"), ("/runs", "1-3"), ("/studies", "1-3")])
def test_a_full_queue_is_shown_in_the_form_and_keeps_the_input(
    settings: Settings, path: str, depth: str
) -> None:
    with answering(settings.model_copy(update={"queue_limit": 1})) as site:
        states.queue_run(site.database)
        form = {"depth": depth, "epochs": "7", "note": "typed with care"}
        answer = site.client.post(path, data=form, headers={"Accept": "text/html"})
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 3600
        assert "the limit is 1" in answer.text
        assert "typed with care" in answer.text
        assert site.client.get("/runs").json()["total"] == 1
        assert site.client.get("/studies").json()["studies"] == []


def test_fields_of_the_query_string_fill_the_form(browser: httpx.Client) -> None:
    post(browser, "/studies", depth="1-2")
    page = browser.get("/runs/new?depth=1,2,3&lr=0.001-0.1+log+5&seed=0-2&width=1,024&study=1&tags=a,b").text
    assert 'value="1, 2, 3"' in page
    assert "5 values: 0.001, 0.00316, 0.01, 0.0316, 0.1" in page
    assert 'value="1, 024"' in page  # commas always separate values here
    assert "New study like" in page
    assert 'name="follows" value="1" checked' in page
    assert browser.get("/runs/new?study=9").status_code == 404
    run = browser.get("/runs/new?from=1&lr=0.2").text
    assert 'value="0.2"' in run
    assert "New run like" in run


def test_invalid_combinations_are_left_out_only_if_the_button_said_so(browser: httpx.Client) -> None:
    form = {"depth": "3, 8, 9", "width": "512, 1024", "seed": "0-1", "epochs": "5"}
    shown = post(browser, "/runs", **form)
    assert shown.status_code == 422
    assert "6 of 12 combinations are invalid. Correct the values, or start the other 6 runs." in shown.text
    assert "Depth 8 at width 512 would have a layer narrower than 16 units" in shown.text
    assert 'name="leave_out" value="6"' in shown.text
    assert "Start 6 of 12 runs" in shown.text
    stale = post(browser, "/runs", **form, leave_out="4")
    assert (stale.status_code, total(browser)) == (422, 0)
    started = post(browser, "/runs", **form, leave_out="6")
    assert (started.status_code, started.headers["location"]) == (303, "/studies/1")
    runs = browser.get("/runs", headers={"Accept": "application/json"}).json()["runs"]
    assert {(run["depth"], run["width"]) for run in runs} == {(3, 512), (3, 1024), (8, 1024)}


def test_a_form_whose_combinations_are_all_invalid_cannot_be_started(browser: httpx.Client) -> None:
    shown = post(browser, "/runs", depth="8, 9", leave_out="2")
    assert shown.status_code == 422
    assert "choose at most 7 layers" in shown.text
    assert total(browser) == 0


def test_the_form_shows_what_similar_runs_reached_and_when_new_ones_start(site: Served) -> None:
    states.add_worker(site.database)
    states.finished_run(site.database, 0.975, depth=3)
    states.finished_run(site.database, 0.98, depth=3, lr=0.1, epochs=9)
    page = {"Accept": "text/html"}
    text = " ".join(site.client.get("/runs/new?depth=3", headers=page).text.split())
    assert "2 past runs</a> within a factor of 2 of 3 layers, lr 0.05 (3 to 9 epochs)" in text
    assert "best 98.00" in text
    assert '<a href="/runs/2">run 2</a>' in text
    assert "The first run starts at once." in text
    found = site.client.get("/runs?status=finished,failed&depth=3&optimizer=sgd&dataset=mnist&lr=0.05,0.1")
    assert found.json()["total"] == 2
    preview = site.client.post("/studies/preview", json={"depth": [3, 4]}).json()
    assert [(past["depth"], past["finished"]) for past in preview["past"]] == [(3, 2)]
