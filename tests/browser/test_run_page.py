"""The page of one run: figures first, its predictions, and a verification followed on both pages."""

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from app.formats import percent
from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database
from tests.app.answered import LABELS
from tests.app.states import add_worker, finished_run, queue_run, train
from tests.web_server import WebServer
from trainer.files import predictions, tensor_file

pytestmark = pytest.mark.browser

WRONG = {3: 0.75, 8: 0.5, 20: 0.875}
HIDDEN = """() => [...document.querySelectorAll(":root, .scroll:has(.confusion, .per-class)")]
  .map((element) => element.scrollWidth - element.clientWidth)"""
"""How many pixels of the page and of each of these tables are out of view at the side."""

LONG_NOTE = "# Why\n\n" + "A **long** note. " * 200


def finished(server: WebServer) -> int:
    """A finished run with weights and predictions; the next run has the same weights."""
    database: Database = server.app.state.database
    settings: Settings = server.app.state.settings
    add_worker(database)
    run_id = finished_run(database, 1 - len(WRONG) / len(LABELS), depth=3)
    classes, confidence = LABELS.copy(), np.full(len(LABELS), 0.5, np.float16)
    for index, sure in WRONG.items():
        classes[index] = (classes[index] + 1) % 10
        confidence[index] = sure
    files = artifacts.of_run(settings.artifacts, run_id)
    predictions.save(files.predictions(1), predictions.Predictions(classes, confidence))
    for each in (run_id, run_id + 1):
        path = artifacts.of_run(settings.artifacts, each).model(1)
        tensor_file.write(path, {"0.weight": np.ones((2, 2), np.float32)}, {})
    return run_id


def bottom(page: Page, selector: str) -> float:
    """The lower edge of an element on the screen."""
    place = page.locator(selector).bounding_box()
    assert place is not None
    return place["y"] + place["height"]


def test_a_verification_is_followed_on_both_pages(quiet: WebServer, page: Page) -> None:
    run_id = finished(quiet)
    address = f"{quiet.url}/runs/{run_id}"
    page.goto(address)
    expect(page.locator("#loss-chart .js-line").first).to_be_attached()
    assert bottom(page, "#loss-chart") <= 900
    assert bottom(page, "#run-facts") <= 900
    shown = [(index, WRONG[index]) for index in (20, 3, 8)]  # the most confident first
    expect(page.locator(".gallery li")).to_have_text(
        [f"{LABELS[index]} → {(LABELS[index] + 1) % 10} {percent(sure)}" for index, sure in shown]
    )
    page.get_by_role("button", name="Verify").click()
    page.wait_for_url(f"**/runs/{run_id + 1}")
    verdict = page.locator("#run-verification")
    expect(verdict).to_contain_text(f"Run {run_id + 1} trains run {run_id} again; it is queued.")
    page.locator("a[rel=prev]").click()
    page.wait_for_url(address)
    expect(page.get_by_role("button", name="Verify")).to_have_count(0)
    page.evaluate("() => { window.isTheSame = true }")
    train(quiet.app.state.database, 1 - len(WRONG) / len(LABELS))
    expect(verdict).to_contain_text(f"Verified. Run {run_id + 1} is bit-identical to run {run_id}")
    expect(page.get_by_role("button", name="Verify")).to_be_visible()
    assert page.evaluate("() => window.isTheSame")
    copy = page.locator("[data-copy=model-code]")
    copy.click()
    expect(copy).to_contain_text("Copied")


def test_the_columns_of_the_confusion_matrix_are_equally_wide(
    quiet: WebServer, page: Page, subtests: pytest.Subtests
) -> None:
    page.goto(f"{quiet.url}/runs/{finished(quiet)}")
    heads = page.locator(".confusion thead th").locator("visible=true")
    measure = "(cells) => cells.slice(1).map((cell) => cell.getBoundingClientRect().width)"
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        with subtests.test(width=width):
            expect(heads).to_have_count(11)
            widths = heads.evaluate_all(measure)
            assert max(widths) - min(widths) <= 1.5


def test_an_old_link_to_the_log_leads_to_the_history(quiet: WebServer, page: Page) -> None:
    page.goto(f"{quiet.url}/runs/{finished(quiet)}#log")
    expect(page.get_by_role("heading", name="History")).to_be_in_viewport()
    expect(page.locator("#sections").get_by_role("link", name="History")).to_be_visible()


def test_links_to_sections_appear_with_their_sections(quiet: WebServer, page: Page) -> None:
    add_worker(quiet.app.state.database)
    run_id = queue_run(quiet.app.state.database)
    page.goto(f"{quiet.url}/runs/{run_id}")
    link = page.locator("#sections").get_by_role("link", name="Environment")
    expect(page.locator("#sections").get_by_role("link", name="Model")).to_be_visible()
    expect(link).to_be_hidden()
    train(quiet.app.state.database)
    expect(link).to_be_visible()


def test_nothing_is_cut_on_a_phone(quiet: WebServer, phone: Page) -> None:
    run_id = finished(quiet)
    phone.request.patch(f"{quiet.url}/runs/{run_id}", data={"note": LONG_NOTE, "tags": ["a", "b" * 50]})
    phone.goto(f"{quiet.url}/runs/{run_id}")
    expect(phone.locator("#loss-chart .js-line").first).to_be_attached()
    assert bottom(phone, "#run-facts") <= 844
    assert phone.evaluate(HIDDEN) == [0, 0, 0]
    expect(
        phone.get_by_role("region", name="Note", exact=True).get_by_role("heading", name="Why")
    ).to_be_visible()
    phone.goto(f"{quiet.url}/runs/{queue_run(quiet.app.state.database)}")
    expect(phone.get_by_text("1st of 1")).to_be_visible()
    assert phone.evaluate(HIDDEN) == [0]
