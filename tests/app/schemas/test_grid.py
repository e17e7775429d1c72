"""Lists and ranges as people type them."""

import pytest

from app.schemas.grid import GridError, parse
from app.schemas.requests import MAX_GRID


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
        ("device", "cpu, cuda", ["cpu", "cuda"]),
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
        ("lr", "0.1-0.5", "not a number"),
        ("lr", "0,05x", "not a number"),
    ],
)
def test_an_invalid_text_is_refused_with_a_reason(name: str, text: str, message: str) -> None:
    with pytest.raises(GridError, match=message) as caught:
        parse(name, text)
    assert len(str(caught.value)) < 200


def test_the_longest_range_is_as_long_as_the_largest_grid() -> None:
    assert len(parse("seed", "1-1000")) == MAX_GRID
