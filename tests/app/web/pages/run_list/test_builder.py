"""The filter builder: what each kind of field offers, and the filters that it makes."""

import pytest
from starlette.datastructures import QueryParams

from app.runs.listing.fields import FIELDS
from app.runs.listing.grammar import parse
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.web.pages.run_list import builder

VALUES = {
    "whole": "3",
    "number": "0.1",
    "fraction": "97%",
    "duration": "5min",
    "time": "2026-01-31",
    "flag": "true",
    "choice": "",
    "word": "some word",
    "text": "some text",
}
"""A valid value of each kind; choices have their own."""


def made(**texts: str) -> tuple[str, str]:
    """The filter, and what is wrong."""
    term, building = builder.build(QueryParams(texts))
    return term, building.error


def test_a_builder_without_a_value_adds_nothing() -> None:
    term, building = builder.build(QueryParams([("field", "lr"), ("op", "gt"), ("value", " ")]))
    assert (term, building.field, building.error) == ("", "lr", "")
    assert made(field="lr", op="set") == ("lr:*", "")


@pytest.mark.parametrize("name", FIELDS)
def test_every_condition_that_a_field_offers_makes_a_filter_of_it(name: str) -> None:
    option = builder.OPTIONS[name]
    offered = [each for each in builder.OPERATORS if option.kind in each.kinds]
    assert len({each.name for each in offered}) == len(offered) > 0
    value = VALUES[option.kind] or (FIELDS[name].choices or ("cpu",))[0]
    for each in offered:
        ends = {"value": value, "to": value} if each.values == 2 else {"value": value} if each.values else {}
        term, error = made(field=name, op=each.name, **ends)
        assert error == ""
        assert [found.field for found in parse(term)] == [name]


def test_fields_are_offered_by_subject() -> None:
    names = {
        subject: [option.name for option in options]
        for subject, options in builder.OPTIONS_BY_SUBJECT.items()
    }
    assert sorted(name for offered in names.values() for name in offered) == sorted(builder.OPTIONS)
    assert {"study", "tag", "status", "device_used", "epochs_done"} <= {*names["Run"]}
    assert {*names["Hyperparameters"]} == {*HYPERPARAMETERS}
    assert {"test_accuracy", "train_loss", "best_epoch"} <= {*names["Results"]}
    assert names["Times"] == ["created_at", "started_at", "finished_at", "train_seconds", "eta_seconds"]


def test_every_kind_has_a_hint_or_a_list() -> None:
    for option in builder.OPTIONS.values():
        assert (option.kind in builder.HINTS) != option.is_closed
    assert {name for name, option in builder.OPTIONS.items() if option.is_closed} >= {"status", "optimizer"}


@pytest.mark.parametrize(
    ("texts", "term"),
    [
        ({"field": "created_at", "op": "last", "value": "7"}, "created_at:7d"),
        ({"field": "created_at", "op": "last", "value": "12 h"}, "created_at:12h"),
        ({"field": "created_at", "op": "gt", "value": "7"}, "created_at>7d"),
        ({"field": "created_at", "op": "between", "value": "14", "to": "7"}, "created_at:14d..7d"),
        ({"field": "lr", "op": "between", "value": "0.01", "to": "0.1"}, "lr:0.01..0.1"),
        ({"field": "lr", "op": "between", "value": "0.01 .. 0.1"}, "lr:0.01..0.1"),
        ({"field": "depth", "op": "", "value": "2"}, "depth:2"),
    ],
)
def test_ranges_and_ages_become_filters(texts: dict[str, str], term: str) -> None:
    assert made(**texts) == (term, "")


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"field": "lr", "op": "between", "value": "0.01"}, "Expected two values, such as 0.01 and 0.1."),
        ({"field": "lr", "op": "between", "to": "0.1"}, "Expected two values, such as 0.01 and 0.1."),
        ({"field": "lr", "op": "last", "value": "7"}, "Only times have an age; choose another condition."),
    ],
)
def test_an_incomplete_condition_is_told(texts: dict[str, str], words: str) -> None:
    assert made(**texts) == ("", words)
