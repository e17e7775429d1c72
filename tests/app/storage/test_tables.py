"""Constraints of the tables."""

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import update

from app.storage.database import Database, newest_change
from app.storage.tables import Epoch, Run
from tests.app.states import figures, queue_run, row
from trainer.config import TrainConfig

BACKENDS = ("sqlite", "postgresql")


@pytest.mark.parametrize(
    "values", [{"status": "done"}, {"depth": 0}, {"lr": 0}, {"epochs": 0}, {"batch_size": 0}, {"seed": -1}]
)
def test_the_tables_reject_invalid_rows(database: Database, values: dict[str, object]) -> None:
    queue_run(database)
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(update(Run).values(**values))


def test_an_epoch_of_no_run_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(Epoch(run_id=99, attempt=1, change=9, **figures(1)))


def test_a_run_is_stored_with_every_hyperparameter(database: Database) -> None:
    config = TrainConfig(depth=3, lr=0.1 + 0.2, seed=2**32 - 1, optimizer="nesterov", momentum=0.9, width=64)
    run = row(database, queue_run(database, **config.model_dump()))
    assert run.config == config
    assert run.layer_sizes == tuple(config.layer_sizes)
    assert run.parameters == config.parameters


def test_a_new_database_has_no_change_yet(database: Database) -> None:
    with database.read() as session:
        assert newest_change(session) == 0
