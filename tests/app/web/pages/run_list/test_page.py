"""The page of all runs: search, chips, groups and pages."""

import html
import re
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from app.runs.listing.fields import SORTABLE
from app.runs.listing.query import RunQuery
from app.web.pages.run_list.page import DEFAULT_SORT
from tests.app import states
from tests.app.conftest import Served
from tests.app.web.asking import problem
from tests.app.web.browsing import Tags, new_run, post


def rows(page: str) -> int:
    return page.count("<tr data-run=")


def shown(page: str) -> list[int]:
    """The ids of the runs on the page, in order."""
    return [int(run) for _, attributes in Tags(page).found if (run := attributes.get("data-run"))]


def where(page: str, attribute: str, value: str) -> str:
    """The address of the first link with this attribute."""
    links = [attributes for tag, attributes in Tags(page).found if tag == "a"]
    return next(link["href"] or "" for link in links if link.get(attribute) == value)


def removals(page: str) -> dict[str, str]:
    """The address of the page without each filter, by the filter's words."""
    found = {}
    for tag, attributes in Tags(page).found:
        label = attributes.get("aria-label") or ""
        if tag == "a" and label.startswith(("Remove the filter ", "Reset: ")):
            words = label.removeprefix("Remove the filter ").removeprefix("Reset: ")
            found[words] = attributes["href"] or ""
    return found


def test_every_filter_of_an_address_is_a_chip_that_can_be_removed(browser: httpx.Client) -> None:
    new_run(browser, depth=2, tags=["a"])
    asked = {
        "q": 'lr<1 -tag:draft some "two words"',
        "status": "queued",
        "-study": "3",
        "lr": ">0.01",
        "archived": "all",
        "sort": "-lr",
        "limit": "25",
        "columns": "name,lr",
    }
    page = browser.get("/runs", params=asked).text
    found = removals(page)
    assert [*found] == [
        "Learning rate < 1",
        "Tag is not: draft",
        "“some”",
        '"two words"',
        "Status: queued",
        "Study is not: 3",
        "Learning rate > 0.01",
        "Archived: included",
        "Sorted by Learning rate ↓",
        "25 per page",
    ]
    without = dict(parse_qsl(urlsplit(found["Tag is not: draft"]).query))
    assert without == asked | {"q": 'lr<1 some "two words"'}
    assert dict(parse_qsl(urlsplit(found["Study is not: 3"]).query)) == {
        name: text for name, text in asked.items() if name != "-study"
    }
    form = html.unescape(page)
    assert '<input type="hidden" name="-study" value="3">' in form
    assert '<input type="hidden" name="columns" value="name,lr">' in form


def test_a_malformed_search_stays_in_its_box_with_the_message_beside_it(browser: httpx.Client) -> None:
    new_run(browser, depth=1)
    new_run(browser, depth=2)
    page = browser.get("/runs", params={"q": "acc>0.9 depth:2"}).text
    assert 'value="acc&gt;0.9 depth:2"' in page
    assert 'aria-invalid="true"' in page
    assert "There is no field &#39;acc&#39;; did you mean" in page
    assert rows(page) == 1
    assert removals(page) == {"acc>0.9": "/runs?q=depth:2", "Depth: 2": "/runs?q=acc%3E0.9"}
    page = browser.get("/runs?lr=fast&depth=2").text
    assert "Learning rate: &#39;fast&#39; is not a number." in page
    assert rows(page) == 1
    assert removals(page) == {"Learning rate: fast": "/runs?depth=2", "Depth: 2": "/runs?lr=fast"}


@pytest.mark.parametrize(
    "asked",
    [
        {"q": "acc>0.9 depth:2"},
        {"depth": "2", "utm_source": "x"},
        {"depth": "2", "lr": "fast", "colour": "red", "view": "9", "columns": "name,lr"},
        {"depth": "2", "q": "hue:2", "group": "depth", "sort": "-n", "unfold": "depth=2"},
    ],
)
def test_what_the_page_leaves_out_is_in_none_of_its_addresses(
    browser: httpx.Client, asked: dict[str, str]
) -> None:
    for depth in (1, 2, 2):
        new_run(browser, depth=depth)
    page = browser.get("/runs", params=asked).text
    tags = [attributes for _, attributes in Tags(page).found]
    (csv,) = (each["href"] or "" for each in tags if each.get("id") == "csv")
    assert len(browser.get(csv).raise_for_status().text.splitlines()) == 1 + 2
    (matching,) = (each["data-matching"] or "" for each in tags if "data-matching" in each)
    tagged = browser.post("/runs/bulk", json={"filter": matching, "action": "tag", "tag": "x", "expected": 2})
    assert tagged.raise_for_status().json()["done"] == [3, 2]
    assert all(each["value"] == matching for each in tags if each.get("id") == "groups-filter")
    query = next(each["value"] or "" for each in tags if each.get("name") == "query")
    saved = post(browser, "/views", name="two", query=query)
    assert saved.status_code == 303
    assert ("depth=2" in query) != ("q=depth:2" in query)


def test_the_scripts_know_the_parameters_that_select_no_runs(browser: httpx.Client) -> None:
    new_run(browser)
    tags = Tags(browser.get("/runs").text).found
    (named,) = (attributes["data-no-filters"] for _, attributes in tags if "data-no-filters" in attributes)
    names = (named or "").split()
    assert {*names} == {"sort", "limit", "group", "columns", "view", "cursor", "unfold"}
    assert not RunQuery.parse(
        [(name, "1") for name in names if name not in {"sort", "group"}], strict=True
    ).is_filtered


def test_too_many_conditions_are_told_where_most_of_them_are(browser: httpx.Client) -> None:
    new_run(browser)
    parts = ",".join(f"~a{number}" for number in range(50))
    for title, asked, name in (
        ("Tag", {"-tag": parts, "-name": parts, "-note": parts}, "-tag"),
        ("q", {"q": f"-lr:1.. -tag:{parts}", "-name": parts, "-note": parts}, "q"),
        ("Learning rate", {name: ",".join(["1"] * 1_000) for name in ("-lr", "depth", "-seed")}, "-lr"),
    ):
        page = browser.get("/runs", params=asked)
        assert page.status_code == 200
        assert f"{title}: All filters together can have at most" in html.unescape(page.text)
        told = problem(browser.get("/runs", params=asked, headers={"Accept": "application/json"}), 422)
        assert told["errors"][0]["loc"][-1] == name


@pytest.mark.parametrize(
    ("field", "op", "value", "term"),
    [
        ("lr", "ge", "0.1", "lr>=0.1"),
        ("lr", "between", "0.01 .. 0.1", "lr:0.01..0.1"),
        ("depth", "is", "1-3", "depth:1,2,3"),
        ("depth", "not", "3", "-depth:3"),
        ("tag", "not", "my tag, b", '-tag="my tag",b'),
        ("note", "has", "two words", 'note~"two words"'),
        ("note", "unset", "", "-note:*"),
        ("status", "not", "failed", "-status:failed"),
        ("created_at", "gt", "7d", "created_at>7d"),
    ],
)
def test_the_builder_adds_a_filter_to_the_search(
    browser: httpx.Client, field: str, op: str, value: str, term: str
) -> None:
    new_run(browser)
    asked = {"q": "wide", "sort": "lr", "cursor": "", "field": field, "op": op, "value": value}
    answer = browser.get("/runs", params=asked)
    assert answer.status_code == 303
    assert dict(parse_qsl(urlsplit(answer.headers["location"]).query)) == {"q": f"wide {term}", "sort": "lr"}
    assert browser.get(answer.headers["location"]).status_code == 200


def test_the_menu_of_statuses_has_the_status_of_a_built_filter(browser: httpx.Client) -> None:
    new_run(browser)
    for value in ("failed", "failed,queued"):
        answer = browser.get("/runs", params={"q": "", "field": "status", "op": "is", "value": value})
        assert answer.headers["location"] == f"/runs?status={value}"
        assert f"<option selected>{value}</option>" in browser.get(answer.headers["location"]).text


@pytest.mark.parametrize(
    ("field", "op", "value", "words"),
    [
        ("depth", "is", "1,024", "“1,024” is ambiguous"),
        ("lr", "gt", "fast", "Lr: &#39;fast&#39; is not a number."),
        ("lr", "between", "0.1", "Expected two values, such as 0.01 and 0.1."),
        ("note", "lt", "b", "Texts have no order; choose is or contains."),
        ("lr", "has", "1", "Only texts contain others; choose is, or a comparison."),
    ],
)
def test_a_malformed_new_filter_keeps_its_fields(
    browser: httpx.Client, field: str, op: str, value: str, words: str
) -> None:
    new_run(browser)
    answer = browser.get("/runs", params={"field": field, "op": op, "value": value})
    assert answer.status_code == 200
    assert words in answer.text
    chosen = {
        attributes.get("value")
        for tag, attributes in Tags(answer.text).found
        if tag == "option" and "selected" in attributes
    }
    assert field in chosen
    assert (op in chosen) == ((field, op) not in {("note", "lt"), ("lr", "has")})
    assert f'name="value" value="{value}"' in answer.text


def test_a_chosen_field_without_scripts_offers_its_own_conditions(browser: httpx.Client) -> None:
    new_run(browser)
    found = Tags(browser.get("/runs?field=status").text).found
    offered = [
        attributes["value"]
        for tag, attributes in found
        if tag == "option" and "data-kinds" in attributes and "disabled" not in attributes
    ]
    assert offered == ["is", "not", "set", "unset"]
    assert ("select", "value") in [(tag, attributes.get("id")) for tag, attributes in found]


def test_running_runs_stand_above_queued_ones_and_those_above_ended_ones(
    site: Served, browser: httpx.Client
) -> None:
    states.add_worker(site.database)
    states.finished_run(site.database)
    states.failed_run(site.database)
    running, queued = new_run(browser), new_run(browser, depth=2)
    states.claimed(site.database)
    newest = new_run(browser, depth=3)
    assert shown(browser.get("/runs").text) == [running, newest, queued, 2, 1]
    assert shown(browser.get("/runs?sort=-id").text) == [newest, queued, running, 2, 1]
    assert site.client.get("/runs?limit=1").json()["runs"][0]["id"] == newest


def test_groups_are_unfolded_by_links(site: Served, browser: httpx.Client) -> None:
    states.add_worker(site.database)
    for seed, accuracy in enumerate((0.97, 0.98)):
        states.finished_run(site.database, accuracy, depth=2, seed=seed)
    states.failed_run(site.database, "diverged: loss became non-finite", depth=3)
    folded = browser.get("/runs?group=depth&sort=seed").text
    assert rows(folded) == 0
    assert "97.50\N{NO-BREAK SPACE}% ± 0.71" in folded
    assert "(1 diverged)" in folded
    assert "3 runs in 2 groups" in " ".join(folded.split())
    unfold = next(
        attributes["href"]
        for _, attributes in Tags(folded).found
        if attributes.get("aria-expanded") == "false"
    )
    unfolded = browser.get(unfold or "").text
    assert rows(unfolded) == 2
    assert rows(browser.get(where(unfolded, "aria-expanded", "true")).text) == 0
    assert where(folded, "aria-label", "List only 2") == "/runs?depth=2&sort=seed"


def test_groups_are_sorted_by_their_figures(site: Served, browser: httpx.Client) -> None:
    states.add_worker(site.database)
    states.finished_run(site.database, 0.97, depth=2)
    for seed in range(2):
        states.finished_run(site.database, 0.9, depth=3, seed=seed)
    page = browser.get("/runs?group=depth").text
    orders = [
        attributes["href"] or ""
        for _, attributes in Tags(page).found
        if attributes.get("data-takes-focus") in ("sort n", "sort best", "sort runs")
    ]
    assert orders == [f"/runs?group=depth&sort=-{name}" for name in ("n", "best", "runs")]
    sorted_by_best = browser.get(orders[1]).text
    heads = [attributes for tag, attributes in Tags(sorted_by_best).found if tag == "th"]
    assert [head.get("data-unit") for head in heads if head.get("aria-sort") == "descending"] == ["fraction"]
    assert "Sorted by Best run ↓" in sorted_by_best
    assert sorted_by_best.index("List only 2") < sorted_by_best.index("List only 3")
    assert where(sorted_by_best, "aria-label", "List only 2") == "/runs?depth=2"
    assert 'href="/runs.csv?"' in sorted_by_best
    assert browser.get("/runs?sort=-best&q=x").headers["location"] == "/runs?q=x"


def test_two_choices_of_a_group_become_one_parameter(browser: httpx.Client) -> None:
    new_run(browser)
    answer = browser.get("/runs?q=&group=depth&group=lr", follow_redirects=True)
    assert answer.url.query == b"group=depth,lr"
    answer = browser.get("/runs?group=colour", follow_redirects=True)
    assert answer.url.query == b""
    assert "Ignored “group”: can&#39;t group by &#39;colour&#39;" in answer.text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("deep", "&#39;deep&#39; is not a whole number"),
        (
            "1,024",
            "“1,024” is ambiguous: for one number, write 1024; for 2 values, write 1, 24.",
        ),
    ],
)
def test_an_ambiguous_filter_stays_in_its_field_and_is_not_applied(
    browser: httpx.Client, typed: str, words: str
) -> None:
    new_run(browser)
    answer = browser.get("/runs", params={"depth": typed, "sort": "-seed"})
    assert answer.status_code == 200
    assert words in answer.text
    assert f'name="depth" value="{typed}"' in answer.text
    assert "1 layer, seed 0" in answer.text
    assert 'href="/runs.csv?sort=-seed"' in answer.text
    assert removals(answer.text)[f"Depth: {typed}"] == "/runs?sort=-seed"


def test_depths_to_filter_by_are_typed_as_in_the_other_form(browser: httpx.Client) -> None:
    for depth in (1, 2, 3):
        new_run(browser, depth=depth)
    for typed, query in (("1-2", b"depth=1,2"), ("1; 3", b"depth=1,3"), ("2 3", b"depth=2,3")):
        answer = browser.get("/runs", params={"depth": typed}, follow_redirects=True)
        assert answer.url.query == query
        assert answer.text.count("<tr data-run=") == 2
    assert browser.get("/runs?depth=1,2").status_code == 200


def test_another_malformed_parameter_is_ignored_with_a_message(browser: httpx.Client) -> None:
    new_run(browser)
    answer = browser.get("/runs?limit=many&sort=-seed", follow_redirects=True)
    assert answer.url.query == b"sort=-seed"
    assert "Ignored “limit”" in answer.text


def test_sorting_and_pages_keep_the_filter(browser: httpx.Client) -> None:
    for seed in range(3):
        new_run(browser, seed=seed)
    first = browser.get("/runs?depth=1&limit=2&sort=seed").text
    following = next(
        attributes["href"] for tag, attributes in Tags(first).found if attributes.get("rel") == "next"
    )
    assert following is not None
    second = browser.get(following).text
    assert "1 layer, seed 2" in second
    assert "1 layer, seed 0" not in second
    assert "depth=1&amp;limit=2&amp;sort=-seed" in second


def test_a_later_page_leads_back(browser: httpx.Client) -> None:
    for seed in range(5):
        new_run(browser, seed=seed)
    first = browser.get("/runs?limit=2&sort=seed").text
    second = browser.get(where(first, "rel", "next")).text
    third = browser.get(where(second, "rel", "next")).text
    assert "1 layer, seed 4" in third
    back = browser.get(where(third, "rel", "prev")).text
    assert "1 layer, seed 2" in back
    assert "1 layer, seed 3" in back
    assert "1 layer, seed 0" in browser.get(where(back, "rel", "prev")).text


def test_every_order_has_a_page(browser: httpx.Client) -> None:
    new_run(browser)
    for name in SORTABLE:
        for order in (name, f"-{name}"):
            answer = browser.get(f"/runs?sort={order}")
            assert answer.status_code == 200, order
            value = "" if order == DEFAULT_SORT else order
            assert f'value="{value}" selected' in answer.text


def test_the_menu_shows_whether_archived_ones_are_listed_in_any_case(browser: httpx.Client) -> None:
    new_run(browser)
    for text, value in (("ALL", "all"), ("True", "true"), ("False", "")):
        page = browser.get("/runs", params={"archived": text})
        assert page.status_code == 200
        menu = re.search(r'<select id="archived".*?</select>', page.text, re.DOTALL)
        assert menu
        assert re.findall(r'<option value="(\w*)" selected>', menu[0]) == ([value] if value else [])
