"""Forms that change studies."""

import re
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest

from app.queue import endings
from app.storage.tables import PendingDeletion
from tests.app import states
from tests.app.conftest import Served
from tests.app.web.browsing import as_read, new_run, post


def study(browser: httpx.Client, study_id: int = 1) -> dict[str, object]:
    found: dict[str, object] = browser.get(
        f"/studies/{study_id}", headers={"Accept": "application/json"}
    ).json()
    return found


def notice(answer: httpx.Response) -> str:
    return [unquote(part) for part in (answer.cookies.get("notice") or "|").split("|")][1]


def test_a_study_is_renamed_described_tagged_and_archived(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-2")
    assert post(browser, "/studies/1", name=" Depths ").headers["location"] == "/studies/1"
    post(browser, "/studies/1", description="one\r\ntwo <b>", tags="a, b")
    expected = {"name": "Depths", "description": "one\ntwo <b>", "tags": ["a", "b"], "version": 3}
    assert study(browser).items() >= expected.items()
    page = browser.get("/studies/1").text
    assert "<h1>Depths</h1>" in page
    assert "two &lt;b&gt;</p>" in page
    assert '<a class="tag" href="/studies?tag=a">a</a>' in page
    archived = post(browser, "/studies/1", archived="true")
    assert notice(archived) == "Archived study “Depths”. The list of studies hides it."
    assert "Depths" not in browser.get("/studies").text
    assert "Depths" in browser.get("/studies?archived=true").text
    assert notice(post(browser, "/studies/1", archived="false")) == "Restored study “Depths”."
    post(browser, "/studies/1", name="")
    assert study(browser)["name"] == "depth 1, 2"


def test_archiving_a_study_can_be_undone(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-2", name="Depths")
    post(browser, "/studies/1", archived="true", next="/studies")
    page = browser.get("/studies").text
    assert '<form method="post" action="/studies/1" data-stay data-undo>' in page
    form = page[page.index("data-undo") :].partition("</form>")[0]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    assert post(browser, "/studies/1", **fields).headers["location"].rstrip("?") == "/studies"
    assert study(browser)["archived"] is False


def test_cancelling_what_remains_asks_how_many_runs_and_names_the_study(
    site: Served, browser: httpx.Client
) -> None:
    post(browser, "/runs", depth="1-3", name="Depths")
    text = browser.get("/studies/1").text
    assert 'data-count="3 runs" data-yes="Cancel {runs}"' in text
    assert 'data-no="Keep in the queue" data-confirm="Cancel {runs} of study “Depths”?"' in text
    states.add_worker(site.database)
    states.claimed(site.database)
    asked = 'data-no="Keep training" data-confirm="Cancel {runs} of study “Depths”? 1 run is training."'
    assert asked in browser.get("/studies/1").text
    assert notice(post(browser, "/studies/1/cancel")) == "Cancelled the remaining runs of study “Depths”."


def test_a_rejected_edit_shows_the_form_with_its_input_and_the_message(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-2")
    refused = post(browser, "/studies/1", name="x" * 101)
    assert refused.status_code == 422
    assert "x" * 101 in refused.text
    assert "at most 100 characters are allowed" in refused.text
    assert not re.search(r'id="labels"[^>]* hidden>', refused.text), "the form is open"
    refused = post(browser, "/studies/1", description="kept", tags="a" * 51)
    assert refused.status_code == 422
    assert "kept</textarea>" in refused.text
    assert study(browser)["version"] == 1
    assert re.search(r'id="labels"[^>]* hidden>', browser.get("/studies/1").text)
    assert not re.search(r'id="labels"[^>]* hidden>', browser.get("/studies/1?edit=labels").text)


def test_an_edit_of_an_older_version_is_shown_and_a_repeat_is_not(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-2")
    earlier = as_read(browser, "/studies/1")
    post(browser, "/studies/1", name="First", as_read=earlier)
    assert post(browser, "/studies/1", name="First", as_read=earlier).status_code == 303
    for fields in ({"name": "Second"}, {"tags": "b", "description": ""}):
        refused = post(browser, "/studies/1", **fields, as_read=earlier)
        assert refused.status_code == 422
        assert "Someone else changed this study." in refused.text
        assert 'name="as_read" value=""' in refused.text
    assert study(browser)["name"] == "First"
    assert post(browser, "/studies/1", name="Second", as_read="").status_code == 303
    assert study(browser)["name"] == "Second"


def test_an_archived_study_is_edited_without_a_conflict(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-2")
    earlier = as_read(browser, "/studies/1")
    post(browser, "/studies/1", archived="true")
    assert post(browser, "/studies/1", description="why", as_read=earlier).status_code == 303
    assert study(browser).items() >= {"description": "why", "archived": True}.items()


def test_existing_runs_are_added_by_their_ids_and_removed_by_ticks(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-2")
    for depth in (3, 4, 5):
        new_run(browser, depth=depth)
    assert notice(post(browser, "/studies/1/runs", runs="3")) == "1 run added."
    assert notice(post(browser, "/studies/1/runs", runs="#3, 4-5")) == "2 runs added."
    assert notice(post(browser, "/studies/1/runs", runs="1-5")) == "The study has these runs already."
    assert study(browser)["runs"] == [1, 2, 3, 4, 5]
    for typed, words in (
        ("99", "There is no run 99."),
        ("x", "is not a whole number"),
        ("", "A value is needed."),
        ("0", "Expected the ids of 1 to 1,000 runs, like 3, 5-8."),
    ):
        refused = post(browser, "/studies/1/runs", runs=typed)
        assert refused.status_code == 422
        assert words in refused.text
        assert (
            f'name="runs" value="{typed}" placeholder="ids, like 3, 5-8" aria-invalid="true"' in refused.text
        )
    removed = post(browser, "/studies/1/runs/remove", ids=["2", "4"])
    assert notice(removed) == "2 runs removed from the study."
    assert study(browser)["runs"] == [1, 3, 5]
    assert "No run was selected." in notice(post(browser, "/studies/1/runs/remove"))
    assert "does not belong to study 1" in notice(post(browser, "/studies/1/runs/remove", ids="2"))


def verdict(browser: httpx.Client) -> dict[str, object]:
    answer = browser.get("/compare?study=1", headers={"Accept": "application/json"})
    found: dict[str, object] = answer.json()["verdict"]
    return found


def test_runs_with_results_make_the_study_exploratory(site: Served, browser: httpx.Client) -> None:
    done = [states.finished_run(site.database, depth=3, seed=seed) for seed in (0, 1)]
    post(browser, "/runs", depth="1-2", seed="0-1", epochs="3")
    for _ in range(4):
        claim = states.claimed(site.database)
        with site.database.write() as session:
            endings.finish(session, claim, states.RESULTS)
    assert verdict(browser)["status"] == "final"
    post(browser, "/studies/1/runs", runs=", ".join(map(str, done)))
    assert verdict(browser)["status"] == "exploratory"
    assert "Runs were added to the study after their results were visible." in str(verdict(browser))


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (
            {"depth": [1, 2, 3], "seed": [0, 1], "lr": [0.1], "epochs": 3, "tags": ["t"], "name": "Mine"},
            {"depth": "1-3", "seed": "0, 1", "lr": "0.1", "epochs": "3", "tags": "t", "name": "Mine"},
        ),
        ({"depth": 2}, {"depth": "2"}),
    ],
)
def test_a_study_is_duplicated_into_the_form(
    browser: httpx.Client, body: dict[str, object], fields: dict[str, str]
) -> None:
    browser.post("/studies", json=body).raise_for_status()
    answer = browser.get("/studies/1/duplicate")
    address = urlsplit(answer.headers["location"])
    assert (answer.status_code, address.path, notice(answer)) == (303, "/runs/new", "")
    assert {name: values[0] for name, values in parse_qs(address.query).items()} == fields
    form = browser.get(answer.headers["location"]).text
    for name in ("depth", "seed", "name"):
        if name in fields:
            assert re.search(rf'name="{name}"[^>]*value="{fields[name]}"', form)


def test_the_form_of_a_study_without_a_full_grid_says_so(browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-2", seed="0-1")
    post(browser, "/studies/1/runs/remove", ids="4")
    answer = browser.get("/studies/1/duplicate")
    assert notice(answer) == (
        "Study 1 is not a full grid: the form has all 4 combinations of its values, the study has 3 runs."
    )


def test_a_study_is_deleted_after_a_typed_confirmation(site: Served, browser: httpx.Client) -> None:
    post(browser, "/runs", depth="1-2", name="Gone soon")
    assert 'href="/studies/1/delete#delete"' in browser.get("/studies/1").text
    asked = browser.get("/studies/1/delete").text
    assert "Keep 2 runs" in asked
    assert "Delete 2 runs with epochs, predictions and weights" in asked
    refused = post(browser, "/studies/1/delete", runs="delete", confirm="yes")
    assert refused.status_code == 422
    assert "Type delete to confirm." in refused.text
    claim = states.claimed(site.database)
    refused = post(browser, "/studies/1/delete", runs="delete", confirm="delete")
    assert refused.status_code == 409
    assert "run 1 is running; cancel the study first." in refused.text
    assert "1 run is running: cancel it before you delete the runs." in refused.text
    with site.database.write() as session:
        endings.fail(session, claim, "it broke")
    deleted = post(browser, "/studies/1/delete", runs="delete", confirm=" Delete ")
    assert deleted.headers["location"] == "/studies"
    assert notice(deleted) == "Deleted study “Gone soon”. Deleted 2 runs."
    assert browser.get("/studies/1").status_code == 404


def test_runs_of_a_study_that_is_being_deleted_join_no_other(site: Served, browser: httpx.Client) -> None:
    run_id = states.finished_run(site.database)
    browser.post("/studies", json={"depth": 2}).raise_for_status()
    with site.database.write() as session:
        session.add(PendingDeletion(run_id=run_id))
    refused = post(browser, "/studies/1/runs", runs=str(run_id))
    assert refused.status_code == 422
    assert "Run 1 is being deleted, because its study was deleted with its runs." in refused.text
    refused = post(browser, "/runs/bulk", action="study", study="1", ids=str(run_id))
    assert notice(refused).startswith("Nothing was changed: run 1 is being deleted")


def test_runs_of_other_studies_survive_and_the_notice_says_why(site: Served, browser: httpx.Client) -> None:
    states.finished_run(site.database)
    for _ in range(2):
        browser.post("/studies", json={"depth": 1, "epochs": 3, "reuse": True}).raise_for_status()
    assert "1 run belongs to other studies, too, and is kept." in browser.get("/studies/1/delete").text
    deleted = post(browser, "/studies/1/delete", runs="delete", confirm="delete")
    assert notice(deleted) == "Deleted study “depth 1”. Kept 1 run (run 1 also belongs to study 2)."
    kept = post(browser, "/studies/2/delete", runs="keep", confirm="delete")
    assert notice(kept) == "Deleted study “depth 1”."
    assert browser.get("/runs/1").status_code == 200
