"""The list of runs is filtered, grouped and paged in place, and its address says how."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_a_search_filters_the_list_while_someone_types(page: Page, six: str) -> None:
    page.goto(f"{six}/runs")
    rows = page.locator("#runs-list tr[data-run]")
    search = page.get_by_label("Search")
    expect(rows).to_have_count(6)
    search.click()
    page.keyboard.type("depth:2")
    expect(rows).to_have_count(2)
    expect(search).to_be_focused()
    expect(page).to_have_url(f"{six}/runs?q=depth:2")
    page.keyboard.type(" hue:1")
    expect(page.locator("#q-error")).to_contain_text("There is no field 'hue'")
    expect(search).to_have_value("depth:2 hue:1")
    expect(search).to_be_focused()
    page.get_by_role("link", name="Remove the filter hue:1").click()
    expect(page.locator("#q-error")).to_be_empty()
    expect(search).to_have_value("depth:2")
    page.get_by_text("Display").click()
    page.get_by_label("Group by").select_option("seed")
    expect(page.locator(".run-groups a.fold")).to_have_count(2)
    expect(page).to_have_url(f"{six}/runs?q=depth:2&group=seed")
    page.locator(".run-groups a.fold").first.click()
    expect(rows).to_have_count(1)
    expect(page.locator(".run-groups a.fold").first).to_be_focused()
    page.go_back()
    expect(rows).to_have_count(0)
    page.go_back()
    expect(rows).to_have_count(2)
    expect(page).to_have_url(f"{six}/runs?q=depth:2")


def test_a_filter_is_put_together_and_saved_as_a_view(page: Page, six: str) -> None:
    page.goto(f"{six}/runs")
    page.get_by_text("Add filter").first.click()
    page.get_by_label("Field").select_option("depth")
    page.get_by_label("Condition").select_option("ge")
    page.get_by_label("Value", exact=True).fill("3")
    page.get_by_label("Value", exact=True).press("Enter")
    expect(page).to_have_url(re.compile(r"q=depth%3E%3D3$"))
    expect(page.locator("#runs-list tr[data-run]")).to_have_count(2)
    page.locator("#view-name").click()
    page.get_by_label("Save as a new view").fill("deep ones")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#view-name")).to_have_text("View: deep ones")
    page.keyboard.press("Escape")
    expect(page.locator("#view-name")).to_be_focused()
    page.get_by_role("link", name="show all").click()
    expect(page.locator("#runs-list tr[data-run]")).to_have_count(6)
    expect(page.locator("#view-name")).to_have_text("Views")


def test_the_builder_follows_the_kind_of_the_field(page: Page, six: str) -> None:
    page.goto(f"{six}/runs")
    page.get_by_text("Add filter").first.click()
    panel = page.get_by_role("group", name="New filter")
    conditions = panel.get_by_label("Condition").locator("option")
    value = panel.get_by_label("Value", exact=True)
    expect(panel.get_by_label("Condition")).to_be_hidden()
    panel.get_by_label("Field").select_option("status")
    expect(conditions).to_have_text(["is", "is not", "is set", "is not set"])
    value.select_option("finished")
    panel.get_by_label("Field").select_option("note")
    expect(conditions).to_have_text(
        ["contains", "does not contain", "is exactly", "is not exactly", "is set", "is not set"]
    )
    expect(value).to_be_editable()
    expect(panel.get_by_text("Upper and lower case make no difference")).to_be_visible()
    panel.get_by_label("Condition").select_option("unset")
    expect(value).to_be_hidden()
    panel.get_by_label("Field").select_option("created_at")
    expect(panel.get_by_label("Condition")).to_have_value("unset")
    panel.get_by_label("Condition").select_option(label="in the last")
    expect(panel.get_by_text("A number alone means days.")).to_be_visible()
    panel.get_by_label("Field").select_option("lr")
    expect(panel.get_by_label("Condition")).to_have_value("is")
    panel.get_by_label("Condition").select_option("between")
    value.fill("0.01")
    panel.get_by_label("Upper end").fill("0.1")
    panel.get_by_role("button", name="Add filter").click()
    expect(page).to_have_url(f"{six}/runs?q=lr:0.01..0.1")
    expect(page.locator("#chips")).to_contain_text("Learning rate: 0.01 to 0.1")


def test_archived_typed_is_archived_chosen(page: Page, six: str) -> None:
    page.goto(f"{six}/runs")
    page.keyboard.press("/")
    page.keyboard.type("archived:all depth:1")
    expect(page.locator("#chips")).to_contain_text("Archived: included")
    expect(page.locator("#archived")).to_have_value("all")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{six}/runs?q=depth:1&archived=all")
    expect(page.get_by_label("Search")).to_have_value("depth:1")
    expect(page.locator("#runs-count")).to_contain_text("2 runs match")


def test_a_press_on_a_chip_edits_its_filter(page: Page, six: str) -> None:
    page.goto(f"{six}/runs?q=seed:0 depth:1&lr=0.01..0.1&status=finished")
    search = page.get_by_label("Search")
    chosen = "() => getSelection().toString()"
    page.get_by_role("button", name="Depth: 1").click()
    expect(search).to_be_focused()
    assert page.evaluate(chosen) == "depth:1"
    page.keyboard.type("depth:2")
    expect(page.locator("#chips")).to_contain_text("Depth: 2")
    page.get_by_role("button", name="Learning rate: 0.01 to 0.1").click()
    expect(search).to_have_value("seed:0 depth:2 lr:0.01..0.1")
    expect(search).to_be_focused()
    assert page.evaluate(chosen) == "lr:0.01..0.1"
    page.get_by_role("button", name="Status: finished").click()
    expect(page.locator("#status")).to_be_focused()


@pytest.mark.parametrize("values", [",".join(f"~word{number}" for number in range(40)), "x" * 200])
def test_long_filters_fit_on_a_phone(phone: Page, six: str, values: str) -> None:
    phone.goto(f"{six}/runs?-name={values}&q=-note:{values}")
    expect(phone.locator("#chips .chip")).to_have_count(2)
    for chip in phone.locator("#chips .chip").all():
        for edge in (chip.get_by_role("button"), chip.get_by_role("link")):
            box, own = chip.bounding_box(), edge.bounding_box()
            assert box
            assert own
            assert box["x"] <= own["x"]
            assert own["x"] + own["width"] <= box["x"] + box["width"] <= 390
    assert phone.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_groups_are_sorted_by_their_heads_and_compared(page: Page, six: str) -> None:
    page.goto(f"{six}/runs?group=depth")
    rows = page.locator(".run-groups tbody tr")
    expect(rows).to_have_count(3)
    expect(page.locator(".run-groups .mean").first).to_contain_text(re.compile(r"%\s±\s[\d.]+\spp"))
    head = page.get_by_role("columnheader", name="Test accuracy, mean ± SD")
    head.get_by_role("link").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(head.get_by_role("link")).to_be_focused()
    expect(rows.first.locator(".mean")).to_contain_text("best mean")
    page.get_by_role("columnheader", name="Depth").get_by_role("link").click()
    expect(page).to_have_url(f"{six}/runs?group=depth&sort=-depth")
    expect(rows.first.get_by_role("rowheader")).to_contain_text("3")
    page.get_by_role("button", name="Compare the groups").click()
    page.wait_for_url(re.compile(r"/compare\?runs=[\d,]+&by=depth$"))


def test_groups_are_cards_on_a_phone(phone: Page, six: str) -> None:
    phone.goto(f"{six}/runs?group=depth")
    for column in ("n", "Best", "Runs"):
        expect(phone.locator(f".run-groups tbody [data-label='{column}']").first).to_be_in_viewport()
    assert phone.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
