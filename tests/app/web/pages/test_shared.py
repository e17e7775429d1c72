"""The pages as a browser without JavaScript meets them."""

import httpx
import pytest

from tests.app import states
from tests.app.conftest import Served
from tests.app.web.browsing import Tags, new_run


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
        for tag, attributes in Tags(browser.get(path).raise_for_status().text).found:
            assert tag != "style", path
            assert "style" not in attributes, path
            assert tag != "script" or attributes.get("src") or attributes["type"] == "application/json", path
            assert not [name for name in attributes if name.startswith("on")], path
            for name in ("src", "href", "action"):
                assert not (attributes.get(name) or "").startswith(("http:", "https:", "//")), path


def test_every_control_has_a_label(browser: httpx.Client) -> None:
    run_id = new_run(browser)
    for path in ("/runs", "/runs/new", f"/runs/{run_id}"):
        tags = Tags(browser.get(path).text).found
        labelled = {attributes.get("for") for tag, attributes in tags if tag == "label"}
        for tag, attributes in tags:
            if tag in ("input", "select", "textarea") and attributes.get("type") not in (
                "hidden",
                "checkbox",
            ):
                assert attributes.get("id") in labelled, (path, attributes)


def test_user_text_is_escaped(browser: httpx.Client) -> None:
    script = "<script>alert(1)</script>"
    run_id = new_run(browser, name=script, note=script, tags=[script])
    for path in (f"/runs/{run_id}", "/runs", f"/compare?runs={run_id}", "/queue", f"/runs/{run_id}/epochs"):
        assert script not in browser.get(path).text, path


@pytest.mark.parametrize("digits", ["9" * 5000, "9" * 19, "٣", "-1", "1.0"])
def test_an_impossible_id_is_not_a_server_error(site: Served, digits: str) -> None:
    run_id = states.queue_run(site.database)
    asked = site.client.get("/runs/new", params={"from": digits}, headers={"Accept": "text/html"})
    assert asked.status_code == 404
    for path, form, statuses in (
        ("/runs/bulk", {"ids": digits, "action": "archive"}, {303}),
        (f"/runs/{run_id}", {"name": "kept", "as_read": digits}, {303, 422}),
        ("/studies/1/runs", {"seeds": digits}, {404, 422}),
    ):
        assert site.client.post(path, data=form).status_code in statuses, path
