"""What past runs with similar values reached, and when new runs would start."""

import pytest

from app.queue import admission
from app.runs import prospects, usual
from app.runs.datasets import SHIPPED_ALONE
from app.schemas.answers import PastRuns
from app.schemas.requests import Labels
from app.storage.database import Database
from app.storage.tables import Pause, Run
from tests.app.conftest import Served
from tests.app.states import ROOM, add_worker, claimed, failed_run, finished_run
from trainer.config import TrainConfig


@pytest.fixture
def past(site: Served) -> Database:
    """Runs at several learning rates; the highest diverged."""
    database = site.database
    add_worker(database)
    for seed, (lr, accuracy) in enumerate(((0.05, 0.97), (0.1, 0.98), (0.05, 0.96), (0.2, 0.9))):
        finished_run(database, accuracy, depth=3, lr=lr, seed=seed, epochs=2 + seed)
    finished_run(database, 0.99, depth=3, lr=0.05, optimizer="adam")
    for seed, lr in enumerate((0.1, 2.0, 3.0)):
        failed_run(database, "diverged: the loss is nan", depth=3, lr=lr, seed=10 + seed)
    finished_run(database, 0.1135, depth=3, lr=1.5)
    failed_run(database, "it broke", depth=3, lr=0.05, seed=20)
    return database


def read(database: Database, *configs: TrainConfig) -> prospects.Evidence:
    with database.read() as session:
        return prospects.evidence(session, configs)


def test_runs_within_a_factor_of_two_at_the_same_depth_and_optimizer_are_summed_up(past: Database) -> None:
    configs = [TrainConfig(depth=depth, lr=0.05, seed=seed) for depth in (3, 4) for seed in (0, 1)]
    (near,) = read(past, *configs).near(configs)
    assert near == PastRuns(
        depth=3,
        optimizer="sgd",
        has_momentum=False,
        dataset="mnist",
        lr=0.05,
        lrs=[0.05, 0.1],
        epochs=(2, 4),
        finished=3,
        diverged=1,
        median=0.97,
        best=0.98,
        best_id=2,
    )


def test_rates_at_which_every_run_failed_to_learn_get_a_warning(past: Database) -> None:
    high = [TrainConfig(depth=3, lr=lr) for lr in (0.05, 1.5, 5.0)]
    (warning,) = read(past, *high).warnings(high)
    assert warning == (
        "Past runs with sgd on mnist diverged or stayed at the accuracy of guessing at such learning rates: "
        "all 3 of 3 layers at 1.5 or more."
    )
    lower = [TrainConfig(depth=3, lr=1.0), TrainConfig(depth=4, lr=5.0)]
    assert read(past, *lower).warnings(lower) == []


def test_a_rate_that_has_worked_here_is_not_called_unusual(site: Served) -> None:
    config = TrainConfig(depth=3, lr=0.6)
    assert len(usual.warnings([config], SHIPPED_ALONE, read(site.database, config))) == 1
    add_worker(site.database)
    for seed in range(3):
        finished_run(site.database, 0.97, depth=3, lr=0.5, seed=seed)
    assert usual.warnings([config], SHIPPED_ALONE, read(site.database, config)) == []


def test_archived_runs_are_no_evidence(past: Database) -> None:
    with past.write() as session:
        for run_id in (1, 2, 3):
            run = session.get(Run, run_id)
            assert run
            run.archived = True
    config = TrainConfig(depth=3, lr=0.05)
    (near,) = read(past, config).near([config])
    assert (near.finished, near.diverged, near.median, near.best_id) == (0, 1, None, None)


def wait(database: Database, *devices: str, priority: int = 0) -> str:
    with database.read() as session:
        return prospects.wait(session, devices or ("auto",), priority)


def test_new_runs_wait_for_a_worker_a_device_a_slot_or_the_queue(site: Served) -> None:
    database = site.database
    assert wait(database) == "No worker is running: new runs wait for one."
    add_worker(database)
    assert wait(database) == "The first run starts at once."
    assert wait(database, "cpu", "cuda") == "No live worker has cuda: such runs wait for one."
    with database.write() as session:
        configs = [TrainConfig(depth=1, seed=seed) for seed in range(3)]
        admission.enqueue(session, configs, Labels(priority=5), limit=ROOM)
    claimed(database)
    assert wait(database).startswith("The first run starts in about ")
    assert wait(database).endswith(", after 3 runs that are running or queued.")
    assert wait(database, priority=6).endswith(", after 1 run that is running or queued.")
    with database.write() as session:
        session.add(Pause(since=1.0))
    assert wait(database) == "The queue is paused: new runs wait until it is resumed."
