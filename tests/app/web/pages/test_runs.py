"""The page of one run, and actions on runs."""

import httpx
import numpy as np

from app.queue import claims, endings, registry, run_rows
from app.settings import Settings
from app.storage import artifacts
from app.storage.tables import Pause
from tests.app import answered, states
from tests.app.conftest import Served
from tests.app.web.browsing import Tags, as_read, new_run, post
from trainer.files import durable, tensor_file


def test_a_run_is_cancelled_and_retried_by_buttons(browser: httpx.Client) -> None:
    run_id = new_run(browser)
    post(browser, f"/runs/{run_id}/cancel")
    assert "cancelled by user" in browser.get(f"/runs/{run_id}").text
    post(browser, f"/runs/{run_id}/retry")
    assert "queued" in browser.get(f"/runs/{run_id}").text
    again = post(browser, f"/runs/{run_id}/retry")
    assert again.status_code == 303
    assert "is queued" in browser.get(again.headers["location"]).text


def test_repeating_an_edit_is_not_a_conflict(browser: httpx.Client) -> None:
    browser.post("/runs", data={"depth": "1"})
    form = {"name": "mine", "tags": "a, b", "note": "n", "as_read": as_read(browser, "/runs/1")}
    assert browser.post("/runs/1", data=form).status_code == 303
    assert browser.post("/runs/1", data=form).status_code == 303
    assert browser.post("/runs/1", data=form | {"note": "other"}).status_code == 422


def test_a_run_with_a_cancel_request_is_marked_on_every_page(site: Served, browser: httpx.Client) -> None:
    states.add_worker(site.database)
    study = site.client.post("/studies", json={"depth": [1]}).json()
    claim = states.claimed(site.database)
    asked = site.client.post(f"/runs/{claim.run_id}/cancel").json()
    assert (asked["status"], asked["cancel_requested"]) == ("running", True)
    said = f'data-status="cancelling" data-status-of="{claim.run_id}">cancelling…</span>'
    for path in (
        "/queue",
        f"/runs/{claim.run_id}",
        "/runs",
        f"/studies/{study['id']}",
        f"/compare?runs={claim.run_id}",
    ):
        assert said in browser.get(path).text, path
    for path in ("/queue", f"/runs/{claim.run_id}", f"/studies/{study['id']}"):
        assert '<button aria-disabled="true">Cancelling…</button>' in browser.get(path).text, path
    found = site.client.get("/runs", params={"cancel_requested": "true", "sort": "cancel_requested"}).json()
    assert [run["id"] for run in found["runs"]] == [claim.run_id]
    assert site.client.get("/runs", params={"cancel_requested": "false"}).json()["total"] == 0


def test_an_outdated_edit_is_shown_again_instead_of_saved(browser: httpx.Client) -> None:
    run_id = new_run(browser)
    earlier = as_read(browser, f"/runs/{run_id}")
    browser.patch(f"/runs/{run_id}", json={"note": "theirs"}).raise_for_status()
    answer = post(browser, f"/runs/{run_id}", name="mine", note="mine", as_read=earlier)
    assert answer.status_code == 422
    assert "Someone else changed this run" in answer.text
    assert 'value="mine"' in answer.text
    stored = browser.get(f"/runs/{run_id}", headers={"Accept": "application/json"}).json()
    assert stored["note"] == "theirs"
    assert 'name="as_read" value=""' in answer.text
    assert post(browser, f"/runs/{run_id}", name="mine", note="mine", as_read="").status_code == 303


def test_a_change_of_what_the_form_does_not_have_is_no_conflict(browser: httpx.Client) -> None:
    run_id = new_run(browser, tags=["draft"])
    earlier = as_read(browser, f"/runs/{run_id}")
    post(browser, f"/runs/{run_id}", remove_tag="draft")
    browser.patch(f"/runs/{run_id}", json={"priority": 1, "archived": True}).raise_for_status()
    assert post(browser, f"/runs/{run_id}", name="mine", note="mine", as_read=earlier).status_code == 303
    stored = browser.get(f"/runs/{run_id}", headers={"Accept": "application/json"}).json()
    assert (stored["note"], stored["tags"], stored["archived"]) == ("mine", [], True)


def test_data_warnings_are_on_the_page_of_a_run_and_in_its_json(site: Served, browser: httpx.Client) -> None:
    usual, odd = new_run(browser), new_run(browser)
    with site.database.write() as session:
        run_rows.get(session, odd).environment = {"data_warnings": "no test image is of class <4>\nfew"}
    page = browser.get(f"/runs/{odd}").text
    assert '<div class="notice warning" id="run-data" data-live>' in page
    assert "<li>No test image is of class &lt;4&gt;.</li><li>Few.</li>" in page
    assert "data_warnings" not in page
    assert 'id="run-data" data-live hidden>' in browser.get(f"/runs/{usual}").text
    found = browser.get(f"/runs/{odd}", headers={"Accept": "application/json"}).json()
    assert found["data_warnings"] == ["no test image is of class <4>", "few"]
    assert "No test image is" not in browser.get(f"/compare?runs={usual}").text
    assert f"Run {odd} (data set mnist): few." in browser.get(f"/compare?runs={usual},{odd}").text


def test_the_log_names_what_a_run_trained_with_once(site: Served, browser: httpx.Client) -> None:
    run_id = new_run(browser)
    states.add_worker(site.database)
    claim = states.claimed(site.database)
    with site.database.write() as session:
        claims.report_start(session, claim, "cpu", {"torch": "2.13", "threads": "1"}, 0)
    page = browser.get(f"/runs/{run_id}").text
    assert page.lower().count("threads</dt>") == 1
    assert "<dt>PyTorch</dt><dd>2.13</dd>" in page


def test_the_page_of_a_finished_run_has_the_numbers_of_images(site: Served) -> None:
    browser = {"Accept": "text/html"}
    run_id = states.finished_run(site.database)
    assert "all images" in site.client.get(f"/runs/{run_id}", headers=browser).text
    with site.database.write() as session:
        counts = {"train_images": "1500", "test_images": "300"}
        run_rows.get(session, run_id).environment = counts
    page = site.client.get(f"/runs/{run_id}", headers=browser).text
    assert "n = 1,500" in page
    assert "95 % interval 90.72 to 96.17\N{NO-BREAK SPACE}%, n = 300" in page


def test_the_page_of_a_resumed_run_says_after_which_epoch(site: Served, browser: httpx.Client) -> None:
    run_id = new_run(browser, epochs=9)
    states.add_worker(site.database)
    states.record(site.database, states.claimed(site.database), 1, 2, 3)
    with site.database.write() as session:
        registry.retire(session, "w", "it died")
        claim = claims.claim(session, "w", states.CPU, threads=1, lease_seconds=60)
        assert claim is not None
        claims.report_start(session, claim, "cpu", {}, 2)
    told = "Attempt 2, resumed after epoch 2, 1 lost worker (the tenth fails the run) without a new epoch"
    assert told in browser.get(f"/runs/{run_id}").text
    with site.database.write() as session:
        endings.lose(session, claim, "it was killed")
    told = "1 crash (the third fails the run), 1 lost worker (the tenth fails the run) without a new epoch"
    assert told in browser.get(f"/runs/{run_id}").text


def test_the_page_of_a_finished_run_offers_its_weights(
    site: Served, browser: httpx.Client, settings: Settings
) -> None:
    run_id = states.finished_run(site.database)
    assert "is missing from the artifact folder or store" in browser.get(f"/runs/{run_id}").text
    durable.write(artifacts.of_run(settings.artifacts, run_id).model(1), b"0" * 31_400)
    page = browser.get(f"/runs/{run_id}").text
    assert f'href="/runs/{run_id}/model.safetensors"' in page
    assert "31.4\N{NO-BREAK SPACE}kB" in page


def test_tags_are_added_and_removed_one_by_one(browser: httpx.Client) -> None:
    run_id = new_run(browser, tags=["a"])
    assert post(browser, f"/runs/{run_id}", add_tag="b, c").status_code == 303
    assert post(browser, f"/runs/{run_id}", remove_tag="a").status_code == 303
    stored = browser.get(f"/runs/{run_id}", headers={"Accept": "application/json"}).json()
    assert (stored["tags"], stored["note"], stored["name"]) == (["b", "c"], "", "1 layer, seed 0")
    answer = post(browser, f"/runs/{run_id}", add_tag="x" * 60)
    assert answer.status_code == 422
    assert "Too long" in answer.text
    assert 'id="add-tag-error"' in answer.text
    assert f'value="{"x" * 60}"' in answer.text


def test_a_note_is_rendered_without_its_html(browser: httpx.Client) -> None:
    run_id = new_run(browser, note="**bold** <b>tag</b>")
    page = browser.get(f"/runs/{run_id}").text
    assert "<strong>bold</strong> &lt;b&gt;tag&lt;/b&gt;" in page


def test_a_queued_run_has_its_place_and_its_start(site: Served, browser: httpx.Client) -> None:
    states.add_worker(site.database)
    first, second = new_run(browser), new_run(browser)
    urgent = new_run(browser, priority=5)
    json = {"Accept": "application/json"}
    places = [
        browser.get(f"/runs/{run_id}", headers=json).json()["queue"] for run_id in (urgent, first, second)
    ]
    assert [(place["place"], place["of"]) for place in places] == [(1, 3), (2, 3), (3, 3)]
    starts = [place["starts_in_seconds"] for place in places]
    assert starts[0] == 0
    assert starts[1] < starts[2]
    page = " ".join(browser.get(f"/runs/{second}").text.split())
    assert "3rd of 3</span>" in page
    assert "starts in about" in page
    assert "starts next" in browser.get(f"/runs/{urgent}").text
    with site.database.write() as session:
        session.add(Pause(since=1.0))
    paused = browser.get(f"/runs/{first}", headers=json).json()["queue"]
    assert (paused["paused"], paused["starts_in_seconds"]) == (True, None)
    assert "which is paused" in browser.get(f"/runs/{first}").text


def test_neighbors_follow_the_list_that_the_address_names(browser: httpx.Client) -> None:
    ids = [new_run(browser, depth=depth) for depth in (3, 1, 2)]

    def neighbors(path: str) -> dict[str | None, str | None]:
        found = Tags(browser.get(path).text).found
        return {tag["rel"]: tag["href"] for _, tag in found if tag.get("rel") in ("prev", "next")}

    assert neighbors(f"/runs/{ids[1]}") == {"prev": f"/runs/{ids[0]}", "next": f"/runs/{ids[2]}"}
    query = "?sort=-depth"
    assert neighbors(f"/runs/{ids[2]}{query}") == {
        "prev": f"/runs/{ids[0]}{query}",
        "next": f"/runs/{ids[1]}{query}",
    }
    assert neighbors(f"/runs/{ids[1]}{query}") == {"prev": f"/runs/{ids[2]}{query}"}
    assert neighbors(f"/runs/{ids[1]}?sort=nonsense&smooth=0.5").keys() == {"prev", "next"}
    assert neighbors(f"/runs/{ids[0]}?depth=2").keys() == {"prev"}
    assert f'href="/runs/{ids[2]}{query}"' in browser.get(f"/runs{query}&limit=10").text
    assert f'href="/runs/{ids[2]}"' in browser.get("/runs").text


def test_both_runs_of_a_verification_show_it(site: Served, browser: httpx.Client, settings: Settings) -> None:
    run_id = states.finished_run(site.database)
    assert "/verify" not in browser.get(f"/runs/{run_id}").text
    refused = post(browser, f"/runs/{run_id}/verify")
    assert refused.headers["location"] == f"/runs/{run_id}"
    assert "weights file is missing" in browser.get(f"/runs/{run_id}").text
    for each in (run_id, run_id + 1):
        path = artifacts.of_run(settings.artifacts, each).model(1)
        tensor_file.write(path, {"w": np.ones(3, np.float32)}, {})
    repeated = post(browser, f"/runs/{run_id}/verify").headers["location"]
    assert repeated == f"/runs/{run_id + 1}"
    page = browser.get(f"/runs/{run_id}").text
    assert f"Run {run_id + 1} trains run {run_id} again; it is queued." in page
    assert "/verify" not in page
    states.train(site.database)
    for address in (f"/runs/{run_id}", repeated):
        assert f"Run {run_id + 1} is bit-identical to run {run_id}" in browser.get(address).text


def test_a_finished_run_shows_its_predictions(
    site: Served, browser: httpx.Client, settings: Settings
) -> None:
    run_id = answered.trained(site, settings, [4, 8])
    page = browser.get(f"/runs/{run_id}").text
    assert "9,998 of 10,000 test images are classified correctly." in page
    assert page.count('<img src="/datasets/mnist/test/') == 2
    assert 'data-heat="9">1<' in page
    bare = states.finished_run(site.database, seed=1)
    assert "are missing or damaged: train it again to see them." in browser.get(f"/runs/{bare}").text
