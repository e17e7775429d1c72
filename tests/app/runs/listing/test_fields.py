"""The fields of the list: which there are, how they are called and what people type for them."""

import pytest

from app.runs.listing import fields
from app.runs.listing.fields import FIELDS, GROUP_ORDERS, GROUPABLE, SORTABLE
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.run_columns import COLUMNS
from app.schemas.run_fields import StoredFields


def test_every_stored_field_is_a_filter_and_an_order() -> None:
    stored = {*StoredFields.model_fields, *HYPERPARAMETERS} - {"tags", "archived"}
    assert stored <= {*FIELDS}
    assert stored | {"archived"} <= {*SORTABLE}
    assert {*HYPERPARAMETERS, "status", "device_used"} <= {*GROUPABLE}


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("lr", "lr"),
        ("LR", "lr"),
        ("learning_rate", "lr"),
        ("layers", "depth"),
        ("duration", "train_seconds"),
        ("created", "created_at"),
    ],
)
def test_fields_have_aliases_with_one_meaning(typed: str, name: str) -> None:
    found = fields.named(typed)
    assert found
    assert found.name == name


def test_fields_are_called_like_their_columns() -> None:
    for name, field in FIELDS.items():
        assert name not in COLUMNS or field.label == COLUMNS[name].label
    labels = [fields.label_of(name) for name in {*FIELDS, *SORTABLE, *GROUPABLE}] + [*GROUP_ORDERS.values()]
    assert len(set(labels)) == len(labels)
    assert [FIELDS[name].label for name in ("device", "device_used", "epochs", "epochs_done")] == [
        "Requested device",
        "Device",
        "Planned epochs",
        "Epochs",
    ]


def test_an_ambiguous_name_is_no_alias_but_has_suggestions() -> None:
    assert fields.named("acc") is None
    assert {"test_accuracy", "train_accuracy", "best_test_accuracy"} <= {*fields.resembling("acc")}
    assert fields.resembling("tset_accuracy")[0] == "test_accuracy"
    assert fields.resembling("qqqq") == []


def test_kinds_follow_from_types() -> None:
    kinds = {name: FIELDS[name].kind for name in ("depth", "lr", "test_accuracy", "train_seconds", "status")}
    assert kinds == {
        "depth": "whole",
        "lr": "number",
        "test_accuracy": "fraction",
        "train_seconds": "duration",
        "status": "choice",
    }
    assert [FIELDS[name].kind for name in ("started_at", "note", "dataset", "cancel_requested")] == [
        "time",
        "text",
        "word",
        "flag",
    ]
    assert FIELDS["lr"].label == "Learning rate"
