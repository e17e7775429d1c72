"""The search syntax: filters between texts."""

import pytest

from app.runs.listing import grammar
from app.runs.listing.errors import QueryError
from app.runs.listing.grammar import Term
from app.runs.listing.values import Range, Values


def text(words: str, *, negated: bool = False) -> Term:
    return Term("", Values(parts=(words,)), negated)


def exactly(name: str, *values: object, negated: bool = False) -> Term:
    return Term(name, Values(exact=values), negated)


@pytest.mark.parametrize(
    ("search", "terms"),
    [
        ("", []),
        ("2 layers", [text("2 layers")]),
        ('"2 layers" "lr 0.1"', [text("2 layers"), text("lr 0.1")]),
        ("status:failed depth:3,4", [exactly("status", "failed"), exactly("depth", 3, 4)]),
        ("depth:3, 4 wide", [exactly("depth", 3, 4), text("wide")]),
        ("-tag:x", [exactly("tag", "x", negated=True)]),
        ("tag!=x", [exactly("tag", "x", negated=True)]),
        ("-draft", [text("draft", negated=True)]),
        ('-"a b"', [text("a b", negated=True)]),
        ("-5", [text("-5")]),
        ("lr 0.01..0.1", [Term("lr", Values(ranges=(Range(0.01, 0.1),)))]),
        ("seed 3", [text("seed 3")]),
        ("lr > 0.1", [Term("lr", Values(ranges=(Range(low=0.1, low_open=True),)))]),
        ("lr:>=0.1", [Term("lr", Values(ranges=(Range(low=0.1),)))]),
        ("learning_rate>=0.1", [Term("lr", Values(ranges=(Range(low=0.1),)))]),
        ('note:"two words" free text', [Term("note", Values(parts=("two words",))), text("free text")]),
        ('note="two words"', [exactly("note", "two words", '"two words"')]),
        ("dataset~mni", [Term("dataset", Values(parts=("mni",)))]),
        ("-note:*", [Term("note", Values(is_set=True), negated=True)]),
        ("lr> tag: ", []),
        ("status: failed", [exactly("status", "failed")]),
        ("status: depth:3", [exactly("depth", 3)]),
        ("archived:all", [exactly("archived", "all")]),
        ('note:"unfinished te', [Term("note", Values(parts=("unfinished te",)))]),
        ('"', []),
        ("http://x", [text("http://x")]),
        (", % 50%", [text(", % 50%")]),
        (
            'test_accuracy>0.97 lr 0.01..0.1 -tag:x status:failed depth:3,4 note:"two words" free text',
            [
                Term("test_accuracy", Values(ranges=(Range(low=0.97, low_open=True),))),
                Term("lr", Values(ranges=(Range(0.01, 0.1),))),
                exactly("tag", "x", negated=True),
                exactly("status", "failed"),
                exactly("depth", 3, 4),
                Term("note", Values(parts=("two words",))),
                text("free text"),
            ],
        ),
    ],
)
def test_a_search_is_parsed_into_terms(search: str, terms: list[Term]) -> None:
    assert grammar.parse(search) == terms


def test_each_term_knows_its_place() -> None:
    search = "  some words  lr>0.1   -tag:x "
    places = [search[slice(*term.place)] for term in grammar.parse(search)]
    assert places == ["some words", "lr>0.1", "-tag:x"]


@pytest.mark.parametrize(
    ("search", "words", "part"),
    [
        ("ok acc>0.9", "there is no field 'acc'; did you mean ", "acc>0.9"),
        (
            "colour:red x",
            "there is no field 'colour'; to search for this text, put it in quotes",
            "colour:red",
        ),
        ("depth:x lr:1", "depth: 'x' is not a whole number", "depth:x"),
        ("name>b", "name: texts have no order; write name:b", "name>b"),
        ("archived:yes", "archived: 'yes' is not one of false, true, all", "archived:yes"),
    ],
)
def test_an_error_says_what_to_type_instead_and_where(search: str, words: str, part: str) -> None:
    with pytest.raises(QueryError) as caught:
        grammar.parse(search)
    assert words in str(caught.value)
    assert caught.value.parameter == "q"
    assert caught.value.part is not None
    assert search[slice(*caught.value.part)] == part


def test_a_search_is_limited() -> None:
    with pytest.raises(QueryError, match="at most 50 filters and texts"):
        grammar.parse('"a" ' * 51)
    with pytest.raises(QueryError, match="at most 10,000 characters"):
        grammar.parse("x" * 10_001)
