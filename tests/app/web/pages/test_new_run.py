"""The form that launches runs, as a browser without JavaScript sends it."""

import httpx
import pytest

from app.settings import Settings
from tests.app import states
from tests.app.conftest import answering
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
