"""The columns of the list: from the address, the cookie or the form, with any declared field."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.schemas.run_columns import COLUMNS, DEFAULT_COLUMNS
from app.web.pages.run_list.table import chosen, in_words, parse, written
from tests.app.conftest import Served
from tests.app.states import add_worker, claimed, record
from tests.app.web.browsing import Tags, new_run


def columns(page: str) -> list[str | None]:
    """The columns of a page's table."""
    return [
        attributes["data-column"]
        for tag, attributes in Tags(page).found
        if tag == "th" and "title" in attributes
    ]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("", ""),
        ("status,name", "status,name"),
        ("lr", "name,lr"),
        ("name,lr:120,lr:200,nonsense,seed:x", "name,lr:120,seed"),
        ("name,lr:5,depth:9999", "name,lr:40,depth:800"),
    ],
)
def test_columns_of_an_address(text: str, result: str) -> None:
    assert written(parse(text)) == result


def test_the_form_keeps_order_and_widths_and_moves_one_column() -> None:
    texts = {"show": "name,lr,seed", "width_lr": "120", "width_seed": str(COLUMNS["seed"].width)}
    assert written(chosen(texts)) == "name,lr:120,seed"
    assert written(chosen(texts | {"up": "seed"})) == "name,seed,lr:120"
    assert written(chosen(texts | {"down": "name"})) == "lr:120,name,seed"
    assert written(chosen(texts | {"up": "name"})) == "name,lr:120,seed"
    assert written(chosen(texts | {"default": "1"})) == ""


def test_every_column_can_be_shown_and_sorted_where_the_database_can(
    site: Served, browser: httpx.Client
) -> None:
    add_worker(site.database)
    new_run(browser, tags=["a"], note="first line\nsecond line")
    claim = claimed(site.database)
    record(site.database, claim, 1, 2)
    new_run(browser)
    page = browser.get(f"/runs?columns={','.join(COLUMNS)}").text
    assert columns(page) == list(COLUMNS)
    assert "first line second line" in page
    assert 'class="scroll rows wide"' in page
    sortable = [
        attributes["href"]
        for tag, attributes in Tags(page).found
        if tag == "a" and "sort " in str(attributes.get("data-takes-focus"))
    ]
    assert len(sortable) > 30
    for address in sortable:
        assert browser.get(f"/runs{address}").status_code == 200


def test_the_form_leads_back_with_the_columns_and_the_browser_remembers_them(browser: httpx.Client) -> None:
    new_run(browser)
    assert columns(browser.get("/runs").text) == list(DEFAULT_COLUMNS)
    fields = {"show": ["name", "note"], "width_note": "300", "next": "/runs?depth=1&columns=lr&cursor="}
    answer = browser.get("/runs/columns", params=fields)
    parts = urlsplit(answer.headers["location"])
    assert (parts.path, parse_qs(parts.query)) == ("/runs", {"depth": ["1"], "columns": ["name,note:300"]})
    assert columns(browser.get("/runs").text) == ["name", "note"]
    assert columns(browser.get("/runs?columns=seed").text) == ["name", "seed"]
    browser.get("/runs/columns", params={"default": "1"})
    assert columns(browser.get("/runs").text) == list(DEFAULT_COLUMNS)


def test_only_a_training_run_has_a_progress_bar(site: Served, browser: httpx.Client) -> None:
    add_worker(site.database)
    new_run(browser, epochs=20)
    record(site.database, claimed(site.database), 1, 2)
    new_run(browser, epochs=7)
    page = browser.get("/runs").text
    bars = [attributes for tag, attributes in Tags(page).found if tag == "progress"]
    assert ["hidden" in bar for bar in bars] == [False, True]
    assert '<span data-cell="epochs_done">2 / 20</span>' in page
    assert '<span data-cell="epochs_done">7</span>' in page
    lines = [
        attributes for tag, attributes in Tags(page).found if tag == "svg" and "data-sparkline" in attributes
    ]
    assert [line.get("data-epochs") for line in lines] == ["1 2", ""]


def test_values_of_groups_are_in_the_words_of_their_columns() -> None:
    assert in_words("batch_size", [1024, None]) == {1024: "1,024", None: "–"}
    assert in_words("lr", [0.1, 0.30000000000000004]) == {0.1: "0.1", 0.30000000000000004: "0.3"}
    assert in_words("seed", [1234]) == {1234: "1234"}
    assert in_words("archived", [True]) == {True: "yes"}
