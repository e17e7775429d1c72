"""Columns of tables of runs: one for each declared field, with a kind and a label."""

from app.schemas.run_columns import COLUMNS, DEFAULT_COLUMNS, LOSS_CURVE
from app.schemas.runs import RunOut


def test_every_field_of_a_run_is_a_column() -> None:
    assert set(COLUMNS) == set(RunOut.model_fields) | {LOSS_CURVE}
    assert next(iter(COLUMNS)) == "name"
    assert set(DEFAULT_COLUMNS) <= set(COLUMNS)


def test_kinds_and_labels_follow_from_the_declarations() -> None:
    kinds = {name: column.kind for name, column in COLUMNS.items()}
    assert [kinds[name] for name in ("best_test_accuracy", "test_loss", "eta_seconds", "started_at")] == [
        "share",
        "loss",
        "duration",
        "time",
    ]
    assert [kinds[name] for name in ("depth", "lr", "archived", "tags", "status", "best_epoch")] == [
        "count",
        "number",
        "flag",
        "list",
        "text",
        "count",
    ]
    assert COLUMNS["lr"].label == "Learning rate"
    assert COLUMNS["best_epoch"].label == "Best epoch"
    assert COLUMNS["best_epoch"].is_number
    assert COLUMNS["test_accuracy"].unit == "fraction"
    assert all(column.help for column in COLUMNS.values())
