"""The columns of epochs."""

from app.schemas.epochs import CURVES, EPOCH_COLUMNS, EpochColumns


def test_columns_of_epochs_begin_with_those_of_curves() -> None:
    assert EPOCH_COLUMNS[: len(CURVES)] == CURVES
    assert set(EPOCH_COLUMNS) - set(CURVES) == {"gradient_norms", "dead_relu"}
    empty: dict[str, list[object]] = {name: [] for name in EPOCH_COLUMNS}
    assert EpochColumns.model_validate(empty).model_dump() == empty
