"""The pages as a browser without JavaScript meets them."""

import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import httpx
import pytest

from app.queue import run_queue
from app.settings import Settings
from app.storage import artifacts
from tests.app import states
from tests.app.conftest import Served, serving
from trainer import durable

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def browser(server: Served) -> Iterator[httpx.Client]:
    """A client that asks for pages and keeps cookies."""
    with httpx.Client(base_url=server.url, headers={"Accept": BROWSER}, timeout=30) as client:
        yield client


class _Tags(HTMLParser):
    """The start tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def post(browser: httpx.Client, path: str, **fields: str | list[str]) -> httpx.Response:
    """Send a form, which may have no fields."""
    return browser.post(path, data=fields, headers={"Content-Type": "application/x-www-form-urlencoded"})


def new_run(browser: httpx.Client, **fields: object) -> int:
    """Queue a run as a program does, and give its id."""
    run_id: int = browser.post("/runs", json={"depth": 1} | fields).raise_for_status().json()["id"]
    return run_id


def test_the_front_page_leads_to_the_runs(browser: httpx.Client) -> None:
    assert browser.get("/").headers["location"] == "/runs"


def test_a_url_gives_a_page_to_browsers_and_json_to_programs(browser: httpx.Client) -> None:
    run_id = new_run(browser)
    for path in (f"/runs/{run_id}", "/runs", f"/compare?runs={run_id}", "/queue", "/workers", "/studies"):
        page = browser.get(path)
        data = browser.get(path, headers={"Accept": "application/json"})
        assert page.headers["content-type"].startswith("text/html"), path
        assert data.headers["content-type"].startswith("application/json"), path
        assert page.headers["etag"] != data.headers["etag"], path
        assert page.headers["vary"] == data.headers["vary"] == "Accept", path


def test_no_page_has_inline_scripts_or_styles(browser: httpx.Client) -> None:
    study = browser.post("/studies", json={"depth": [1, 2]}).json()
    run_id = study["runs"][0]
    paths = (
        "/runs",
        "/runs/new",
        f"/runs/{run_id}",
        f"/runs/{run_id}/epochs",
        "/studies",
        "/queue",
        "/workers",
    )
    for path in (*paths, f"/studies/{study['id']}", f"/compare?study={study['id']}", "/compare", "/docs"):
        for tag, attributes in _Tags(browser.get(path).raise_for_status().text).found:
            assert tag != "style", path
            assert "style" not in attributes, path
            assert tag != "script" or attributes["src"], path
            assert not [name for name in attributes if name.startswith("on")], path
            for name in ("src", "href", "action"):
                assert not (attributes.get(name) or "").startswith(("http:", "https:", "//")), path


def test_every_control_has_a_label(browser: httpx.Client) -> None:
    run_id = new_run(browser)
    for path in ("/runs", "/runs/new", f"/runs/{run_id}"):
        tags = _Tags(browser.get(path).text).found
        labelled = {attributes.get("for") for tag, attributes in tags if tag == "label"}
        for tag, attributes in tags:
            if tag in ("input", "select", "textarea") and attributes.get("type") not in (
                "hidden",
                "checkbox",
            ):
                assert attributes.get("id") in labelled, (path, attributes)


def test_a_single_value_starts_a_run_and_several_a_study(browser: httpx.Client) -> None:
    run = post(browser, "/runs", depth="3", epochs="20")
    assert (run.status_code, run.headers["location"]) == (303, "/runs/1")
    study = post(browser, "/runs", depth="1-2", seed="0, 1")
    assert (study.status_code, study.headers["location"]) == (303, "/studies/1")
    assert "4 runs" in browser.get("/studies/1").text


def test_a_wrong_form_is_answered_with_itself(browser: httpx.Client) -> None:
    answer = post(browser, "/runs", depth="<b>3</b>", epochs="20", note="kept & safe", device=["cpu", "cuda"])
    assert answer.status_code == 422
    assert 'value="&lt;b&gt;3&lt;/b&gt;"' in answer.text
    assert "kept &amp; safe" in answer.text
    assert answer.text.count("checked") >= 2
    assert browser.get("/runs", headers={"Accept": "application/json"}).json()["total"] == 0


def test_what_people_write_is_never_markup(browser: httpx.Client) -> None:
    script = "<script>alert(1)</script>"
    run_id = new_run(browser, name=script, note=script, tags=[script])
    for path in (f"/runs/{run_id}", "/runs", f"/compare?runs={run_id}", "/queue", f"/runs/{run_id}/epochs"):
        assert script not in browser.get(path).text, path


def test_bulk_actions_return_to_the_list_and_say_what_happened(browser: httpx.Client) -> None:
    ids = [str(new_run(browser)) for _ in range(3)]
    post(browser, f"/runs/{ids[0]}/cancel")
    answer = post(browser, "/runs/bulk", ids=ids, action="cancel", next="/runs?sort=-depth")
    assert answer.headers["location"] == "/runs?sort=-depth"
    listed = browser.get("/runs?sort=-depth").text
    assert "Cancelled: 2 runs. Left alone: 1 run" in listed
    assert "Cancelled: 2 runs." not in browser.get("/runs").text
    compare = post(browser, "/runs/bulk", ids=ids[:2], action="compare")
    assert compare.headers["location"] == f"/compare?runs={ids[0]},{ids[1]}"


@pytest.mark.parametrize("target", ["https://example.org", "//example.org", "/\\example.org", "runs", ""])
def test_a_form_never_leads_to_another_site(browser: httpx.Client, target: str) -> None:
    run_id = new_run(browser)
    answer = post(browser, f"/runs/{run_id}/cancel", next=target)
    assert answer.headers["location"] == f"/runs/{run_id}"


def test_a_run_is_cancelled_and_retried_by_buttons(browser: httpx.Client) -> None:
    run_id = new_run(browser)
    post(browser, f"/runs/{run_id}/cancel")
    assert "cancelled by user" in browser.get(f"/runs/{run_id}").text
    post(browser, f"/runs/{run_id}/retry")
    assert "queued" in browser.get(f"/runs/{run_id}").text
    again = post(browser, f"/runs/{run_id}/retry")
    assert again.status_code == 303
    assert "is queued" in browser.get(again.headers["location"]).text


def test_a_form_that_is_sent_again_with_its_key_starts_nothing_twice(browser: httpx.Client) -> None:
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


def total(browser: httpx.Client) -> int:
    number: int = browser.get("/runs?limit=1", headers={"Accept": "application/json"}).json()["total"]
    return number


def test_runs_that_are_trained_again_with_one_key_are_queued_once(
    server: Served, browser: httpx.Client
) -> None:
    states.add_worker(server.database)
    old = states.finished_run(server.database)
    form = {"ids": f"{old}", "selection": f"?runs={old}"}
    answers = [browser.post("/compare/again", data=form, headers={"Idempotency-Key": "once"}) for _ in "ab"]
    assert [answer.headers["location"] for answer in answers] == [f"/compare?runs={old + 1}"] * 2
    assert total(browser) == 2


def test_a_script_that_sends_a_form_is_told_where_it_leads(browser: httpx.Client) -> None:
    headers = {"X-Requested-With": "fetch"}
    answer = browser.post("/runs", data={"depth": "2"}, headers=headers)
    assert (answer.status_code, answer.headers["location"], answer.content) == (204, "/runs/1", b"")
    saved = browser.post("/runs/1", data={"name": "x", "version": "1"}, headers=headers)
    assert (saved.status_code, saved.headers["location"]) == (204, "/runs/1")
    page = browser.get("/runs/1")
    assert '<p class="notice" role="status" data-notice>Saved.</p>' in page.text
    refused = browser.post("/runs", data={"depth": "0"}, headers=headers)
    assert refused.status_code == 422


def test_an_edit_that_is_sent_again_is_no_conflict(browser: httpx.Client) -> None:
    browser.post("/runs", data={"depth": "1"})
    form = {"name": "mine", "tags": "a, b", "note": "n", "version": "1"}
    assert browser.post("/runs/1", data=form).status_code == 303
    assert browser.post("/runs/1", data=form).status_code == 303
    assert browser.post("/runs/1", data=form | {"note": "other"}).status_code == 422


def test_a_run_that_is_to_end_says_so_on_every_page(server: Served, browser: httpx.Client) -> None:
    states.add_worker(server.database)
    study = server.client.post("/studies", json={"depth": [1]}).json()
    claim = states.claimed(server.database)
    asked = server.client.post(f"/runs/{claim.run_id}/cancel").json()
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
    found = server.client.get("/runs", params={"cancel_requested": "true", "sort": "cancel_requested"}).json()
    assert [run["id"] for run in found["runs"]] == [claim.run_id]
    assert server.client.get("/runs", params={"cancel_requested": "false"}).json()["total"] == 0


def test_a_stale_edit_is_not_saved_but_offered_again(browser: httpx.Client) -> None:
    run_id = new_run(browser)
    browser.patch(f"/runs/{run_id}", json={"note": "theirs"}).raise_for_status()
    answer = post(browser, f"/runs/{run_id}", name="mine", note="mine", version="1")
    assert answer.status_code == 422
    assert "Someone changed this run meanwhile" in answer.text
    assert 'value="mine"' in answer.text
    stored = browser.get(f"/runs/{run_id}", headers={"Accept": "application/json"}).json()
    assert stored["note"] == "theirs"


def test_what_is_odd_about_its_data_stands_on_a_runs_page_and_in_its_json(
    server: Served, browser: httpx.Client
) -> None:
    usual, odd = new_run(browser), new_run(browser)
    with server.database.write() as session:
        run_queue.get(session, odd).environment = {"data_warnings": "no test image is of class <4>\nfew"}
    page = browser.get(f"/runs/{odd}").text
    assert '<div class="notice warning" id="run-data" data-live>' in page
    assert "<li>No test image is of class &lt;4&gt;.</li><li>Few.</li>" in page
    assert "data_warnings" not in page
    assert 'id="run-data" data-live hidden>' in browser.get(f"/runs/{usual}").text
    found = browser.get(f"/runs/{odd}", headers={"Accept": "application/json"}).json()
    assert found["data_warnings"] == ["no test image is of class <4>", "few"]
    assert "No test image is" not in browser.get(f"/compare?runs={usual}").text
    assert f"Run {odd} (data set mnist): few." in browser.get(f"/compare?runs={usual},{odd}").text


def test_more_seeds_are_added_to_a_study(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-2", epochs="5")
    assert post(browser, "/studies/1/runs", seeds="2").headers["location"] == "/studies/1"
    assert "6 runs" in browser.get("/studies/1").text
    refused = post(browser, "/studies/1/runs", seeds="many")
    assert refused.status_code == 422
    assert "A whole number from 1 to 100 is expected." in refused.text
    looks_large = post(browser, "/studies/1/runs", seeds="1,000")
    assert looks_large.status_code == 422
    assert 'value="1,000"' in looks_large.text
    assert "If it means 1000, write 1000." in looks_large.text


def test_a_study_opens_the_comparison_by_what_it_varies(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-2", lr="0.01, 0.1")
    post(browser, "/runs", depth="2", seed="0-1", lr="0.01, 0.1")
    assert (
        '<a class="button primary" href="/compare?study=1">Compare depths</a>'
        in browser.get("/studies/1").text
    )
    by_rate = '<a class="button primary" href="/compare?study=2&amp;by=lr">Compare by lr</a>'
    assert by_rate in browser.get("/studies/2").text


def test_the_inside_of_networks_is_shown_of_the_deepest_that_has_epochs_or_will(
    browser: httpx.Client,
) -> None:
    post(browser, "/runs", depth="1-3")
    post(browser, "/runs/3/cancel")
    offered = re.findall(r'<option value="group-depth=(\d)">', browser.get("/compare?study=1").text)
    assert offered == ["2", "1", "3"]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("deep", "&#39;deep&#39; is not a whole number"),
        (
            "1,024",
            "“1,024” could be one number or 2 values. Write 1024 for one number, or 1, 24 for 2 values.",
        ),
    ],
)
def test_a_filter_that_is_not_clear_stays_in_its_field_and_is_not_applied(
    browser: httpx.Client, typed: str, words: str
) -> None:
    new_run(browser)
    answer = browser.get("/runs", params={"depth": typed, "sort": "-seed"})
    assert answer.status_code == 200
    assert words in answer.text
    assert f'name="depth" value="{typed}"' in answer.text
    assert "1 layer, seed 0" in answer.text
    assert 'href="/runs.csv?sort=-seed"' in answer.text


def test_depths_to_filter_by_are_typed_as_in_the_other_form(browser: httpx.Client) -> None:
    for depth in (1, 2, 3):
        new_run(browser, depth=depth)
    for typed, query in (("1-2", b"depth=1,2"), ("1; 3", b"depth=1,3"), ("2 3", b"depth=2,3")):
        answer = browser.get("/runs", params={"depth": typed}, follow_redirects=True)
        assert answer.url.query == query
        assert answer.text.count("<tr data-run=") == 2
    assert browser.get("/runs?depth=1,2").status_code == 200


def test_another_malformed_parameter_is_left_out_with_a_word(browser: httpx.Client) -> None:
    new_run(browser)
    answer = browser.get("/runs?limit=many&sort=-seed", follow_redirects=True)
    assert answer.url.query == b"sort=-seed"
    assert "Left out “limit”" in answer.text


def test_sorting_and_pages_keep_the_filter(browser: httpx.Client) -> None:
    for seed in range(3):
        new_run(browser, seed=seed)
    first = browser.get("/runs?depth=1&limit=2&sort=seed").text
    following = next(
        attributes["href"] for tag, attributes in _Tags(first).found if attributes.get("rel") == "next"
    )
    assert following is not None
    second = browser.get(following).text
    assert "1 layer, seed 2" in second
    assert "1 layer, seed 0" not in second
    assert "depth=1&amp;limit=2&amp;sort=-seed" in second


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/runs/99", 404, "There is no run 99."),
        ("/studies/99", 404, "There is no study 99."),
        ("/compare?runs=99", 404, "None of these runs exists."),
        ("/compare?runs=a", 422, "is not a whole number"),
        ("/runs/new?from=99", 404, "There is no run 99 to clone."),
        ("/runs/0", 422, "greater than or equal to 1"),
        ("/nowhere", 404, "Not Found"),
    ],
)
def test_errors_are_pages_in_words(browser: httpx.Client, path: str, status: int, words: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert words in answer.text


@pytest.mark.parametrize("digits", ["9" * 5000, "9" * 19, "٣", "-1", "1.0"])
def test_a_number_that_can_be_no_id_is_no_server_error(server: Served, digits: str) -> None:
    run_id = states.queue_run(server.database)
    asked = server.client.get("/runs/new", params={"from": digits}, headers={"Accept": "text/html"})
    assert asked.status_code == 404
    for path, form, statuses in (
        ("/runs/bulk", {"ids": digits, "action": "archive"}, {303}),
        (f"/runs/{run_id}", {"name": "kept", "version": digits}, {303, 422}),
        ("/studies/1/runs", {"seeds": digits}, {404, 422}),
    ):
        assert server.client.post(path, data=form).status_code in statuses, path


def main_of(page: str) -> dict[str, str | None]:
    """The attributes of a page's main element."""
    return next(attributes for tag, attributes in _Tags(page).found if tag == "main")


def test_a_comparison_says_where_its_runs_are_unlike_the_published_ones(browser: httpx.Client) -> None:
    same = new_run(browser)
    other = new_run(browser, epochs=20, lr=0.1)
    assert "Trained unlike" not in browser.get(f"/compare?runs={same}").text
    assert "epochs 20, 200 (published: 200); lr 0.05, 0.1 (published: 0.05)." in (
        browser.get(f"/compare?runs={same},{other}").text
    )
    adam = new_run(browser, optimizer="adam")
    assert "optimizer adam (published: sgd)." in browser.get(f"/compare?runs={adam}").text
    assert "Published, 1 layer" in browser.get(f"/compare?runs={same}").text


def link(page: str, words: str) -> str:
    """Where the link with these words leads."""
    found = re.search(rf'<a href="([^"]*)"[^>]*>{re.escape(words)}</a>', page)
    assert found, f"no link says {words}"
    return html.unescape(found[1])


def test_a_comparison_can_be_split_by_what_differs_and_put_together_again(
    server: Served, browser: httpx.Client
) -> None:
    runs = [
        states.finished_run(server.database, depth=depth, lr=lr, seed=seed)
        for depth in (1, 2)
        for lr in (0.05, 0.1)
        for seed in (0, 1)
    ]
    query = f"runs={','.join(map(str, runs))}"
    text = browser.get(f"/compare?{query}").text
    assert link(text, "Split by lr") == f"/compare?{query}&by=depth,lr"
    split = browser.get(f"/compare?{query}&by=depth,lr").text
    assert "2 layers, lr 0.1" in split
    assert "Split by" not in split
    assert link(split, "By depth alone") == f"/compare?{query}"
    assert main_of(split)["data-selection"] == f"?{query}&by=depth,lr"


def test_seeds_that_would_settle_a_pair_are_offered_for_a_study(
    server: Served, browser: httpx.Client
) -> None:
    for depth, accuracy in ((1, 0.9780), (2, 0.9795)):
        states.finished_run(server.database, accuracy, depth=depth, seed=0)
    study = browser.post("/studies", json={"depth": [1, 2], "epochs": 3, "reuse": True}).json()
    text = browser.get(f"/compare?study={study['id']}").text
    assert "Queue 2 more seeds for 1 and 2 layers: 4 runs, " in text
    answer = post(browser, f"/studies/{study['id']}/runs", seeds="2")
    assert answer.headers["location"] == f"/studies/{study['id']}"
    assert len(browser.get(f"/studies/{study['id']}", headers={"Accept": "*/*"}).json()["runs"]) == 6
    text = browser.get(f"/compare?study={study['id']}").text
    assert "Queue 2 more" not in text
    assert "2 more seeds are queued or training for what is open." in text


def test_seeds_can_be_added_to_some_configurations_by_a_form(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-3", epochs="5")
    assert post(browser, "/studies/1/runs", seeds="2", depth="2-3").status_code == 303
    assert "7 runs" in browser.get("/studies/1").text
    for depth, problem in (("4", "No configuration of the study has depth 4."), ("x", "not a whole number")):
        refused = post(browser, "/studies/1/runs", seeds="2", depth=depth)
        assert refused.status_code == 422
        assert problem in refused.text


def test_runs_of_no_study_are_offered_a_study_with_more_seeds(server: Served, browser: httpx.Client) -> None:
    runs = [states.finished_run(server.database, 0.97 + depth / 1000, depth=depth) for depth in (1, 2)]
    text = browser.get(f"/compare?runs={runs[0]},{runs[1]}").text
    form = text[text.index('action="/studies"') :]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[: form.index("</form>")]))
    assert fields == {"depth": "1, 2", "epochs": "3", "seed": "0, 1, 2", "reuse": "on"}
    assert post(browser, "/studies", **fields).headers["location"] == "/studies/1"
    found = browser.get("/studies/1", headers={"Accept": "*/*"}).json()
    assert (found["counts"]["queued"], found["counts"]["finished"]) == (4, 2)


def test_what_may_mislead_stands_above_the_verdict(server: Served, browser: httpx.Client) -> None:
    runs = [states.finished_run(server.database, depth=depth, lr=lr) for depth, lr in ((1, 0.05), (2, 100.0))]
    text = browser.get(f"/compare?runs={runs[0]},{runs[1]}").text
    guard = text.index("The runs differ in lr (0.05, 100)")
    assert text.index("by=depth,lr") < text.index("test accuracy with one seed each")
    assert guard < text.index("test accuracy with one seed each")


@pytest.mark.parametrize(
    ("query", "words"),
    [("study=999", "There is no study 999."), ("runs=98,99", "None of these runs exists.")],
)
def test_a_comparison_of_what_is_not_there_says_so(browser: httpx.Client, query: str, words: str) -> None:
    for accept in ("text/html", "*/*"):
        answer = browser.get(f"/compare?{query}", headers={"Accept": accept})
        assert answer.status_code == 404
        assert words in answer.text


def test_a_comparison_of_runs_and_a_study_keeps_both(browser: httpx.Client) -> None:
    run_id = new_run(browser)
    study = browser.post("/studies", json={"depth": [2]}).json()
    main = main_of(browser.get(f"/compare?runs={run_id}&study={study['id']}").text)
    assert main["data-selection"] == f"?runs={run_id}&study={study['id']}"


def test_a_long_queue_is_shown_by_its_first_hundred(browser: httpx.Client) -> None:
    browser.post("/studies", json={"depth": [1], "seed": list(range(103))}).raise_for_status()
    page = browser.get("/queue").text
    assert page.count("<tr data-run=") == 100
    assert "3 more" in page


def test_a_study_says_how_its_runs_ended(server: Served, browser: httpx.Client) -> None:
    study = browser.post("/studies", json={"depth": [1, 2, 3], "epochs": 1}).json()
    states.add_worker(server.database)
    claim = states.claimed(server.database)
    with server.database.write() as session:
        run_queue.fail(session, claim, "it broke", "Traceback: it broke")
    post(browser, f"/runs/{study['runs'][1]}/cancel")
    for path in ("/studies", f"/studies/{study['id']}"):
        bars = [attributes for tag, attributes in _Tags(browser.get(path).text).found if tag == "svg"]
        assert f"Progress of {study['name']}: 1 queued, 1 failed, 1 cancelled" in [
            bar.get("aria-label") for bar in bars
        ]
    assert "0 of 3 runs finished" in browser.get(f"/studies/{study['id']}").text


def test_the_log_names_what_a_run_trained_with_once(server: Served, browser: httpx.Client) -> None:
    run_id = new_run(browser)
    states.add_worker(server.database)
    claim = states.claimed(server.database)
    with server.database.write() as session:
        run_queue.report_start(session, claim, "cpu", {"torch": "2.13", "threads": "1"}, 0)
    page = browser.get(f"/runs/{run_id}").text
    assert page.lower().count("threads</dt>") == 1
    assert "<dt>PyTorch</dt><dd>2.13</dd>" in page


def test_a_finished_run_says_over_how_many_images_its_accuracies_are(server: Served) -> None:
    browser = {"Accept": "text/html"}
    run_id = states.finished_run(server.database)
    assert "<small>all images</small>" in server.client.get(f"/runs/{run_id}", headers=browser).text
    with server.database.write() as session:
        counts = {"train_images": "1500", "test_images": "300"}
        run_queue.get(session, run_id).environment = counts
    page = server.client.get(f"/runs/{run_id}", headers=browser).text
    assert "<small>all 1,500 images</small>" in page
    assert "<small>all 300 images</small>" in page


def test_a_comparison_on_other_data_shows_no_published_figures(server: Served) -> None:
    browser = {"Accept": "text/html"}
    run_id = states.finished_run(server.database, dataset="clothes")
    page = server.client.get(f"/compare?runs={run_id}", headers=browser).text
    assert "Published" not in page
    assert "published" not in page


def test_the_page_of_a_resumed_run_says_after_which_epoch(server: Served, browser: httpx.Client) -> None:
    run_id = new_run(browser, epochs=9)
    states.add_worker(server.database)
    states.record(server.database, states.claimed(server.database), 1, 2, 3)
    with server.database.write() as session:
        run_queue.retire(session, "w", "it died")
        claim = run_queue.claim(session, "w", states.CPU, threads=1, lease_seconds=60)
        assert claim is not None
        run_queue.report_start(session, claim, "cpu", {}, 2)
    told = "Attempt 2, resumed after epoch 2, 1 lost worker of 10 allowed without a new epoch"
    assert told in browser.get(f"/runs/{run_id}").text
    with server.database.write() as session:
        run_queue.lose(session, claim, "it was killed")
    told = "1 crash of 3 allowed, 1 lost worker of 10 allowed without a new epoch"
    assert told in browser.get(f"/runs/{run_id}").text


def test_the_page_of_a_finished_run_offers_its_weights(
    server: Served, browser: httpx.Client, settings: Settings
) -> None:
    run_id = states.finished_run(server.database)
    assert "not in this server's data folder" in browser.get(f"/runs/{run_id}").text.replace("&#39;", "'")
    durable.write(artifacts.of_run(settings.artifacts, run_id).model(1), b"0" * 31_400)
    page = browser.get(f"/runs/{run_id}").text
    assert f'href="/runs/{run_id}/model.safetensors"' in page
    assert "31.4\N{NO-BREAK SPACE}kB" in page


@pytest.mark.parametrize(("path", "depth"), [("/runs", "1"), ("/runs", "1-3"), ("/studies", "1-3")])
def test_a_full_queue_is_told_in_the_form_and_keeps_what_was_typed(
    settings: Settings, path: str, depth: str
) -> None:
    with serving(settings.model_copy(update={"queue_limit": 1})) as server:
        states.queue_run(server.database)
        form = {"depth": depth, "epochs": "7", "note": "typed with care"}
        answer = server.client.post(path, data=form, headers={"Accept": "text/html"})
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 3600
        assert "at most 1 may" in answer.text
        assert "typed with care" in answer.text
        assert server.client.get("/runs").json()["total"] == 1
        assert server.client.get("/studies").json()["studies"] == []


def test_a_full_queue_is_told_where_seeds_are_added(settings: Settings) -> None:
    with serving(settings.model_copy(update={"queue_limit": 1})) as server:
        assert server.client.post("/studies", json={"depth": 1}).status_code == 201
        answer = server.client.post("/studies/1/runs", data={"seeds": "2"}, headers={"Accept": "text/html"})
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 3600
        assert "at most 1 may" in answer.text
        assert 'value="2"' in answer.text
        assert server.client.get("/runs").json()["total"] == 1
