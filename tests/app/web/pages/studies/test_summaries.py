"""What the list says about each study, and when headlines are computed."""

import re

import httpx
import pytest

from app.compare.comparison import compare
from app.compare.view import Headline
from app.queue import endings
from app.web.pages.studies.summaries import ShortHeadline
from tests.app import states
from tests.app.conftest import Served


def finish(site: Served, accuracy: float) -> None:
    claim = states.claimed(site.database)
    with site.database.write() as session:
        endings.finish(session, claim, {**states.RESULTS, "test_accuracy": accuracy})


def headline(page: str) -> str:
    """The headline of the only study, with its marks."""
    (found,) = re.findall(r'<p class="headline small clipped"(.*?)</p>', page, re.DOTALL)
    return str(found)


def test_headlines_are_computed_once_per_state_of_the_runs(
    site: Served, browser: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[object] = []

    def counting(*given: object) -> object:
        computed.append(given)
        return compare(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("app.web.pages.studies.summaries.compare", counting)
    browser.post("/studies", json={"depth": [1, 2], "seed": [0, 1], "epochs": 1}).raise_for_status()
    assert headline(browser.get("/studies").text) == ">"
    for accuracy in (0.8, 0.81, 0.9):
        finish(site, accuracy)
    first = headline(browser.get("/studies").text)
    assert 'data-headline="1"><span class="needs-js">Computing …</span><noscript>' in first
    assert '<a href="/studies/1">See the result</a>' in first
    assert computed == [], "the list does not wait for headlines"
    asked = headline(browser.get("/studies/1/headline").text)
    assert '<span class="badge">Provisional</span>' in asked
    assert "data-headline" not in asked
    assert headline(browser.get("/studies").text) == asked
    browser.get("/studies/1/headline")
    assert len(computed) == 1
    finish(site, 0.91)
    stale = headline(browser.get("/studies").text)
    assert stale == ' data-headline="1"' + asked
    final = headline(browser.get("/studies/1/headline").text)
    assert "badge" not in final
    assert headline(browser.get("/studies").text) == final
    assert len(computed) == 2
    assert browser.get("/studies/9/headline").status_code == 404


def test_a_headline_is_the_first_sentence_without_the_shared_settings() -> None:
    text = "With SGD at lr 0.05: the best is 3 layers, with 97.5 % (3 seeds). Still improving at this budget."
    short = ShortHeadline.of(Headline("Provisional", "", text, [], []))
    assert short == ("Provisional", "The best is 3 layers, with 97.5 % (3 seeds).")


def test_the_list_says_what_each_study_varies(browser: httpx.Client) -> None:
    browser.post("/studies", json={"depth": [1, 2, 3], "seed": [0, 1]}).raise_for_status()
    assert 'title="depth 1–3 × 2 seeds">depth 1–3 × 2 seeds</span>' in browser.get("/studies").text
    browser.post("/studies/1/runs", json={"seeds": 1}).raise_for_status()
    assert 'title="depth 1–3 × 3 seeds">depth 1–3 × 3 seeds</span>' in browser.get("/studies").text
