"""Forms of saved views."""

import httpx

from tests.app.web.browsing import Tags, link, new_run, post


def test_a_view_is_saved_opened_changed_and_deleted(browser: httpx.Client) -> None:
    new_run(browser, depth=2)
    saved = post(browser, "/views", name="deep ones", query="depth=2&sort=-lr&cursor=x")
    assert saved.headers["location"] == "/runs?depth=2&sort=-lr&view=1"
    page = browser.get(saved.headers["location"]).text
    assert "Saved the view “deep ones”." in page
    assert (
        link(page, "deep ones").startswith("/runs?depth=2&sort=-lr&view=1") or 'aria-current="true"' in page
    )
    assert browser.get("/views/1").headers["location"] == "/runs?depth=2&sort=-lr&view=1"
    assert browser.get("/views").headers["location"] == "/runs"
    changed = browser.get("/runs?depth=3&view=1").text
    assert "deep ones (changed)" in changed
    assert "Save changes to “deep ones”" in changed
    post(browser, "/views/1", action="overwrite", query="depth=3&view=1", next="/runs?depth=3&view=1")
    assert browser.get("/views/1").headers["location"] == "/runs?depth=3&view=1"
    post(browser, "/views/1", action="rename", name="deeper ones", next="/runs?view=1")
    assert "Renamed the view to “deeper ones”." in browser.get("/runs?view=1").text
    post(browser, "/views/1", action="delete", next="/runs")
    assert browser.get("/views/1").status_code == 404


def test_a_taken_name_can_be_overwritten(browser: httpx.Client) -> None:
    new_run(browser)
    post(browser, "/views", name="mine", query="depth=1")
    post(browser, "/views", name="other", query="depth=2")
    again = post(browser, "/views", name="mine", query="q=lr>0.1")
    assert again.status_code == 422
    assert "A view with this name exists." in again.text
    assert 'value="mine"' in again.text
    assert 'name="overwrite" value="1"' in again.text
    assert 'value="lr&gt;0.1"' in again.text
    overwritten = post(browser, "/views", name="mine", query="q=lr>0.1", overwrite="1")
    assert overwritten.headers["location"] == "/runs?q=lr%3E0.1&view=1"
    renamed = post(browser, "/views/2", action="rename", name="mine", next="/runs?depth=2&view=2")
    assert renamed.status_code == 422
    assert "There is already a view named &#39;mine&#39;" in renamed.text
    assert post(browser, "/views", name=" ", query="").status_code == 422
    assert post(browser, "/views", name="x", query="lr=fast").status_code == 422


def test_changes_that_a_view_cannot_save_are_told_at_its_button(browser: httpx.Client) -> None:
    new_run(browser)
    post(browser, "/views", name="deep", query="depth=2&columns=name,seed")
    back = "/runs?depth=1&columns=name,width&view=1"
    refused = post(browser, "/views/1", action="overwrite", query="q=acc>0.9", next=back)
    assert refused.status_code == 422
    tags = {attributes["id"]: attributes for _, attributes in Tags(refused.text).found if "id" in attributes}
    assert tags["view-name-field"]["value"] == "deep"
    assert "aria-invalid" not in tags["view-name-field"]
    assert '<p class="error" id="overwrite-view-error">Q: there is no field' in refused.text
    assert '<p class="error" id="view-name-error"></p>' in refused.text


def test_a_rejected_form_of_a_view_shows_the_columns_of_the_page(browser: httpx.Client) -> None:
    new_run(browser)
    post(browser, "/views", name="deep", query="")
    post(browser, "/views", name="wide", query="")
    asked = "columns=name,width"
    for refused in (
        post(browser, "/views", name="deep", query=asked),
        post(browser, "/views/1", action="rename", name="wide", next=f"/runs?{asked}&view=1"),
    ):
        assert refused.status_code == 422
        heads = [attributes for _, attributes in Tags(refused.text).found if attributes.get("scope") == "col"]
        assert [each["data-column"] for each in heads if "data-column" in each] == ["name", "width"]
