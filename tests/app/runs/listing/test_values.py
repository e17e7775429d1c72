"""Values of filters: lists, ranges, comparisons, times and durations."""

from datetime import UTC, datetime

import pytest

from app.runs.listing import values
from app.runs.listing.errors import QueryError
from app.runs.listing.fields import FIELDS
from app.runs.listing.values import Ago, Range, Values

DAY = datetime(2026, 11, 20, tzinfo=UTC).timestamp()


def parse(name: str, text: str, *, loose: bool = False) -> Values:
    return values.parse(name, FIELDS[name], text, loose=loose)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("depth", "3, 4", Values(exact=(3, 4))),
        ("depth", "1-3,5", Values(exact=(5,), ranges=(Range(1, 3),))),
        ("priority", "-3", Values(exact=(-3,))),
        ("priority", "-3..-1", Values(ranges=(Range(-3, -1),))),
        ("lr", "0.01..0.1", Values(ranges=(Range(0.01, 0.1),))),
        ("lr", ">0.1", Values(ranges=(Range(low=0.1, low_open=True),))),
        ("lr", ">= 0.1", Values(ranges=(Range(low=0.1),))),
        ("lr", "<1e-3,0.5..", Values(ranges=(Range(high=1e-3, high_open=True), Range(low=0.5)))),
        ("lr", "..0.5", Values(ranges=(Range(high=0.5),))),
        ("lr", "*", Values(is_set=True)),
        ("test_accuracy", ">97%", Values(ranges=(Range(low=0.97, low_open=True),))),
        ("test_accuracy", "98.26%", Values(exact=(0.9826,))),
        ("train_seconds", "<=5min", Values(ranges=(Range(high=300.0),))),
        ("train_seconds", "1h30m", Values(exact=(5400.0,))),
        ("train_seconds", "90", Values(exact=(90.0,))),
        ("cancel_requested", "true", Values(exact=(1,))),
        ("status", "Failed,running", Values(exact=("failed", "running"))),
        ("created_at", "2026-11-20", Values(ranges=(Range(DAY, DAY + 86_400, high_open=True),))),
        ("created_at", ">2026-11-20", Values(ranges=(Range(low=DAY + 86_400),))),
        ("created_at", "<=2026-11-20", Values(ranges=(Range(high=DAY + 86_400, high_open=True),))),
        ("created_at", "<2026-11-20", Values(ranges=(Range(high=DAY, high_open=True),))),
        ("created_at", "2026-11-20T12:00Z", Values(exact=(DAY + 43_200,))),
        ("created_at", "7d", Values(ranges=(Range(low=Ago(604_800)),))),
        ("created_at", "<12h", Values(ranges=(Range(high=Ago(43_200), high_open=True),))),
        ("created_at", "14d..7d", Values(ranges=(Range(Ago(1_209_600), Ago(604_800)),))),
        (
            "created_at",
            "yesterday",
            Values(ranges=(Range(Ago(86_400, of_day=True), Ago(0, of_day=True), high_open=True),)),
        ),
        ("dataset", "mnist,my set", Values(exact=("mnist", "my set", "mnist,my set"))),
        ("tag", "a, b", Values(exact=("a", "b"))),
        ("name", '"a, b"', Values(exact=("a, b", '"a, b"'))),
        ("note", "~two words", Values(parts=("two words",))),
        ("note", '~"a, b",c', Values(exact=("c", '~"a, b",c'), parts=("a, b",))),
        ("note", '""', Values(exact=("", '""'))),
    ],
)
def test_values(name: str, text: str, expected: Values) -> None:
    assert parse(name, text) == expected


def test_texts_of_a_search_match_by_their_parts_unless_they_are_words() -> None:
    assert parse("note", "two, three", loose=True) == Values(parts=("two", "three"))
    assert parse("dataset", "mnist", loose=True) == Values(exact=("mnist",))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("depth", "x", "'x' is not a whole number"),
        ("lr", "..", "a range needs a start or an end, such as 0.01..0.1"),
        ("lr", "1..0.1", "the range 1..0.1 is empty; write the smaller first"),
        ("test_accuracy", ">97", "accuracies are fractions from 0 to 1; write 0.97 or 97%"),
        ("train_seconds", "5 parsecs", "expected seconds, or one like 5min or 1h30min"),
        ("created_at", "soon", "expected a date like 2026-01-31"),
        ("created_at", "2026-13-01", "is not a valid time"),
        ("status", ">failed", "> needs a number or a time; expected queued"),
        ("status", "done", "'done' is not one of queued"),
        ("tag", ",".join(map(str, range(51))), "at most 50 values are allowed here"),
        ("lr", ",".join(["1.."] * 51), "at most 50 values are allowed here"),
        ("depth", ",".join(["1"] * 1001), "at most 1,000 values are allowed, not 1,001"),
    ],
)
def test_a_malformed_value_is_rejected_with_what_to_write(name: str, text: str, words: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(name, text)
    assert words in str(caught.value)
    assert caught.value.parameter == name


def test_an_age_is_relative_to_now_and_a_day_to_midnight() -> None:
    now = DAY + 5000.0
    assert Ago(1000).at(now) == DAY + 4000
    assert Ago(86_400, of_day=True).at(now) == DAY - 86_400


def test_whole_numbers_are_separated_by_commas() -> None:
    assert values.whole_numbers("runs", "3, 1,") == [3, 1]
    with pytest.raises(QueryError, match="is not a whole number"):
        values.whole_numbers("runs", "1;2")
