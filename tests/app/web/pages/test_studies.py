"""The pages of studies."""

import httpx

from app.queue import endings
from app.settings import Settings
from tests.app import states
from tests.app.conftest import Served, answering
from tests.app.web.browsing import Tags, post


def test_more_seeds_are_added_to_a_study(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-2", epochs="5")
    assert post(browser, "/studies/1/runs", seeds="2").headers["location"] == "/studies/1"
    assert "6 runs" in browser.get("/studies/1").text
    refused = post(browser, "/studies/1/runs", seeds="many")
    assert refused.status_code == 422
    assert "Expected a whole number from 1 to 100." in refused.text
    looks_large = post(browser, "/studies/1/runs", seeds="1,000")
    assert looks_large.status_code == 422
    assert 'value="1,000"' in looks_large.text
    assert "Did you mean 1000?" in looks_large.text


def test_a_study_opens_the_comparison_by_what_it_varies(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-2", lr="0.01, 0.1")
    post(browser, "/runs", depth="2", seed="0-1", lr="0.01, 0.1")
    assert (
        '<a class="button primary" href="/compare?study=1">Compare depths</a>'
        in browser.get("/studies/1").text
    )
    by_rate = '<a class="button primary" href="/compare?study=2&amp;by=lr">Compare by learning rate</a>'
    assert by_rate in browser.get("/studies/2").text


def test_seeds_can_be_added_to_some_configurations_by_a_form(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-3", epochs="5")
    assert post(browser, "/studies/1/runs", seeds="2", depth="2-3").status_code == 303
    assert "7 runs" in browser.get("/studies/1").text
    for depth, problem in (("4", "No configuration of the study has depth 4."), ("x", "not a whole number")):
        refused = post(browser, "/studies/1/runs", seeds="2", depth=depth)
        assert refused.status_code == 422
        assert problem in refused.text


def test_a_study_says_how_its_runs_ended(site: Served, browser: httpx.Client) -> None:
    study = browser.post("/studies", json={"depth": [1, 2, 3], "epochs": 1}).json()
    states.add_worker(site.database)
    claim = states.claimed(site.database)
    with site.database.write() as session:
        endings.fail(session, claim, "it broke", "Traceback: it broke")
    post(browser, f"/runs/{study['runs'][1]}/cancel")
    for path in ("/studies", f"/studies/{study['id']}"):
        bars = [attributes for tag, attributes in Tags(browser.get(path).text).found if tag == "svg"]
        assert f"Progress of {study['name']}: 1 queued, 1 failed, 1 cancelled" in [
            bar.get("aria-label") for bar in bars
        ]
    assert "0 of 3 runs finished" in browser.get(f"/studies/{study['id']}").text


def test_a_full_queue_is_shown_in_the_form_for_seeds(settings: Settings) -> None:
    with answering(settings.model_copy(update={"queue_limit": 1})) as site:
        assert site.client.post("/studies", json={"depth": 1}).status_code == 201
        answer = site.client.post("/studies/1/runs", data={"seeds": "2"}, headers={"Accept": "text/html"})
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 3600
        assert "the limit is 1" in answer.text
        assert 'value="2"' in answer.text
        assert site.client.get("/runs").json()["total"] == 1
