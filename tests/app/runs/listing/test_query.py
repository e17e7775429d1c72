"""Queries from the parameters of a URL."""

import pytest

from app.runs.listing.errors import QueryError
from app.runs.listing.grammar import Term
from app.runs.listing.query import PARAMETERS, RunQuery, described
from app.runs.listing.values import Range, Values


def parse(*pairs: tuple[str, str]) -> RunQuery:
    return RunQuery.parse(pairs, strict=True)


def test_a_parameter_means_the_same_as_in_the_search() -> None:
    by_parameters = parse(("lr", "0.01..0.1"), ("-tag", "x"), ("status", "failed"), ("depth", ">3"))
    assert by_parameters.terms == parse(("q", "lr:0.01..0.1 -tag:x status:failed depth>3")).terms
    assert by_parameters.terms[0] == Term("lr", Values(ranges=(Range(0.01, 0.1),)))


def test_archived_can_be_searched_for() -> None:
    assert parse(("q", "archived:true")).archived == "true"
    assert parse(("q", "-archived:true")).archived == "false"
    assert parse(("q", "archived:all")).archived == "all"
    assert parse(("q", "archived:all")).terms == ()


def test_a_query_is_filtered_if_a_parameter_selects_runs() -> None:
    assert not parse(("sort", "lr"), ("limit", "5"), ("group", "depth")).is_filtered
    assert parse(("archived", "all")).is_filtered
    assert parse(("q", "x")).is_filtered


def test_groups_are_one_or_two_fields_or_their_aliases() -> None:
    assert parse(("group", "depth,learning_rate")).group == ("depth", "lr")
    for text in ("note", "depth,lr,seed", "tags", "created_at", "colour"):
        with pytest.raises(QueryError) as caught:
            parse(("group", text))
        assert caught.value.parameter == "group"


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([("lr>", "0.1")], "write a comparison after the equals sign, such as lr=>0.5"),
        ([("colour", "red")], "unknown parameter; expected one of study, tag"),
        ([("lr", "1"), ("lr", "2")], "combine filters in the parameter q"),
        (
            [*((name, ",".join(["1"] * 999)) for name in ("id", "seed")), ("depth", "1,2,3")],
            "2,000 values",
        ),
        ([(name, ",".join(["1.."] * 50)) for name in ("lr", "depth", "seed", "width")], "at most 150"),
    ],
)
def test_unknown_repeated_and_excessive_parameters_are_rejected(
    pairs: list[tuple[str, str]], words: str
) -> None:
    with pytest.raises(QueryError) as caught:
        parse(*pairs)
    assert words in str(caught.value)


def test_parameters_of_the_page_are_accepted() -> None:
    assert parse(("columns", "name,lr"), ("view", "3"), ("unfold", "a"), ("unfold", "b")) == RunQuery()


def test_every_parameter_is_described() -> None:
    assert all(described(name) for name in PARAMETERS)
