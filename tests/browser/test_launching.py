"""From the first visit and the form to queued runs; no worker is needed."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.app.states import finished_run
from tests.web_server import WebServer

pytestmark = pytest.mark.browser


def test_the_first_visit_starts_the_depth_study_with_one_button(quiet: WebServer, page: Page) -> None:
    page.goto(quiet.url)
    expect(page.get_by_text("15 runs, about")).to_be_visible()
    chart, heading = page.get_by_role("img", name="Published accuracy"), page.get_by_role("heading", level=1)
    tops = [(each.bounding_box() or {"y": 0})["y"] for each in (chart, heading)]
    assert abs(tops[0] - tops[1]) <= 40
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(6)
    page.get_by_role("button", name="Run the depth study").click()
    expect(page.get_by_role("heading", name="Depth study", exact=True)).to_be_visible()
    study = httpx.get(page.url).json()
    runs = httpx.get(f"{quiet.url}/runs", params={"limit": 50}).json()["runs"]
    assert len(study["runs"]) == 15
    assert {(run["depth"], run["seed"], run["epochs"]) for run in runs} == {
        (depth, seed, 20) for depth in range(1, 6) for seed in range(3)
    }


def test_plotly_is_not_loaded_on_the_runs_list(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/runs", json={"depth": 1}).raise_for_status()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(f"{quiet.url}/runs")
    assert requested
    assert not [url for url in requested if "plotly.min.js" in url]


def test_a_refused_form_keeps_every_input_and_shows_errors_at_the_fields(
    quiet: WebServer, page: Page
) -> None:
    page.goto(f"{quiet.url}/runs/new")
    page.get_by_label("Depth", exact=True).fill("1-16")
    page.get_by_label("Learning rate").fill("fast")
    page.get_by_label("Epochs").fill("7")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("No run was started")
    expect(page.locator("#depth-error")).to_have_text("11 is too large: expected at most 10.")
    expect(page.locator("#lr-error")).to_contain_text("is not a number")
    expect(page.locator("#lr + #lr-error")).to_be_visible()  # next to its field, before the hint
    expect(page.locator("#epochs-error")).to_be_hidden()
    expect(page.get_by_label("Depth", exact=True)).to_have_value("1-16")
    expect(page.get_by_label("Learning rate")).to_have_value("fast")
    expect(page.get_by_label("Epochs")).to_have_value("7")
    assert httpx.get(f"{quiet.url}/runs").json()["total"] == 0


def test_a_number_that_could_be_several_starts_nothing_until_it_is_clear(
    quiet: WebServer, page: Page
) -> None:
    page.goto(f"{quiet.url}/runs/new")
    batch, message = page.get_by_label("Batch size"), page.locator("#batch_size-error")
    asked = "“1,024” is ambiguous: for one number, write 1024; for 2 values, write 1, 24."
    batch.fill("1,024")
    expect(message).to_have_text(asked)
    expect(page.locator("#estimate")).to_contain_text("No estimate")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("No run was started")
    expect(message).to_have_text(asked)
    expect(batch).to_have_value("1,024")
    assert httpx.get(f"{quiet.url}/runs").json()["total"] == 0
    batch.fill("1, 24")
    expect(page.locator("#estimate")).to_contain_text("2 runs")
    batch.fill("1024")
    expect(page.locator("#estimate")).to_contain_text("1 run")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/runs/1")


def test_the_preview_follows_the_input(quiet: WebServer, page: Page) -> None:
    page.goto(f"{quiet.url}/runs/new")
    page.get_by_label("Depth", exact=True).fill("1-3")
    page.get_by_label("Seed").fill("0, 7")
    expect(page.locator("#estimate")).to_contain_text("6 runs, ")
    expect(page.locator("#snippets")).to_contain_text("depthboard study --depth 1-3 --seed 0,7")
    expect(page.locator("#snippets")).to_contain_text('-d \'{"depth": [1, 2, 3], "seed": [0, 7]')
    page.get_by_role("button", name="5 layers").click()
    expect(page.get_by_label("Depth", exact=True)).to_have_value("1, 2, 3, 5")
    expect(page.locator("#estimate")).to_contain_text("8 runs, ")
    page.get_by_label("Seed").fill("-1")
    expect(page.locator("#seed-error")).to_contain_text("at least 0")
    expect(page.locator("#estimate")).to_contain_text("No estimate")


def test_a_clone_fills_the_form_like_the_run(quiet: WebServer, page: Page) -> None:
    run = httpx.post(f"{quiet.url}/runs", json={"depth": 4, "lr": 0.1, "tags": ["wide"]}).json()
    page.goto(f"{quiet.url}/runs/{run['id']}")
    page.get_by_role("link", name="Clone").click()
    expect(page.get_by_label("Depth", exact=True)).to_have_value("4")
    expect(page.get_by_label("Learning rate")).to_have_value("0.1")
    expect(page.get_by_label("Tags")).to_have_value("wide")


def test_launching_listing_and_reading_work_without_javascript(quiet: WebServer, plain: Page) -> None:
    plain.goto(f"{quiet.url}/runs/new")
    plain.get_by_label("Depth", exact=True).fill("2")
    plain.get_by_label("Epochs").fill("0")
    plain.get_by_role("button", name="Start").click()
    expect(plain.locator("#epochs-error")).to_have_text("0 is too small: expected at least 1.")
    plain.get_by_label("Epochs").fill("5")
    plain.get_by_role("button", name="Update estimate").click()
    expect(plain.locator("#estimate")).to_contain_text("1 run, ")
    plain.get_by_role("button", name="Start").click()
    expect(plain.get_by_role("heading", name="2 layers, 5 epochs, seed 0")).to_be_visible()
    plain.goto(f"{quiet.url}/runs")
    expect(plain.get_by_role("row", name="2 layers, 5 epochs, seed 0")).to_contain_text("queued")
    plain.get_by_label("Select 2 layers, 5 epochs, seed 0").check()
    plain.get_by_role("button", name="Cancel").click()
    expect(plain.locator("[data-notice]")).to_have_text("Cancelled: 1 run.")
    expect(plain.get_by_role("row", name="2 layers, 5 epochs, seed 0")).to_contain_text("cancelled")


def test_name_tags_and_note_are_saved_or_refused_at_the_field(quiet: WebServer, page: Page) -> None:
    run = httpx.post(f"{quiet.url}/runs", json={"depth": 1}).json()
    page.goto(f"{quiet.url}/runs/{run['id']}")
    page.get_by_text("Edit name and note").click()
    page.get_by_label("Name", exact=True).fill("x" * 101)
    page.get_by_role("textbox", name="Note").fill("<b>kept</b>")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#name-error")).to_contain_text("at most 100")
    expect(page.get_by_role("textbox", name="Note")).to_have_value("<b>kept</b>")
    page.get_by_label("Name", exact=True).fill("Baseline <1>")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Baseline <1>")).to_be_visible()
    page.get_by_label("Add a tag").fill("x" * 51)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#add-tag-error")).to_contain_text("at most 50")
    page.get_by_label("Add a tag").fill("first, linear")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("list", name="Tags").get_by_role("link")).to_have_text(["first", "linear"])
    saved = httpx.get(f"{quiet.url}/runs/{run['id']}").json()
    assert (saved["name"], saved["note"]) == ("Baseline <1>", "<b>kept</b>")
    assert saved["tags"] == ["first", "linear"]


def test_values_far_from_those_that_worked_are_named_on_both_widths(
    quiet: WebServer, page: Page, phone: Page
) -> None:
    for seed, size in enumerate((512, 1024, 2048)):
        finished_run(quiet.app.state.database, 0.97, depth=3, batch_size=size, seed=seed)
    for window in (page, phone):
        window.goto(f"{quiet.url}/runs/new?from=1")
        window.get_by_label("Batch size").fill("16, 1024")
        expect(window.locator("#unusual")).to_contain_text(
            "Batch size 16 is below the values at which past runs of 3 layers with sgd on mnist learned "
            "(512 to 2048, 3 runs)."
        )
        assert window.evaluate("document.documentElement.scrollWidth <= innerWidth")
        window.get_by_label("Batch size").fill("512")
        expect(window.locator("#unusual")).not_to_contain_text("Batch size")


OFFERED = "(field) => [...field.list.options].map(({ value }) => value)"


def test_tags_are_completed_from_known_ones_one_after_the_other(quiet: WebServer, page: Page) -> None:
    for tags in (["linear", "draft"], ["linear"], []):
        httpx.post(f"{quiet.url}/runs", json={"depth": 1, "tags": tags}).raise_for_status()
    page.goto(f"{quiet.url}/runs/new")
    page.get_by_text("Name, tags, note and priority").click()
    field = page.get_by_label("Tags", exact=True)
    field.focus()
    page.wait_for_function("() => document.getElementById('known-tags').options.length")
    assert field.evaluate(OFFERED) == ["linear", "draft"]
    page.keyboard.type("linear, d")
    assert field.evaluate(OFFERED) == ["linear, draft"]
    page.goto(f"{quiet.url}/runs/3")
    field = page.get_by_label("Add a tag")
    field.focus()
    page.wait_for_function("() => document.getElementById('known-tags').options.length")
    assert field.evaluate(OFFERED) == ["linear", "draft"]
    field.press_sequentially("new,")
    assert field.evaluate(OFFERED) == ["new,linear", "new,draft"]
    page.goto(f"{quiet.url}/runs")
    page.get_by_role("checkbox", name="Select 1 layer").first.check()
    page.locator(".bulk summary", has_text="Tag").click()
    field = page.locator('.bulk input[name="tag"]')
    field.focus()
    page.wait_for_function("() => document.getElementById('known-tags').options.length")
    assert field.evaluate(OFFERED) == ["linear", "draft"]
    httpx.post(f"{quiet.url}/studies", json={"depth": [1, 2], "tags": ["draft", "sweep"]}).raise_for_status()
    page.goto(f"{quiet.url}/studies/1?edit=labels")
    field = page.get_by_role("combobox", name="Tags", exact=True)
    field.fill("draft, ")
    page.wait_for_function("() => document.getElementById('known-tags').options.length")
    assert set(field.evaluate(OFFERED)) == {"draft, linear", "draft, sweep"}


def test_the_first_invalid_field_gets_the_focus(quiet: WebServer, page: Page) -> None:
    page.goto(f"{quiet.url}/runs/new")
    page.get_by_label("Epochs").fill("0")
    page.get_by_label("Seed").fill("-1")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_label("Epochs")).to_be_focused()


def test_a_filter_adds_no_empty_parameters_to_the_url(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/runs", json={"depth": 1}).raise_for_status()
    page.goto(f"{quiet.url}/runs")
    page.get_by_role("combobox", name="Status").select_option("queued")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url(f"{quiet.url}/runs?status=queued")


def test_without_javascript_no_empty_chart_is_shown(quiet: WebServer, plain: Page) -> None:
    study = httpx.post(f"{quiet.url}/studies", json={"depth": [1, 2]}).json()
    for path in (f"/compare?study={study['id']}", f"/studies/{study['id']}", f"/runs/{study['runs'][0]}"):
        plain.goto(quiet.url + path)
        assert plain.locator(".chart:visible, [data-toggle-group]:visible").count() == 0


def test_the_button_is_in_view_on_a_phone_and_ranges_are_explained_while_typing(
    quiet: WebServer, phone: Page
) -> None:
    phone.goto(f"{quiet.url}/runs/new")
    button = phone.get_by_role("button", name="Start 1 run", exact=True)
    expect(button).to_be_in_viewport(ratio=1)
    phone.get_by_label("Learning rate").fill("0.001-0.1 log 5")
    expect(phone.locator("#lr-meaning")).to_have_text("5 values: 0.001, 0.00316, 0.01, 0.0316, 0.1")
    expect(phone.get_by_role("button", name="Start 5 runs", exact=True)).to_be_in_viewport(ratio=1)
    phone.get_by_label("Depth", exact=True).fill("7-8")
    expect(phone.locator("#rejected")).to_contain_text("5 of 10 combinations are invalid")
    phone.get_by_label("Depth", exact=True).focus()
    phone.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    start = phone.get_by_role("button", name="Start 5 of 10 runs", exact=True)
    expect(start).to_be_in_viewport(ratio=1)
    expect(phone.get_by_role("link", name="Studies").last).to_be_in_viewport(ratio=1)  # not covered
    start.click()
    phone.wait_for_url("**/studies/1")
    assert httpx.get(f"{quiet.url}/runs").json()["total"] == 5


def test_a_preset_is_saved_by_enter_opened_and_deleted_in_place(quiet: WebServer, page: Page) -> None:
    httpx.post(f"{quiet.url}/runs", json={"depth": 1}).raise_for_status()
    page.goto(f"{quiet.url}/runs/new")
    page.get_by_role("link", name="Learning-rate sweep").click()
    expect(page.get_by_label("Learning rate")).to_have_value("0.01-1 log 5")
    expect(page.locator("#estimate")).to_contain_text("15 runs, ")
    page.get_by_label("Epochs").fill("7")
    page.get_by_text("Save as a preset").click()
    page.get_by_label("Preset name").fill("Short sweep")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/new?preset=1")
    expect(page.get_by_label("Epochs")).to_have_value("7")
    expect(page.get_by_label("Learning rate")).to_have_value("0.01-1 log 5")
    page.get_by_label("Epochs").fill("9")
    page.get_by_text("Save as a preset").click()
    page.get_by_role("button", name="Save preset").click()
    expect(page.locator("#preset_name-error")).to_contain_text("already a preset named")
    expect(page.get_by_label("Epochs")).to_have_value("9")
    with page.expect_navigation():
        page.get_by_role("button", name="Overwrite “Short sweep”").click()
    expect(page.locator("[data-notice]")).to_contain_text("saved")
    expect(page.get_by_label("Epochs")).to_have_value("9")
    page.get_by_label("Seed").fill("5")
    page.get_by_role("button", name="Delete preset Short sweep").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="Short sweep")).to_have_count(0)
    expect(page.get_by_label("Seed")).to_have_value("5")
    assert httpx.get(f"{quiet.url}/runs").json()["total"] == 1
