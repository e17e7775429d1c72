"""Fills a SQLite database with thousands of runs of random results, for measurements of pages."""

import random
from typing import Final

from sqlalchemy import insert, text
from sqlmodel import Session

from app.queue import admission
from app.schemas.bodies import Labels
from app.settings import Settings
from app.storage import migrations
from app.storage.database import Database
from app.storage.tables import Study, StudyRun
from trainer.config import TrainConfig

OF_A_STUDY: Final = 100
"""Number of runs of each study."""

_RATES: Final = (0.01, 0.05, 0.1, 0.2)
_BATCHES: Final = (256, 1024)
_TAGS: Final = ("baseline", "thesis", "try again", "wide", "to compare")

_STATES: Final = """
UPDATE run SET
  attempt = 1, device_used = 'cpu', threads = 1,
  epochs_done = CASE id % 50 WHEN 1 THEN epochs / 2 ELSE epochs END,
  status = CASE id % 50 WHEN 0 THEN 'failed' WHEN 1 THEN 'cancelled' ELSE 'finished' END,
  reason = CASE id % 50 WHEN 0 THEN 'the loss is not a number' WHEN 1 THEN 'cancelled by user' END,
  archived = id % 10 = 7,
  created_at = :now - 20 * (:runs - id), started_at = :now - 20 * (:runs - id) + 1,
  finished_at = :now - 20 * (:runs - id) + 19,
  train_seconds = 0.2 * epochs * depth,
  train_loss = 0.01 + 0.2 / depth, test_loss = 0.05 + abs(random() % 1000) / 5000.0,
  train_accuracy = 0.98 + abs(random() % 1000) / 60000.0,
  test_accuracy = 0.96 + abs(random() % 1000) / 40000.0,
  best_epoch = epochs - abs(random() % 20), best_test_accuracy = 0.97 + abs(random() % 1000) / 50000.0
"""
_EPOCHS: Final = """
WITH RECURSIVE number(epoch) AS (SELECT 1 UNION ALL SELECT epoch + 1 FROM number WHERE epoch < :epochs)
INSERT INTO epoch (run_id, epoch, change, attempt, train_loss, last_batch_loss, train_accuracy, test_loss,
  test_accuracy, seconds, gradient_norms, dead_relu)
SELECT run.id, number.epoch, run.change, 1,
  2.0 / number.epoch + abs(random() % 1000) / 50000.0, 2.0 / number.epoch + abs(random() % 1000) / 10000.0,
  0.98 - 0.3 / number.epoch, 2.0 / number.epoch + abs(random() % 1000) / 50000.0,
  0.97 - 0.3 / number.epoch + abs(random() % 1000) / 200000.0, 0.2 * run.depth, :norms, :dead
FROM run JOIN number ON number.epoch <= run.epochs_done WHERE run.depth = :depth
"""


def fill(settings: Settings, runs: int, epochs: int) -> None:
    """Create runs that have ended, with all their epochs; the first half are in studies of `OF_A_STUDY`."""
    chance = random.Random(runs)
    database = Database(settings.url)
    migrations.upgrade(database)
    wanted = [
        (
            TrainConfig(
                depth=1 + run % 5,
                lr=_RATES[run // 5 % len(_RATES)],
                batch_size=_BATCHES[run // 20 % len(_BATCHES)],
                seed=run // 40,
                epochs=epochs,
            ),
            Labels(
                tags=chance.sample(_TAGS, chance.choice((0, 0, 1, 2))), note="a note" if run % 7 == 0 else ""
            ),
            None,
        )
        for run in range(runs)
    ]
    with database.write() as session:
        ids = admission.enqueue_all(session, wanted, limit=runs)
        session.execute(text(_STATES), {"now": 1_790_000_000, "runs": runs})
        _studies(session, ids[: runs // 2])
    for depth in range(1, 6):
        layers = {"norms": _listed(0.5, depth), "dead": _listed(0.01, depth - 1)}
        with database.write() as session:
            session.execute(text(_EPOCHS), {"epochs": epochs, "depth": depth, **layers})
    database.close()


def _listed(value: float, count: int) -> str:
    return f"[{', '.join([str(value)] * count)}]"


def _studies(session: Session, ids: list[int]) -> None:
    for number, begin in enumerate(range(0, len(ids), OF_A_STUDY), 1):
        members = ids[begin : begin + OF_A_STUDY]
        session.add(Study(id=number, name=f"Grid {number}", created_at=1_790_000_000, planned=len(members)))
        session.flush()
        session.execute(insert(StudyRun), [{"study_id": number, "run_id": run_id} for run_id in members])
