"""Presets of the form, as a browser without JavaScript saves, opens and deletes them."""

import re

import httpx

from tests.app.web.browsing import post, total


def test_a_form_is_saved_opened_overwritten_and_deleted(browser: httpx.Client) -> None:
    typed = {"depth": "1-3", "lr": "0.001-0.1 log 5", "tags": "a, b", "note": "why", "device": "cpu"}
    saved = post(browser, "/presets", preset_name=" Mine ", **typed)
    assert (saved.status_code, saved.headers["location"]) == (303, "/runs/new?preset=1")
    form = browser.get("/runs/new?preset=1").text
    assert 'value="0.001-0.1 log 5"' in form
    assert 'value="a, b"' in form
    assert ">why</textarea>" in form
    assert not re.search(r'name="reuse" value="on" checked', form)
    assert "Overwrite “Mine”" in form
    refused = post(browser, "/presets", preset_name="Mine", depth="4", epochs="7")
    assert refused.status_code == 409
    assert "already a preset named" in refused.text
    assert re.search(r'name="epochs" value="7"', refused.text)
    assert 'name="overwrite" value="Mine"' in refused.text
    replaced = post(browser, "/presets", preset_name="", overwrite="Mine", depth="4", reuse="on")
    assert replaced.headers["location"] == "/runs/new?preset=1"
    assert re.search(r'name="reuse" value="on" checked', browser.get("/runs/new?preset=1").text)
    assert 'value="0.2"' in browser.get("/runs/new?preset=1&lr=0.2").text
    assert post(browser, "/presets/1/delete").status_code == 303
    gone = browser.get("/runs/new?preset=1")
    assert (gone.status_code, "There is no preset 1." in gone.text) == (200, True)
    assert post(browser, "/presets/1/delete").status_code == 404
    assert total(browser) == 0


def test_a_preset_needs_a_name(browser: httpx.Client) -> None:
    refused = post(browser, "/presets", depth="1-3", preset_name="")
    assert refused.status_code == 422
    assert re.search(r'id="preset_name-error"[^>]*>[^<]+<', refused.text)
    assert 'value="1-3"' in refused.text


def test_the_address_of_the_presets_leads_to_the_form(browser: httpx.Client) -> None:
    assert browser.get("/presets").headers["location"] == "/runs/new"
