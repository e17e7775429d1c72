"""Errors of queries."""

from app.runs.listing.errors import QueryError


def test_an_error_names_its_parameter_and_the_part_of_the_search() -> None:
    error = QueryError("q", "there is no field", (3, 8))
    assert (str(error), error.parameter, error.part) == ("there is no field", "q", (3, 8))
    assert QueryError("lr", "not a number").part is None
