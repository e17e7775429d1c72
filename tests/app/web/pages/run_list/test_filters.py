"""Filters of an address: their chips, and malformed ones."""

import pytest
from starlette.datastructures import QueryParams

from app.runs.listing.errors import QueryError
from app.runs.listing.fields import FIELDS, Field
from app.runs.listing.query import RunQuery
from app.web.pages.run_list import filters


def test_malformed_parts_of_a_search_are_told_and_left_out() -> None:
    found = filters.read(QueryParams([("q", "colour:red lr>0.1 hue:2"), ("limit", "9999")]), {})
    assert [chip.words for chip in found.chips if chip.problem] == ["colour:red", "hue:2"]
    assert [term.field for term in found.query.terms] == ["lr"]
    assert [name for name, _ in found.ignored] == ["limit"]
    assert dict(found.understood)["q"].split() == ["lr>0.1"]
    assert found.chips[0].without == "/runs?q=lr%3E0.1+hue:2&limit=9999"


def excessive(field: Field) -> str:
    """As many conditions as one filter may have, or if a field has none, as many values."""
    if field.kind in ("flag", "choice"):
        return ",".join([field.choices[0] if field.choices else "true"] * 1_000)
    value = "~a" if field.kind in ("word", "text") else "7d" if field.kind == "time" else "0.."
    return ",".join([value] * 50)


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_too_many_conditions_are_told_at_the_filter_that_has_the_most(field: Field, sign: str) -> None:
    names = [field.name, *(name for name in ("lr", "depth", "width", "seed") if name != field.name)]
    asked = {f"{sign}{name}": excessive(FIELDS[name]) for name in names}
    if field.kind in ("flag", "choice"):
        asked |= dict.fromkeys((f"{sign}id", f"{sign}study"), ",".join(["1"] * 1_000))
    with pytest.raises(QueryError) as caught:
        RunQuery.parse(asked.items(), strict=True)
    assert caught.value.parameter == f"{sign}{field.name}"
    found = filters.read(QueryParams(asked), {})
    assert found.problems[0].startswith(f"{field.label}: All filters together can have at most")
    assert len(found.query.terms) + len(found.problems) == len(asked)

    typed = " ".join(f"{sign}{name}:{excessive(FIELDS[name])[:399]}" for name in (*names[1:], *names[1:]))
    typed += f" {sign}{field.name}:{excessive(field).split(',')[0]}"
    with pytest.raises(QueryError) as caught:
        RunQuery.parse([("q", typed)], strict=True)
    assert caught.value.parameter == "q"
    found = filters.read(QueryParams([("q", typed), (f"{sign}id", "1")]), {})
    assert found.problems[0].startswith("q: All filters together can have at most")
    assert [term.field for term in found.query.terms] == ["id"]


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
