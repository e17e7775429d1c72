"""A hyperparameter that is declared is stored and answered."""

import pytest
from sqlalchemy import BigInteger

from app.schemas.hyperparameters import HYPERPARAMETERS, KINDS
from app.schemas.runs import RunOut
from app.storage.tables import Run
from trainer.config import TrainConfig


@pytest.mark.parametrize("name", TrainConfig.model_fields)
def test_every_hyperparameter_is_stored_and_shown_as_what_it_is(name: str) -> None:
    assert name in HYPERPARAMETERS
    assert Run.model_fields[name].annotation is RunOut.model_fields[name].annotation is KINDS[name]
    assert KINDS[name] in {int, float, str}
    assert not Run.__table__.c[name].nullable  # type: ignore[attr-defined]


def test_the_column_of_the_seed_has_64_bits() -> None:
    assert isinstance(Run.__table__.c["seed"].type, BigInteger)  # type: ignore[attr-defined]
