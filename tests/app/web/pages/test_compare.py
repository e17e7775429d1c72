"""The page Compare."""

import html
import re

import httpx
import pytest
from sqlmodel import col, select

from app.storage.tables import Epoch, Study
from tests.app import states
from tests.app.conftest import Served
from tests.app.web.browsing import Tags, link, main_of, new_run, post, total


def test_runs_that_are_trained_again_with_one_key_are_queued_once(
    site: Served, browser: httpx.Client
) -> None:
    states.add_worker(site.database)
    old = states.finished_run(site.database)
    form = {"ids": f"{old}", "selection": f"?runs={old}"}
    answers = [browser.post("/compare/again", data=form, headers={"Idempotency-Key": "once"}) for _ in "ab"]
    assert [answer.headers["location"] for answer in answers] == [f"/compare?runs={old + 1}"] * 2
    assert total(browser) == 2


def test_the_layer_charts_begin_with_the_deepest_uncancelled_network(
    browser: httpx.Client,
) -> None:
    post(browser, "/runs", depth="1-3")
    post(browser, "/runs/3/cancel")
    offered = re.findall(r'<option value="group-depth=(\d)">', browser.get("/compare?study=1").text)
    assert offered == ["2", "1", "3"]


def test_a_comparison_says_how_its_runs_differ_from_the_published_ones(browser: httpx.Client) -> None:
    same = new_run(browser)
    other = new_run(browser, epochs=20, lr=0.1)
    assert "Trained unlike" not in browser.get(f"/compare?runs={same}").text
    assert "20 and 200 epochs instead of 200; learning rates 0.05 and 0.1 instead of 0.05." in (
        browser.get(f"/compare?runs={same},{other}&by=depth").text
    )
    adam = new_run(browser, optimizer="adam")
    assert "optimizer adam instead of sgd." in browser.get(f"/compare?runs={adam}").text
    assert "Published, 1 layer" in browser.get(f"/compare?runs={same}").text


def test_a_comparison_can_be_grouped_by_differing_hyperparameters_and_back(
    site: Served, browser: httpx.Client
) -> None:
    runs = [
        states.finished_run(site.database, depth=depth, lr=lr, seed=seed)
        for depth in (1, 2)
        for lr in (0.05, 0.1)
        for seed in (0, 1)
    ]
    query = f"runs={','.join(map(str, runs))}"
    text = browser.get(f"/compare?{query}").text
    assert link(text, "Split by learning rate") == f"/compare?{query}&by=depth,lr"
    split = browser.get(f"/compare?{query}&by=depth,lr").text
    assert "2 layers, lr 0.1" in split
    assert "Split by" not in split
    assert link(split, "Group by depth") == f"/compare?{query}"
    assert main_of(split)["data-selection"] == f"?{query}&by=depth,lr"


def test_medians_diverged_runs_and_the_probability_of_improvement_are_shown(
    site: Served, browser: httpx.Client
) -> None:
    runs = [
        states.finished_run(site.database, accuracy, depth=depth, seed=seed)
        for depth, values in ((1, (0.90, 0.91, 0.93)), (2, (0.94, 0.96, 0.97)))
        for seed, accuracy in enumerate(values)
    ]
    runs += [states.failed_run(site.database, "diverged: nan", depth=3, seed=seed) for seed in (0, 1)]
    text = browser.get(f"/compare?runs={','.join(map(str, runs))}").text
    assert "median 91.00\N{NO-BREAK SPACE}%" in text
    assert "median 96.00\N{NO-BREAK SPACE}%" in text
    assert "2 of 2 diverged" in text
    bill = text[text.index('class="bill"') :]
    assert 'title="P(improvement) 100\N{NO-BREAK SPACE}%"' in bill[: bill.index("</table>")]


def test_seeds_that_would_settle_a_pair_are_offered_for_a_study(site: Served, browser: httpx.Client) -> None:
    for depth, accuracy in ((1, 0.9780), (2, 0.9795)):
        states.finished_run(site.database, accuracy, depth=depth, seed=0)
    study = browser.post("/studies", json={"depth": [1, 2], "epochs": 3, "reuse": True}).json()
    text = browser.get(f"/compare?study={study['id']}").text
    assert "Queue 2 more seeds each for 1 and 2 layers: 4 runs, " in text
    answer = post(browser, f"/studies/{study['id']}/runs", seeds="2")
    assert answer.headers["location"] == f"/studies/{study['id']}"
    assert len(browser.get(f"/studies/{study['id']}", headers={"Accept": "*/*"}).json()["runs"]) == 6
    text = browser.get(f"/compare?study={study['id']}").text
    assert "Queue 2 more" not in text
    assert "4 runs are queued or training." in text


def test_runs_of_no_study_are_offered_a_study_with_new_seeds(site: Served, browser: httpx.Client) -> None:
    runs = [states.finished_run(site.database, 0.97 + depth / 1000, depth=depth) for depth in (1, 2)]
    text = browser.get(f"/compare?runs={runs[0]},{runs[1]}").text
    form = text[text.index('action="/studies"') :]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[: form.index("</form>")]))
    assert fields == {"depth": "1, 2", "epochs": "3", "seed": "1, 2, 3"}
    assert post(browser, "/studies", **fields).headers["location"] == "/studies/1"
    found = browser.get("/studies/1", headers={"Accept": "*/*"}).json()
    assert (found["counts"]["queued"], found["counts"]["finished"]) == (6, 0)


def offered(browser: httpx.Client, query: str, action: str) -> dict[str, str]:
    """The fields of the form that queues what the page offers."""
    text = browser.get(f"/compare?{query}").text
    form = text[text.index(f'action="{action}"') :]
    fields = re.findall(r'name="(\w+)" value="([^"]*)"', form[: form.index("</form>")])
    return {name: html.unescape(value) for name, value in fields}


def test_different_numbers_of_seeds_are_queued_from_the_page(site: Served, browser: httpx.Client) -> None:
    for seed in range(3):
        for depth, accuracy in ((1, 0.9780 + seed * 0.0015), (2, 0.9790 + seed * 0.0010)):
            states.finished_run(site.database, accuracy, depth=depth, seed=seed)
    states.steady(site.database)
    body = {"depth": [1, 2], "epochs": 3, "seed": [0, 1, 2], "reuse": True}
    browser.post("/studies", json=body).raise_for_status()
    offer = browser.get("/compare?study=1", headers={"Accept": "application/json"}).json()["offer"]
    assert offer["kind"] == "seeds"
    assert len({each["seeds"] for each in offer["groups"]}) == 2
    fields = offered(browser, "study=1", "/studies/1/runs")
    assert set(fields) == {"parts"}
    assert post(browser, "/studies/1/runs", **fields).headers["location"] == "/studies/1"
    found = browser.get("/studies/1", headers={"Accept": "*/*"}).json()
    assert found["counts"]["queued"] == offer["runs"]


def test_broken_parts_of_a_form_are_refused(browser: httpx.Client) -> None:
    browser.post("/studies", json={"depth": [1]}).raise_for_status()
    for parts in ("", "[", "[]", '[{"seeds": 0}]', '[{"seeds": 1, "more": 1}]'):
        answer = post(browser, "/studies/1/runs", parts=parts)
        assert answer.status_code == 422
        assert len(browser.get("/studies/1", headers={"Accept": "*/*"}).json()["runs"]) == 1


def test_a_study_that_is_queued_from_the_page_follows_the_one_it_is_offered_for(
    site: Served, browser: httpx.Client
) -> None:
    for depth in (1, 2):
        for seed in range(3):
            states.finished_run(site.database, 0.97 + seed / 1000, depth=depth, seed=seed)
    with site.database.write() as session:
        for epoch in session.exec(select(Epoch).where(col(Epoch.run_id) > 3)):
            epoch.test_accuracy = 0.9 + 0.01 * epoch.epoch
    body = {"depth": [1, 2], "epochs": 3, "seed": [0, 1, 2], "reuse": True}
    browser.post("/studies", json=body).raise_for_status()
    fields = offered(browser, "study=1", "/studies")
    assert (fields["epochs"], fields["follows"]) == ("6", "1")
    assert post(browser, "/studies", **fields).headers["location"] == "/studies/2"
    with site.database.read() as session:
        looks = [study.look for study in session.exec(select(Study).order_by(col(Study.id)))]
    assert looks == [2, 3], "results of the first were visible"


def test_warnings_precede_the_verdict(site: Served, browser: httpx.Client) -> None:
    runs = [states.finished_run(site.database, depth=depth, lr=lr) for depth, lr in ((1, 0.05), (2, 100.0))]
    text = browser.get(f"/compare?runs={runs[0]},{runs[1]}").text
    guard = text.index("The runs differ in learning rate (0.05, 100)")
    headline = text.index('<div class="verdict">')
    assert guard < text.index("by=depth,lr") < headline


@pytest.mark.parametrize(
    ("query", "words"),
    [("study=999", "There is no study 999."), ("runs=98,99", "These runs do not exist")],
)
def test_a_comparison_of_unknown_runs_is_404(browser: httpx.Client, query: str, words: str) -> None:
    for accept in ("text/html", "*/*"):
        answer = browser.get(f"/compare?{query}", headers={"Accept": accept})
        assert answer.status_code == 404
        assert words in answer.text


def test_a_comparison_of_runs_and_a_study_keeps_both(browser: httpx.Client) -> None:
    run_id = new_run(browser)
    study = browser.post("/studies", json={"depth": [2]}).json()
    main = main_of(browser.get(f"/compare?runs={run_id}&study={study['id']}").text)
    assert main["data-selection"] == f"?runs={run_id}&study={study['id']}"


def test_a_comparison_on_other_data_shows_no_published_figures(site: Served) -> None:
    browser = {"Accept": "text/html"}
    run_id = states.finished_run(site.database, dataset="clothes")
    page = site.client.get(f"/compare?runs={run_id}", headers=browser).text
    assert "Published" not in page
    assert "published" not in page


def test_settings_to_group_by_are_offered_by_their_titles(site: Served, browser: httpx.Client) -> None:
    runs = [states.finished_run(site.database, depth=1, lr=lr) for lr in (0.05, 0.1)]
    text = browser.get(f"/compare?runs={','.join(map(str, runs))}&by=lr,depth").text
    form = text.partition('aria-label="Group by"')[2].partition("</form>")[0]
    assert '<option value="lr" selected>Learning rate</option>' in form
    assert '<option value="data_version">Data version</option>' in form
    assert "Accuracy by learning rate and depth" in text


def test_the_margin_is_kept_in_addresses_unless_it_is_the_default(
    site: Served, browser: httpx.Client
) -> None:
    runs = [states.finished_run(site.database, depth=depth, seed=seed) for depth in (1, 2) for seed in (0, 1)]
    query = f"runs={','.join(map(str, runs))}"
    page = browser.get(f"/compare?{query}&margin=1.5").text
    assert main_of(page)["data-selection"] == f"?{query}&margin=1.5"
    pin = "Pin 2 layers as the baseline"
    hrefs = [
        attributes["href"] for tag, attributes in Tags(page).found if attributes.get("aria-label") == pin
    ]
    assert hrefs == [f"/compare?{query}&margin=1.5&baseline=depth%3D2#table"]
    fields = [attributes for tag, attributes in Tags(page).found if attributes.get("id") == "margin"]
    assert [field["value"] for field in fields] == ["1.5"]
    answer = browser.get(f"/compare?{query}&margin=0.25&metric=test_loss")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/compare?{query}&metric=test_loss")
    assert main_of(browser.get(f"/compare?{query}").text)["data-selection"] == f"?{query}"


@pytest.mark.parametrize("margin", ["0", "11", "x"])
def test_a_margin_that_is_none_is_refused(browser: httpx.Client, margin: str) -> None:
    answer = browser.get(f"/compare?runs={new_run(browser)}&margin={margin}")
    assert answer.status_code == 422
    assert "percentage points from 0.01 to 10" in answer.text


def test_long_tables_show_their_first_rows_and_lead_to_all(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-4", lr="0.01, 0.02, 0.03, 0.04", seed="0-3")
    address = "/compare?study=1&by=depth,lr"
    page = browser.get(address).text
    rows = page.count('<tr data-run="')
    assert rows == 50
    assert page.count("<summary>The first 50 of 64 runs</summary>") == 2
    assert link(page, "Show all 64 runs") == f"{address}&rows=all#parameters"
    everything = browser.get(f"{address}&rows=all").text
    assert everything.count('<tr data-run="') == 64
    assert "Show all" not in everything
    report = browser.get(address.replace("/compare", "/compare/report.html")).text
    assert "The first 50" not in report


def test_many_warnings_and_receipts_are_folded(site: Served, browser: httpx.Client) -> None:
    rates = [place / 100 for place in range(1, 13)]
    runs = [states.finished_run(site.database, lr=lr) for lr in rates]
    few = browser.get(f"/compare?runs={','.join(map(str, runs[:3]))},997&by=lr").text
    assert "receipts</summary>" not in few
    assert "more warning" not in few
    many = browser.get(f"/compare?runs={','.join(map(str, runs))}&by=lr").text
    assert "<summary>Gain and cost: 11 rows</summary>" in many


def test_runs_that_are_trained_again_keep_grouping_and_margin(site: Served, browser: httpx.Client) -> None:
    states.add_worker(site.database)
    old = states.finished_run(site.database)
    answer = post(browser, "/compare/again", ids=f"{old}", selection=f"?runs={old}&by=lr&margin=0.5")
    assert answer.headers["location"] == f"/compare?runs={old + 1}&by=lr&margin=0.5"


def test_links_to_fewer_groups_keep_the_grouping(site: Served, browser: httpx.Client) -> None:
    runs = [
        states.finished_run(site.database, accuracy, lr=place / 100, seed=seed, dataset=name)
        for name in ("mnist", "letters")
        for place in range(1, 7)
        for seed, accuracy in enumerate((0.9 + place / 1000, 0.902 + place**2 / 10_000))
    ]
    page = browser.get(f"/compare?study={states.study_of(site.database, runs)}").text
    few = re.search(r'<a href="([^"]*)">\s*Compare only', page)
    assert few
    assert "by=lr,dataset" in few[1]
    alone = browser.get(link(page, "Only mnist")).text
    assert "lr 0.06" in alone
    assert "be ranked" not in alone
