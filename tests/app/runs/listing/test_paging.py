"""The order and the size of a page."""

import pytest

from app.runs.listing import paging
from app.runs.listing.errors import QueryError


def test_a_field_is_an_ascending_order_and_with_a_sign_a_descending_one() -> None:
    assert [paging.order("sort", text, ("id", "name")) for text in ("id", "-name")] == ["id", "-name"]


@pytest.mark.parametrize("text", ["depth", "--id", "-", "id,name"])
def test_an_unknown_order_names_the_known_ones(text: str) -> None:
    with pytest.raises(QueryError, match="expected one of id, name; prefix with - to sort in") as caught:
        paging.order("sort", text, ("id", "name"))
    assert caught.value.parameter == "sort"


def test_a_page_has_1_to_500_entries() -> None:
    assert [paging.limit("limit", text) for text in ("1", "500")] == [1, 500]
    for text in ("0", "501", "-1", "many", "1.0"):
        with pytest.raises(QueryError):
            paging.limit("limit", text)
