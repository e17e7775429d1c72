"""Estimated times of runs that have not started."""

from typing import Any

import httpx
import pytest
from sqlmodel import col, select

from app.queue import endings, registry, run_rows
from app.queue.forecasting.estimate import ALIKE, ASSUMED, SCALED, Estimate, estimate
from app.queue.forecasting.pace import Work, fitted
from app.storage.database import Database
from app.storage.tables import Run
from tests.app.states import add_worker, claimed, failed_run, finished_run, queue_run, record
from tests.backends import on_both
from trainer.config import TrainConfig


def guess(database: Database, *configs: TrainConfig, **sizes: tuple[int, int]) -> Estimate:
    with database.read() as session:
        return estimate(session, configs, sizes)


def assumed(config: TrainConfig, images: tuple[int, int] = (60_000, 10_000)) -> float:
    """What arithmetic alone tells of a CPU."""
    return fitted("cpu", ()).guess(Work.of(config, images)).seconds


def trained(database: Database, seconds: float, device: str = "cpu", **config: Any) -> int:
    """A finished run that took this long by the clock, on a device."""
    run_id = finished_run(database, **config)
    with database.write() as session:
        run = run_rows.get(session, run_id)
        run.started_at, run.finished_at, run.device_used = 1000, 1000 + seconds, device
    return run_id


def test_without_past_runs_the_estimate_uses_an_assumed_speed(database: Database) -> None:
    config = TrainConfig(depth=5, epochs=200)
    found = guess(database, config)
    assert found.seconds == pytest.approx(assumed(config), rel=0.01)
    assert found.basis == ASSUMED
    assert found.range[1] > 8 * found.range[0] > 0


def test_without_past_runs_the_range_of_many_runs_is_as_wide_as_that_of_one(database: Database) -> None:
    """The speed of the machine is unknown, and all runs share it."""
    with database.read() as session:
        one, many = (estimate(session, [TrainConfig(depth=2, epochs=3)] * count) for count in (1, 30))
    low, high = (bound / many.seconds for bound in many.range)
    assert (low, high) == pytest.approx([bound / one.seconds for bound in one.range], rel=0.05)
    assert high > 3


def test_nothing_to_train_takes_no_time(database: Database) -> None:
    found = guess(database)
    assert (found.seconds, found.range) == (0, (0, 0))


@on_both
def test_estimates_prefer_similar_runs(database: Database) -> None:
    for seconds in (30, 33, 600, 30):  # a night's sleep does not count
        trained(database, seconds, epochs=10)
    found = guess(database, TrainConfig(depth=1, epochs=10, lr=0.5, seed=4))
    assert found.seconds == pytest.approx(31, rel=0.15)
    assert found.basis == ALIKE
    assert found.range[0] < found.seconds < found.range[1]


def test_the_number_of_updates_counts(database: Database) -> None:
    small, large = TrainConfig(depth=3, epochs=1, batch_size=1), TrainConfig(depth=3, epochs=1)
    for past in range(2):
        assert guess(database, small).seconds > 5 * guess(database, large).seconds, past
        trained(
            database,
            2 * assumed(TrainConfig(depth=2, batch_size=64, epochs=2)),
            depth=2,
            batch_size=64,
            epochs=2,
        )
    found = guess(database, small)
    assert found.seconds == pytest.approx(2 * assumed(small), rel=0.1)
    assert found.basis == SCALED
    assert guess(database, small, large).basis == SCALED


def test_a_machine_that_starts_operations_slowly_is_found_out(database: Database) -> None:
    """Once runs of both kinds have ended, their parts tell of batches between."""
    for batch_size, seconds in ((1, 240.0), (1024, 1.5)):
        trained(database, seconds, depth=3, epochs=1, batch_size=batch_size)
    found = guess(database, TrainConfig(depth=3, epochs=1, batch_size=32))
    assert found.seconds == pytest.approx(240 / 32 + 1.5, rel=0.35)


def test_other_data_is_scaled_by_its_images(database: Database) -> None:
    run_id = trained(database, 30, depth=5, epochs=5)
    with database.write() as session:
        run_rows.get(session, run_id).environment = {"train_images": "6000", "test_images": "1000"}
    found = guess(database, TrainConfig(depth=5, epochs=5, dataset="clothes"), clothes=(60_000, 10_000))
    assert 200 < found.seconds < 300
    assert found.basis != ASSUMED
    again = guess(database, TrainConfig(depth=5, epochs=5))
    assert again.seconds == pytest.approx(30, rel=0.05)  # of the size that its run found


def test_estimates_ignore_failed_runs_without_an_epoch(database: Database) -> None:
    failed_run(database)
    config = TrainConfig(depth=1, epochs=10)
    assert guess(database, config).basis == ASSUMED
    queue_run(database, epochs=10)
    claim = claimed(database)
    record(database, claim, 1, 2, 3, 4)
    with database.write() as session:
        run = run_rows.get(session, claim.run_id)
        run.started_at = (run.progress_at or 0) - 40
        endings.fail(session, claim, "diverged: loss became non-finite at epoch 5")
    assert guess(database, config).seconds == pytest.approx(100, rel=0.15)
    assert guess(database, config).basis == ALIKE


def test_the_epochs_before_a_resumption_do_not_count(database: Database) -> None:
    run_id = trained(database, 30, depth=5, epochs=10)
    with database.write() as session:
        run_rows.get(session, run_id).resumed_from = 7
    assert 80 < guess(database, TrainConfig(depth=5, epochs=10)).seconds < 105


def test_the_estimate_of_a_run_with_patience_begins_earlier(database: Database) -> None:
    plain, patient = (guess(database, TrainConfig(depth=3, epochs=100, patience=each)) for each in (0, 4))
    assert patient.seconds == plain.seconds
    assert patient.range[0] < plain.range[0] / 10
    assert patient.range[1] == plain.range[1]


def test_runs_share_the_live_slots_but_one_run_has_only_one(database: Database) -> None:
    trained(database, 30, epochs=10)
    config = TrainConfig(depth=1, epochs=10)
    one = guess(database, config).seconds
    assert guess(database, config, config).seconds == pytest.approx(2 * one, abs=0.1)
    add_worker(database, "w1", slots=2)
    add_worker(database, "w2", slots=2)
    add_worker(database, "dead", slots=60, lease_seconds=-1)
    assert guess(database, *[config] * 8).seconds == pytest.approx(2 * one, abs=0.1)
    assert guess(database, *[config] * 5).seconds == pytest.approx(2 * one, abs=0.1)
    assert guess(database, config).seconds == one


@on_both
def test_estimates_use_runs_on_the_same_device(database: Database) -> None:
    trained(database, 100, epochs=10)
    trained(database, 10, "cuda:0", epochs=10)
    add_worker(database)
    config = TrainConfig(depth=1, epochs=10)
    on_cuda = config.model_copy(update={"device": "cuda"})
    assert guess(database, config).seconds == pytest.approx(100, rel=0.05)
    assert guess(database, on_cuda).seconds == pytest.approx(10, rel=0.05)
    with database.write() as session:
        found = [{"device": "cpu", "name": ""}, {"device": "cuda:0", "name": ""}]
        registry.describe(session, "w", registry.Offer(1, 1, found))
    assert guess(database, config).seconds == pytest.approx(10, rel=0.05)
    assert guess(database, config.model_copy(update={"device": "cpu"})).seconds == pytest.approx(
        100, rel=0.05
    )
    assert guess(database, config.model_copy(update={"device": "mps"})).basis == ASSUMED


def test_estimates_prefer_runs_on_the_same_device_model(database: Database) -> None:
    for seconds, name in ((100, "a CPU"), (10, "a better CPU"), (10, "a better CPU")):
        run_id = trained(database, seconds, epochs=10)
        with database.write() as session:
            run_rows.get(session, run_id).environment = {"device": name}
    config = TrainConfig(depth=1, epochs=10)
    assert guess(database, config).seconds < 50
    add_worker(database)
    assert guess(database, config).seconds == pytest.approx(100, rel=0.05)


def test_without_a_worker_the_device_of_the_newest_run_is_assumed(database: Database) -> None:
    trained(database, 10, "cuda:0", epochs=10)
    trained(database, 100, "cpu", epochs=10)
    with database.write() as session:
        for run in session.exec(select(Run).order_by(col(Run.id))):
            run.finished_at = (run.finished_at or 0) + (run.id or 0)
            run.started_at = (run.started_at or 0) + (run.id or 0)
    with database.read() as session:
        assert {run.finished_at for run in session.exec(select(Run))} == {1011, 1102}
    assert guess(database, TrainConfig(depth=1, epochs=10)).seconds == pytest.approx(100, rel=0.05)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_preview_depends_on_the_batch_size_and_has_a_range(client: httpx.Client) -> None:
    told = [
        client.post("/studies/preview", json={"depth": 3, "epochs": 1, "batch_size": size}).json()
        for size in (1, 1024)
    ]
    assert told[0]["seconds"] > 5 * told[1]["seconds"]
    for each in told:
        low, high = each["seconds_range"]
        assert low < each["seconds"] < high
        assert each["basis"] == ASSUMED
    form = {"depth": "3", "epochs": "1", "batch_size": "1"}
    page = client.post("/studies/preview", data=form, headers={"Accept": "text/html"}).text
    assert " to " in page.split('class="estimate"')[1].split("</p>")[0]
    assert f"an estimate from {ASSUMED}" in page
