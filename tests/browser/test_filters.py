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
    page.get_by_label("Value").fill("3")
    page.get_by_label("Value").press("Enter")
    expect(page).to_have_url(re.compile(r"q=depth%3E%3D3$"))
    expect(page.locator("#runs-list tr[data-run]")).to_have_count(2)
    page.locator("#view-name").click()
    page.get_by_label("Save as a new view").fill("deep ones")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#view-name")).to_have_text("deep ones")
    page.keyboard.press("Escape")
    expect(page.locator("#view-name")).to_be_focused()
    page.get_by_role("link", name="show all").click()
    expect(page.locator("#runs-list tr[data-run]")).to_have_count(6)
    expect(page.locator("#view-name")).to_have_text("Views")
