"""Filters of an address: their chips, and new ones from the builder."""

from starlette.datastructures import QueryParams

from app.web.pages.run_list import filters


def test_malformed_parts_of_a_search_are_told_and_left_out() -> None:
    found = filters.read(QueryParams([("q", "colour:red lr>0.1 hue:2"), ("limit", "9999")]), {})
    assert [chip.words for chip in found.chips if chip.problem] == ["colour:red", "hue:2"]
    assert [term.field for term in found.query.terms] == ["lr"]
    assert [name for name, _ in found.ignored] == ["limit"]
    assert dict(found.understood)["q"].split() == ["lr>0.1"]
    assert found.chips[0].without == "/runs?q=lr%3E0.1+hue:2&limit=9999"


def test_a_builder_without_a_value_adds_nothing() -> None:
    term, building = filters.build(QueryParams([("field", "lr"), ("op", "gt"), ("value", " ")]))
    assert (term, building.field, building.error) == ("", "lr", "")
    assert filters.build(QueryParams([("field", "lr"), ("op", "set")]))[0] == "lr:*"


def test_the_address_of_the_page_has_no_empty_parameters() -> None:
    assert (
        filters.address([("q", "a b"), ("status", ""), ("depth", "1,2"), ("op", "is")])
        == "/runs?q=a+b&depth=1,2"
    )
    assert filters.address([]) == "/runs"
