"""Runs whose figures are known."""

from typing import Any

from app.queue import claims, endings
from app.storage.database import Database
from tests.app.states import RESULTS, claimed, figures, queue_run
from trainer.config import TRAIN_IMAGES
from trainer.training.epoch_record import EpochRecord

EPOCHS = 5
ALL = "/compare?runs=1,2,3,4,5,6"


def trained(
    database: Database, seed: int, *, measured: bool = True, images: int = TRAIN_IMAGES, **config: Any
) -> int:
    """The id of a new finished run of five epochs; values differ by depth, seed and epoch."""
    run_id = queue_run(database, seed=seed, **{"epochs": EPOCHS, **config})
    assert train_next(database, measured=measured, images=images) == run_id
    return run_id


def train_next(database: Database, *, measured: bool = True, images: int = TRAIN_IMAGES) -> int:
    """Train the queue's next run to its end with such values and return its id."""
    claim = claimed(database)
    depth, seed = claim.config.depth, claim.config.seed
    final = 0.8 + depth / 100 + seed / 1000
    with database.write() as session:  # one transaction: each waits for the disk
        claims.report_start(session, claim, "cpu", {"train_images": str(images)}, 0)
        for epoch in range(1, claim.config.epochs + 1):
            inside = {"gradient_norms": [0.1 * (layer + 1) / epoch for layer in range(depth)]}
            inside |= {"dead_relu": [0.01 * epoch] * (depth - 1)}
            record = figures(
                epoch,
                train_accuracy=final - 0.2 / epoch,
                test_accuracy=final - 0.1 / epoch - seed * epoch / 1000,
                seconds=depth + seed / 10,
                **(inside if measured else {"gradient_norms": None, "dead_relu": None}),
            )
            assert claims.record_epoch(session, claim, EpochRecord(**record))
        accuracy = final - (0.1 if depth == 3 else 0)  # three layers cost most and reach least
        assert endings.finish(session, claim, {**RESULTS, "test_accuracy": accuracy})
    return claim.run_id
