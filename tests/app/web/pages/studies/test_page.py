"""The pages of studies."""

import html
import re

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
    assert "Compare by depth and learning rate</a>" in browser.get("/studies/1").text
    by_rate = "Compare by learning rate</a>"
    assert by_rate in browser.get("/studies/2").text


def test_seeds_can_be_added_to_some_configurations_by_a_form(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-3", epochs="5")
    assert post(browser, "/studies/1/runs", seeds="2", depth="2-3").status_code == 303
    assert "7 runs" in browser.get("/studies/1").text
    for depth, problem in (("4", "No configuration of the study has depth 4."), ("x", "not a whole number")):
        refused = post(browser, "/studies/1/runs", seeds="2", depth=depth)
        assert refused.status_code == 422
        assert problem in refused.text


def test_runs_of_a_study_are_in_pages(browser: httpx.Client) -> None:
    browser.post("/studies", json={"depth": [1, 2, 3], "seed": [*range(20)], "epochs": 1}).raise_for_status()
    text = browser.get("/studies/1").text
    assert text.count("<tr data-run=") == 50
    (rest,) = re.findall(r'rel="next" href="(/studies/1\?cursor=[^"#]*)#runs"', text)
    text = browser.get(rest).text
    assert text.count("<tr data-run=") == 10
    assert 'rel="next"' not in text
    assert "60 runs" in text
    refused = browser.get("/studies/1?cursor=damaged")
    assert (refused.status_code, refused.headers["location"]) == (303, "/studies/1")


def test_the_runs_of_a_study_are_filtered_by_a_search(site: Served, browser: httpx.Client) -> None:
    browser.post("/studies", json={"depth": [1, 2, 3], "seed": [0, 1], "epochs": 1}).raise_for_status()
    states.queue_run(site.database, depth=2)
    text = browser.get("/studies/1", params={"q": "depth:2"}).text
    assert re.findall(r'<tr data-run="(\d+)"', text) == ["3", "4"]
    assert "2 of 6 runs" in text
    assert 'href="/runs?study=1&amp;archived=all&amp;q=depth%3A2"' in text
    assert 'value="depth:2"' in text
    wrong = browser.get("/studies/1", params={"q": "hue:2"}).text
    assert "There is no field &#39;hue&#39;" in wrong
    assert wrong.count("<tr data-run=") == 6
    none = browser.get("/studies/1", params={"q": "depth:9"}).text
    assert "No runs of the study match the filter." in none


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


def title(browser: httpx.Client, study: int = 1) -> str:
    """The text in the tab of a study's page."""
    return str(re.findall("<title>(.*) · Depthboard</title>", browser.get(f"/studies/{study}").text)[0])


def test_the_tab_of_a_study_counts_the_runs_that_ended(site: Served, browser: httpx.Client) -> None:
    study = browser.post("/studies", json={"depth": [1, 2], "epochs": 1}).json()
    states.add_worker(site.database)
    assert title(browser) == f"0 % · {study['name']}"
    finish(site)
    assert title(browser) == f"50 % · {study['name']}"
    finish(site)
    assert title(browser) == f"✓ {study['name']}"
    browser.post("/studies/1/runs", json={"seeds": 1}).raise_for_status()
    assert title(browser) == f"50 % · {study['name']}"
    post(browser, "/studies/1/cancel")
    assert title(browser) == f"✗ 2/4 finished · {study['name']}"


def finish(site: Served, accuracy: float = 0.9) -> None:
    claim = states.claimed(site.database)
    with site.database.write() as session:
        endings.finish(session, claim, {**states.RESULTS, "test_accuracy": accuracy})


def test_a_study_shows_the_headline_of_its_own_comparison(site: Served, browser: httpx.Client) -> None:
    browser.post("/studies", json={"depth": [1, 2], "lr": [0.1, 0.2], "epochs": 1})
    states.add_worker(site.database)
    assert "No run has finished yet." in browser.get("/studies/1").text
    for accuracy in (0.8, 0.81, 0.9):
        finish(site, accuracy)
    page = browser.get("/studies/1").text
    assert '<span class="badge">Provisional</span>' in page
    headline = re.compile(r'<div class="verdict">.*?</div>', re.DOTALL)
    assert headline.findall(page) == headline.findall(browser.get("/compare?study=1").text)
    finish(site, 0.91)
    assert '<span class="badge">' not in browser.get("/studies/1").text


def test_a_study_without_runs_has_no_headline(browser: httpx.Client) -> None:
    study = browser.post("/studies", json={"depth": [1]}).json()
    post(browser, f"/runs/{study['runs'][0]}/cancel")
    browser.delete(f"/runs/{study['runs'][0]}").raise_for_status()
    page = browser.get("/studies/1").text
    assert '<div class="verdict">' not in page
    assert title(browser) == study["name"]


def test_the_list_is_searched_sorted_and_paged(browser: httpx.Client) -> None:
    assert "No studies yet" in browser.get("/studies").text
    for depth in range(1, 4):
        browser.post("/studies", json={"depth": depth, "name": f"No. {depth}", "tags": [f"t{depth}"]})
    page = browser.get("/studies?q=no&sort=name&limit=2").text
    assert re.findall(r'<a href="/studies/\d">(.*?)</a>', page) == ["No. 1", "No. 2"]
    (rest,) = re.findall(r'rel="next" href="(/studies\?[^"]*)"', page)
    assert "No. 3" in browser.get(html.unescape(rest)).text
    assert '<th scope="col" aria-sort="ascending">' in page
    assert "1 study matches" in " ".join(browser.get("/studies?tag=t2").text.split())
    assert "No studies match the filter." in browser.get("/studies?q=nothing").text
    refused = browser.get("/studies?q=no&sort=lr")
    assert (refused.status_code, refused.headers["location"]) == (303, "/studies?q=no")


def test_archived_studies_are_counted_where_they_are_hidden(browser: httpx.Client) -> None:
    browser.post("/studies", json={"depth": 1, "name": "Old"}).raise_for_status()
    browser.patch("/studies/1", json={"archived": True}).raise_for_status()
    page = browser.get("/studies").text
    assert "Old" not in page
    assert "All studies are archived." in page
    assert '<a href="/studies?archived=true" data-gives-focus="list">1 archived</a>' in page


def test_all_runs_of_a_filtered_study_can_be_selected(browser: httpx.Client) -> None:
    """Also if the filter has as many conditions as are allowed, or a malformed one."""
    post(browser, "/runs", depth="1-2", epochs="5")
    most = " ".join(
        f"{name}:{','.join(['0..'] * count)}" for name, count in (("lr", 49), ("id", 50), ("depth", 48))
    )
    for typed, total in (("depth:2 hue:3", 1), (most, 2)):
        page = browser.get("/studies/1", params={"q": typed}).text
        tags = [attributes for _, attributes in Tags(page).found]
        (runs,) = (each for each in tags if each.get("id") == "study-runs")
        body = {
            "filter": runs["data-matching"],
            "action": "tag",
            "tag": "x",
            "expected": int(runs["data-total"] or 0),
        }
        assert len(browser.post("/runs/bulk", json=body).raise_for_status().json()["done"]) == total


def test_the_menu_shows_whether_archived_ones_are_listed_in_any_case(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-2", epochs="5")
    for text, value in (("ALL", "all"), ("True", "true"), ("False", "")):
        page = browser.get("/studies", params={"archived": text})
        assert page.status_code == 200
        menu = re.search(r'<select id="archived".*?</select>', page.text, re.DOTALL)
        assert menu
        assert re.findall(r'<option value="(\w*)" selected>', menu[0]) == ([value] if value else [])
