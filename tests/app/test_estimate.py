"""How long runs are likely to take."""

import pytest
from sqlmodel import col, select

from app import run_queue, workers
from app.db import Database
from app.estimate import ASSUMED_FLOPS, ASSUMED_OVERHEAD, Estimate, estimate
from app.models import Run
from tests.app.states import add_worker, failed_run, finished_run
from trainer.config import TrainConfig

BACKENDS = ("sqlite", "postgresql")


def guess(database: Database, *configs: TrainConfig) -> Estimate:
    with database.read() as session:
        return estimate(session, configs)


def assumed_epoch(depth: int) -> float:
    return ASSUMED_OVERHEAD + TrainConfig(depth=depth).flops_per_epoch / ASSUMED_FLOPS


def trained(database: Database, seconds: float, **config: int) -> None:
    """A finished run that took this long by the clock."""
    run_id = finished_run(database, **config)
    with database.write() as session:
        run = run_queue.get(session, run_id)
        run.started_at, run.finished_at = 1000, 1000 + seconds


def test_with_no_past_the_arithmetic_has_to_do(database: Database) -> None:
    found = guess(database, TrainConfig(depth=5, epochs=200))
    assert found.seconds == pytest.approx(200 * assumed_epoch(depth=5), rel=0.01)
    assert found.basis == "arithmetic alone: no run on this data has finished on this device yet"


def test_nothing_to_train_takes_no_time(database: Database) -> None:
    assert guess(database).seconds == 0


def test_the_same_depth_and_batch_size_is_the_best_guide(database: Database) -> None:
    for seconds in (30, 60, 600):  # 10, 20 and 200 s per epoch: the middle one counts
        trained(database, seconds, epochs=3)
    found = guess(database, TrainConfig(depth=1, epochs=10, lr=0.5, seed=4))
    assert (found.seconds, found.basis) == (200, "past runs of these depths")


def test_another_depth_is_scaled_by_its_arithmetic(database: Database) -> None:
    trained(database, 30, depth=1, epochs=3)
    one, five = TrainConfig(depth=1, epochs=1), TrainConfig(depth=5, epochs=1)
    found = guess(database, five)
    assert found.seconds == pytest.approx(10 * assumed_epoch(depth=5) / assumed_epoch(depth=1), rel=0.01)
    assert found.basis.startswith("the speed of past runs")
    assert guess(database, one, five).basis == found.basis


def test_runs_on_other_data_are_no_guide(database: Database) -> None:
    run_id = finished_run(database, dataset="clothes")
    with database.write() as session:
        run = run_queue.get(session, run_id)
        run.started_at, run.finished_at = 1000, 1001
    assert guess(database, TrainConfig(depth=1)).basis.startswith("arithmetic alone")
    assert guess(database, TrainConfig(depth=1, dataset="clothes")).basis == "past runs of these depths"


def test_what_failed_is_no_guide(database: Database) -> None:
    failed_run(database)
    assert guess(database, TrainConfig(depth=1)).basis.startswith("arithmetic alone")


def test_runs_share_the_live_slots_but_one_run_has_only_one(database: Database) -> None:
    trained(database, 30, epochs=3)
    config = TrainConfig(depth=1, epochs=10)
    assert guess(database, config, config).seconds == 200
    add_worker(database, "w1", slots=2)
    add_worker(database, "w2", slots=2)
    add_worker(database, "dead", slots=60, lease_seconds=-1)
    assert guess(database, *[config] * 8).seconds == 200
    assert guess(database, config).seconds == 100


def on(database: Database, device: str, seconds: float) -> None:
    """A finished run of three epochs that took this long on a device."""
    trained(database, seconds, epochs=3)
    with database.write() as session:
        newest = session.exec(select(Run).order_by(col(Run.id).desc())).first()
        assert newest is not None
        newest.device_used = device


def test_only_runs_on_the_device_that_would_train_are_a_guide(database: Database) -> None:
    on(database, "cpu", 30)
    on(database, "cuda:0", 3)
    add_worker(database)
    assert guess(database, TrainConfig(depth=1, epochs=10)).seconds == 100
    asked = guess(database, TrainConfig(depth=1, epochs=10, device="cuda"))
    assert (asked.seconds, asked.basis) == (10, "past runs of these depths")
    with database.write() as session:
        workers.describe(session, "w", [{"device": "cpu", "name": ""}, {"device": "cuda:0", "name": ""}], {})
    assert guess(database, TrainConfig(depth=1, epochs=10)).seconds == 10
    assert guess(database, TrainConfig(depth=1, epochs=10, device="cpu")).seconds == 100
    unseen = guess(database, TrainConfig(depth=1, epochs=10, device="mps"))
    assert unseen.basis.startswith("arithmetic alone")


def test_without_a_worker_the_newest_run_tells_the_device(database: Database) -> None:
    on(database, "cuda:0", 3)
    on(database, "cpu", 30)
    with database.write() as session:
        for run in session.exec(select(Run)):
            run.finished_at = (run.finished_at or 0) + (run.id or 0)
            run.started_at = (run.started_at or 0) + (run.id or 0)
    assert guess(database, TrainConfig(depth=1, epochs=10)).seconds == 100
