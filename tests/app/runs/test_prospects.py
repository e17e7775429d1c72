"""What past runs with similar values reached, and when new runs would start."""

import pytest

from app.queue import admission
from app.runs import prospects, usual
from app.runs.datasets import SHIPPED_ALONE
from app.schemas.bodies import Labels
from app.schemas.studies import PastRuns
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


def told(database: Database, *configs: TrainConfig) -> list[str]:
    return [found.sentence for found in read(database, *configs).outliers(configs)]


def test_rates_at_which_every_run_failed_to_learn_get_a_warning(past: Database) -> None:
    high = [TrainConfig(depth=3, lr=lr, epochs=3) for lr in (0.05, 1.5, 5.0)]
    (sentence,) = told(past, *high)
    assert sentence == (
        "Learning rate 1.5 and 5 is above the values at which past runs of 3 layers with sgd on mnist "
        "learned (0.05 to 0.2, 4 runs): all 3 otherwise similar runs at 1.5 or more diverged or stayed at "
        "the accuracy of guessing."
    )
    assert told(past, TrainConfig(depth=3, lr=1.0, epochs=3), TrainConfig(depth=4, lr=5.0)) == []


@pytest.mark.parametrize(
    ("name", "worked", "planned", "words"),
    [
        ("batch_size", (512, 2048), 64, "Batch size 64 is below the values"),
        ("width", (128, 512), 2048, "Width 2048 is above the values"),
        ("momentum", (0.5, 0.9), 0.99, "Momentum 0.99 is above the values"),
        ("weight_decay", (0.0001, 0.001), 0.02, "Weight decay 0.02 is above the values"),
        ("dropout", (0.1, 0.2), 0.95, "Dropout 0.95 is above the values"),
        ("lr", (0.01, 0.1 * 3), 5.0, "Learning rate 5 is above the values"),
    ],
)
def test_a_value_far_from_those_that_learned_is_named_with_their_range(
    site: Served, name: str, worked: tuple[float, float], planned: float, words: str
) -> None:
    database = site.database
    add_worker(database)
    common = {"depth": 3, "momentum": 0.9, name: planned}
    config = TrainConfig.model_validate(common)
    finished_run(database, 0.97, **common | {name: worked[0]})
    finished_run(database, 0.97, **common | {name: worked[0]}, seed=1)
    assert told(database, config) == [], "two runs at one value tell nothing"
    finished_run(database, 0.97, **common | {name: worked[1]}, seed=2)
    (sentence,) = told(database, config)
    assert sentence.startswith(words)
    assert f"({worked[0]:g} to {worked[1]:g}, 3 runs)." in sentence
    between = TrainConfig.model_validate(common | {name: worked[1]})
    assert told(database, between) == []


def test_runs_that_were_short_or_had_other_failures_tell_nothing(past: Database) -> None:
    assert told(past, TrainConfig(depth=3, epochs=10_000)) == []
    for seed in range(3):  # beyond the range in two settings: which of them failed is unknown
        failed_run(past, "diverged: the loss is nan", depth=3, lr=5.0, batch_size=4096, epochs=3, seed=seed)
    assert told(past, TrainConfig(depth=3, batch_size=4096, epochs=3)) == []
    for seed in range(3):
        failed_run(past, "diverged: the loss is nan", depth=3, lr=0.1, batch_size=4096, epochs=3, seed=seed)
    (sentence,) = told(past, TrainConfig(depth=3, batch_size=4096, epochs=3))
    assert sentence == (
        "Batch size 4096 is above the values at which past runs of 3 layers with sgd on mnist learned (1024, "
        "4 runs): all 3 otherwise similar runs at 4096 or more diverged or stayed at the accuracy of "
        "guessing."
    )


def test_rates_are_named_where_no_run_has_ever_learned(site: Served) -> None:
    add_worker(site.database)
    for seed, lr in enumerate((1.0, 2.0, 3.0)):
        failed_run(site.database, "diverged: the loss is nan", depth=2, lr=lr, seed=seed)
    (sentence,) = told(site.database, *(TrainConfig(depth=2, lr=lr) for lr in (0.1, 1.5)))
    assert sentence == (
        "Learning rate 1.5: all 3 past runs of 2 layers with sgd on mnist diverged or stayed at the accuracy "
        "of guessing, at learning rates from 1 to 3."
    )


def test_the_three_strongest_warnings_come_first(past: Database) -> None:
    varied = {"depth": 3, "epochs": 3, "lr": 0.05}
    for seed in range(2):
        finished_run(past, 0.97, **varied, batch_size=512, width=512, seed=20 + seed)
        finished_run(past, 0.97, **varied, dropout=0.1, weight_decay=0.001, width=256, seed=30 + seed)
    finished_run(past, 0.97, **varied, weight_decay=0.0001)
    wild = TrainConfig(depth=3, epochs=3, lr=2.0, batch_size=8, width=4096, weight_decay=1.0, dropout=0.95)
    found = read(past, wild).outliers([wild])
    assert [each.name for each in found] == ["lr", "weight_decay", "batch_size"]
    assert [each.sentence for each in found] == usual.warnings([wild], SHIPPED_ALONE, read(past, wild))[:3]
    assert (
        sum("Weight decay" in each for each in usual.warnings([wild], SHIPPED_ALONE, read(past, wild))) == 1
    )


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
