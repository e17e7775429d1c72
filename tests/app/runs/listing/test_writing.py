"""Query strings that select runs."""

from typing import Any

import pytest

from app.runs.listing import writing
from app.runs.listing.query import NO_FILTERS, RunQuery


@pytest.mark.parametrize(
    ("parameters", "key", "text"),
    [
        ([("q", "lr>0.1"), ("status", " ")], None, "q=lr%3E0.1&archived=false"),
        ([("archived", "all"), *((name, "1") for name in NO_FILTERS)], None, "archived=all"),
        ([("depth", "1..3")], {"depth": 2, "name": "a,b"}, "depth=2&name=%22a,b%22&archived=false"),
        ([], {"device_used": None, "archived": True}, "-device_used=*&archived=true"),
        ([], {"lr": 0.1}, "lr=0.1&archived=false"),
    ],
)
def test_a_filter_selects_the_runs_of_a_query_or_of_one_of_its_groups(
    parameters: list[tuple[str, str]], key: dict[str, Any] | None, text: str
) -> None:
    assert writing.filter_of(parameters, key) == text
    assert RunQuery.parse(writing.pairs_of(text), strict=True).is_filtered


def test_a_query_string_is_read_with_or_without_its_question_mark() -> None:
    assert writing.pairs_of("?q=a+b&status=") == writing.pairs_of("q=a%20b&status=")
    assert writing.pairs_of("?q=a+b&status=") == [("q", "a b"), ("status", "")]


@pytest.mark.parametrize(
    ("text", "value", "searched"),
    [
        ("mnist", "mnist", "mnist"),
        ("my set", "my set", '"my set"'),
        ("a,b", '"a,b"', '"a,b"'),
        ('say "x"', r'"say \"x\""', r'"say \"x\""'),
        ("~x", '"~x"', '"~x"'),
        ("", '""', '""'),
    ],
)
def test_texts_are_quoted_where_they_would_be_read_differently(text: str, value: str, searched: str) -> None:
    assert writing.quoted(text) == value
    assert writing.quoted(text, in_search=True) == searched
