"""The shapes of answers: what other people's scripts rely on."""

import pytest
from pydantic import ValidationError

from app.schemas.answers import CURVES, EPOCH_COLUMNS, EpochColumns, RunOut, StudyOut
from app.storage.database import Database
from tests.app.states import queue_run, shown
from trainer.config import TrainConfig


def test_a_run_of_a_version_that_lacks_a_hyperparameter_had_its_default(database: Database) -> None:
    run = shown(database, queue_run(database, depth=2, lr=0.5))
    new = ("precision", "width", "optimizer", "worker_losses", "chance_accuracy", "guessing")
    old = {name: value for name, value in run.model_dump().items() if name not in new}
    read = RunOut.model_validate(old)
    defaults = TrainConfig(depth=2)
    assert (read.precision, read.width, read.optimizer) == (
        defaults.precision,
        defaults.width,
        defaults.optimizer,
    )
    assert (read.worker_losses, read.chance_accuracy, read.guessing) == (0, None, None)
    assert (read.depth, read.lr) == (2, 0.5)


def test_fields_of_every_version_are_required(database: Database) -> None:
    run = shown(database, queue_run(database)).model_dump()
    for name in ("id", "status", "depth", "created_at"):
        with pytest.raises(ValidationError, match=name):
            RunOut.model_validate({key: value for key, value in run.items() if key != name})
    with pytest.raises(ValidationError, match="status"):
        RunOut.model_validate(run | {"status": "done"})


def test_columns_of_epochs_begin_with_those_of_curves() -> None:
    assert EPOCH_COLUMNS[: len(CURVES)] == CURVES
    assert set(EPOCH_COLUMNS) - set(CURVES) == {"gradient_norms", "dead_relu"}
    empty: dict[str, list[object]] = {name: [] for name in EPOCH_COLUMNS}
    assert EpochColumns.model_validate(empty).model_dump() == empty


@pytest.mark.parametrize("progress", [-0.1, 1.1])
def test_progress_is_a_share(progress: float) -> None:
    study = {"id": 1, "name": "s", "created_at": "2026-01-01T00:00:00.000Z", "runs": [], "counts": {}}
    assert StudyOut.model_validate({**study, "progress": 1, "eta_seconds": None}).eta_range is None
    with pytest.raises(ValidationError, match="progress"):
        StudyOut.model_validate({**study, "progress": progress, "eta_seconds": None})
