"""What an epoch measured, as it goes from a slot to its worker."""

import pickle
from dataclasses import FrozenInstanceError, asdict, fields

import pytest

from app.schemas.epochs import EPOCH_COLUMNS
from tests.app.states import figures, measured
from trainer.training.epoch_record import EpochRecord


def test_a_record_can_be_sent_through_a_pipe() -> None:
    record = measured(3, gradient_norms=(0.5, 0.25), dead_relu=(0.1,))
    assert pickle.loads(pickle.dumps(record)) == record  # noqa: S301  # our own
    assert asdict(record) == {**figures(3), "gradient_norms": (0.5, 0.25), "dead_relu": (0.1,)}


def test_a_record_has_every_column_of_an_epoch_and_does_not_change() -> None:
    assert {field.name for field in fields(EpochRecord)} == set(EPOCH_COLUMNS)
    with pytest.raises(FrozenInstanceError):
        measured(1).epoch = 2  # type: ignore[misc]
