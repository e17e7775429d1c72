"""Filters of an address: their chips, and malformed ones."""

import pytest
from starlette.datastructures import QueryParams

from app.web.pages.run_list import filters


def test_malformed_parts_of_a_search_are_told_and_left_out() -> None:
    found = filters.read(QueryParams([("q", "colour:red lr>0.1 hue:2"), ("limit", "9999")]), {})
    assert [chip.words for chip in found.chips if chip.problem] == ["colour:red", "hue:2"]
    assert [term.field for term in found.query.terms] == ["lr"]
    assert [name for name, _ in found.ignored] == ["limit"]
    assert dict(found.understood)["q"].split() == ["lr>0.1"]
    assert found.chips[0].without == "/runs?q=lr%3E0.1+hue:2&limit=9999"


def test_the_address_of_the_page_has_no_empty_parameters() -> None:
    assert (
        filters.address([("q", "a b"), ("status", ""), ("depth", "1,2"), ("op", "is")])
        == "/runs?q=a+b&depth=1,2"
    )
    assert filters.address([]) == "/runs"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("created:7d", "Created: last 7 days"),
        ("created_at>1h", "Created after 1 hour ago"),
        ("lr:0.01..0.1", "Learning rate: 0.01 to 0.1"),
        ("-lr:0.1,0.2", "Learning rate is not: 0.1, 0.2"),
        ("test_accuracy>=0.97", "Test accuracy ≥ 0.97"),
        ("study:5", "Study: first"),
        ("study:6", "Study: 6"),
        ("note~rough", "Note contains rough"),
        ("-tag:*", "Tag is not set"),
    ],
)
def test_a_typed_filter_is_said_in_words_and_knows_its_place(typed: str, words: str) -> None:
    chips = filters.read(QueryParams([("q", f"deep {typed}")]), {}, {5: "first"}).chips
    assert [chip.words for chip in chips] == ["“deep”", words]
    assert chips[1].edits == f"q 5 {5 + len(typed)}"


@pytest.mark.parametrize(
    ("typed", "value", "rest"),
    [
        ("archived:true lr:0.1", "true", "lr:0.1"),
        ("lr:0.1 archived:all deep", "all", "lr:0.1 deep"),
        ("-archived:true", "false", ""),
        ("hue:3 archived:true", "true", "hue:3"),
        ("archived", "", "archived"),
        ("archived:maybe", "", "archived:maybe"),
    ],
)
def test_archived_is_taken_out_of_a_search(typed: str, value: str, rest: str) -> None:
    assert filters.archived_typed(typed) == (value, rest)


@pytest.mark.parametrize(
    ("typed", "value", "rest"),
    [
        ("status:failed", "failed", ""),
        ("lr:0.1 status:failed,queued deep", "failed,queued", "lr:0.1 deep"),
        ("hue:3 status:failed", "failed", "hue:3"),
        ("-status:failed", "", "-status:failed"),
        ("status:~fail", "", "status:~fail"),
        ("status:failed status:queued", "", "status:failed status:queued"),
        ("status:soon", "", "status:soon"),
    ],
)
def test_a_status_is_taken_out_of_a_search(typed: str, value: str, rest: str) -> None:
    """So that the menu of statuses and the chip agree."""
    assert filters.status_typed(typed) == (value, rest)
