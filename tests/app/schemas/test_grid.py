"""Lists and ranges as people type them."""

import re

import pytest

from app.schemas.grid import GridError, parse
from app.schemas.studies import MAX_GRID


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("depth", "3", [3]),
        ("depth", " 3 ", [3]),
        ("depth", "1-5", [1, 2, 3, 4, 5]),
        ("depth", "1 - 3", [1, 2, 3]),
        ("depth", "1..3", [1, 2, 3]),
        ("depth", "1,3, 5", [1, 3, 5]),
        ("depth", "1 3 5", [1, 3, 5]),
        ("depth", "1-2,5", [1, 2, 5]),
        ("depth", "2-2", [2]),
        ("depth", "3,", [3]),
        ("depth", "-1", [-1]),  # its bound is the request's to name
        ("seed", "0-100:20", [0, 20, 40, 60, 80, 100]),
        ("seed", "0-5 : 2", [0, 2, 4]),
        ("seed", "4294967295", [2**32 - 1]),
        ("lr", "0.01, 0.05", [0.01, 0.05]),
        ("lr", "1e-3 .5 1", [0.001, 0.5, 1.0]),
        ("lr", "5e-2", [0.05]),
        ("epochs", "10-50/10", [10, 20, 30, 40, 50]),
        ("epochs", "10 .. 45 / 10, 7", [10, 20, 30, 40, 7]),
        ("lr", "0.1-0.5/0.1", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("lr", "0.01..0.1/0.03", [0.01, 0.04, 0.07, 0.1]),
        ("lr", ".1 - .2 / .05", [0.1, 0.15, 0.2]),
        ("lr", "1e-4-1e-3:3e-4", [0.0001, 0.0004, 0.0007, 0.001]),
        ("lr", "0.001-0.1 log 5", [0.001, 0.00316, 0.01, 0.0316, 0.1]),
        ("lr", "1e-4..1e-1 LOG 4, 0.5", [0.0001, 0.001, 0.01, 0.1, 0.5]),
        ("lr", "0.1-0.8log4 1", [0.1, 0.2, 0.4, 0.8, 1.0]),
        ("lr", "1-1.001 log 3", [1.0, 1.0005, 1.001]),
        ("lr", "0.0123456-1 log 2", [0.0123456, 1.0]),
        ("batch_size", "64-1024 log 5", [64, 128, 256, 512, 1024]),
        ("epochs", "1-4 log 9", [1, 2, 3, 4]),
        ("device", "cpu, cuda", ["cpu", "cuda"]),
        ("dataset", "mnist log 5", ["mnist", "log", "5"]),
    ],
)
def test_lists_and_ranges_are_parsed(name: str, text: str, values: list[object]) -> None:
    assert parse(name, text) == values
    assert [type(value) for value in parse(name, text)] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("depth", "", "a value is needed"),
        ("depth", " , ", "a value is needed"),
        ("depth", "three", "not a whole number"),
        ("depth", "1.5", "not a whole number"),
        ("depth", "٣", "not a whole number"),
        ("depth", "9" * 5000, "not a whole number"),
        ("depth", "5-1", "empty range"),
        ("depth", "1-5:0", "empty range"),
        ("depth", "1-", "not a whole number"),
        ("seed", "0-1000", "more than 1,000 values"),
        ("seed", f"0-{'9' * 5000}", "not a whole number"),
        ("lr", "fast", "not a number"),
        ("lr", "nan", "not a number"),
        ("lr", "inf", "not a number"),
        ("lr", "1e999", "not a number"),
        ("lr", "0.1-0.5", "needs a step, as in 0.1-0.5/0.1, or a count, as in 0.001-0.1 log 5"),
        ("lr", "0.1-0.5 log", "'0.1-0.5 log' needs the number of values"),
        ("depth", "1-5 log", "needs the number of values"),
        ("lr", "0-1 log 3", "must start above 0"),
        ("lr", "1-0.1 log 3", "empty range"),
        ("lr", "0.1-1 log 1", "has 1 values; from 2 to 1,000 are allowed"),
        ("lr", "0.1-1 log 1001", "from 2 to 1,000 are allowed"),
        ("lr", "1-1.0000000000000002 log 3", "fewer than 3 different values"),
        ("lr", "0.5-0.1/0.1", "empty range"),
        ("lr", "0.1-0.5/0", "empty range"),
        ("lr", "0-1/0.001", "more than 1,000 values"),
        ("lr", "0-1/1e-400", "more than 1,000 values"),
        ("lr", "0.1-1e999/1", "not a number"),
        ("depth", "1-5/0.5", "the step of '1-5/0.5' is not a whole number"),
        ("lr", "0,05x", "not a number"),
    ],
)
def test_an_invalid_text_is_refused_with_a_reason(name: str, text: str, message: str) -> None:
    with pytest.raises(GridError, match=re.escape(message)) as caught:
        parse(name, text)
    assert len(str(caught.value)) < 200


def test_the_longest_range_is_as_long_as_the_largest_grid() -> None:
    assert len(parse("seed", "1-1000")) == MAX_GRID
