"""When runs end that train or wait."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.queue import actions, claims, endings, run_rows
from app.queue.claims import Claim
from app.queue.forecasting import forecast
from app.queue.forecasting.estimate import ASSUMED
from app.queue.forecasting.pace import Guess
from app.runs import queue, reading
from app.schemas.runs import RunDetail
from app.storage.database import Database
from tests.app.queue.forecasting.test_estimate import trained
from tests.app.states import add_worker, claimed, measured, queue_run, shown
from tests.backends import on_both


def ends(database: Database) -> dict[int, Guess]:
    with database.read() as session:
        return forecast.ends(session)


def detail(database: Database, run_id: int) -> RunDetail:
    with database.read() as session:
        return reading.get_run(session, run_id)


def training(database: Database, seconds: Sequence[float], first: int = 1, **config: Any) -> Claim:
    """A run that trains, and has recorded epochs that took so many seconds each."""
    queue_run(database, **{"epochs": 100, **config})
    claim = claimed(database)
    recorded(database, claim, seconds, first)
    return claim


def recorded(database: Database, claim: Claim, seconds: Sequence[float], first: int = 1) -> None:
    """Record epochs, the last of them just now."""
    with database.write() as session:
        assert claims.report_start(session, claim, "cpu", {}, first - 1)
        for epoch, each in enumerate(seconds, first):
            assert claims.record_epoch(session, claim, measured(epoch, seconds=each))


def left(database: Database, run_id: int) -> float:
    """Seconds that a run still takes, as answers tell them."""
    found = shown(database, run_id).eta_seconds
    assert found is not None
    return found


@on_both
def test_a_running_run_is_forecast_at_the_pace_of_its_last_epochs(database: Database) -> None:
    claim = training(database, [1.0] * 10)
    assert 90 < left(database, claim.run_id) < 125  # with evaluations
    recorded(database, claim, [4.0] * 8, first=11)
    assert 82 * 4 < left(database, claim.run_id) < 1.4 * 82 * 4


def test_single_slow_epochs_change_nothing(database: Database) -> None:
    steady = training(database, [1.0] * 6)
    bumpy = training(database, [60.0, 1.0, 1.0, 300.0, 1.0, 1.0])
    assert left(database, bumpy.run_id) == pytest.approx(left(database, steady.run_id), rel=0.02)


def test_a_machine_that_slept_does_not_spoil_the_forecast(database: Database) -> None:
    claim = training(database, [1.0] * 10)
    before = left(database, claim.run_id)
    with database.write() as session:
        run = run_rows.get(session, claim.run_id)
        run.started_at = (run.started_at or 0) - 8 * 3600
    assert left(database, claim.run_id) == pytest.approx(before, rel=0.05)


def test_a_resumed_run_is_forecast_by_the_epochs_of_its_attempt(database: Database) -> None:
    claim = training(database, [1.0] * 10, epochs=12)
    with database.write() as session:
        endings.lose(session, claim, "its process died")
    second = claimed(database)
    recorded(database, second, [], first=11)
    before = left(database, second.run_id)
    assert before < 5
    recorded(database, second, [100.0], first=11)
    assert 95 < left(database, second.run_id) < 250


def test_before_its_first_epoch_a_run_is_forecast_by_past_runs(database: Database) -> None:
    trained(database, 200, epochs=100)
    claim = training(database, [])
    assert left(database, claim.run_id) == pytest.approx(200, rel=0.1)
    with database.write() as session:  # the first of 100 epochs takes a minute already
        run = run_rows.get(session, claim.run_id)
        run.started_at = (run.started_at or 0) - 60
    assert left(database, claim.run_id) == pytest.approx(99 * 60, rel=0.1)


def test_the_remaining_time_falls_until_the_next_epoch_is_due(database: Database) -> None:
    claim = training(database, [10.0] * 4, epochs=5)
    before = left(database, claim.run_id)
    for seconds in (5, 500):
        with database.write() as session:
            run = run_rows.get(session, claim.run_id)
            assert run.progress_at
            run.progress_at -= seconds
        assert 0 < left(database, claim.run_id) < before - 4


@on_both
def test_queued_runs_are_forecast_to_end_in_the_order_of_the_queue(database: Database) -> None:
    trained(database, 100, epochs=100)
    add_worker(database, slots=2)
    waiting = [queue_run(database, epochs=100, seed=seed) for seed in range(5)]
    found = ends(database)
    one = found[waiting[0]].seconds
    assert one == pytest.approx(100, rel=0.05)
    assert [round(found[run_id].seconds / one) for run_id in waiting] == [1, 1, 2, 2, 3]
    with database.write() as session:
        actions.edit(session, waiting[4], {"priority": 1})
    assert ends(database)[waiting[4]].seconds == pytest.approx(one)


def test_queued_runs_are_forecast_at_the_pace_of_running_ones(database: Database) -> None:
    trained(database, 100, epochs=100)
    add_worker(database, slots=2)
    normal, slow = (training(database, [each] * 5) for each in (0.8, 16.0))
    after = queue_run(database, epochs=100)
    found = ends(database)
    assert found[slow.run_id].seconds > 10 * found[normal.run_id].seconds
    assert found[after].seconds - found[normal.run_id].seconds > 200  # and not 100


def test_a_run_that_no_slot_can_train_has_no_forecast(database: Database) -> None:
    add_worker(database)
    stuck, other = queue_run(database, device="cuda"), queue_run(database)
    found = ends(database)
    assert stuck not in found
    assert forecast.last(found, [other]) is not None
    assert forecast.last(found, [other, stuck]) is None
    assert forecast.last(found, []) is None
    assert detail(database, stuck).time_left is None


def test_a_run_has_its_remaining_time_and_the_basis(database: Database) -> None:
    add_worker(database)
    claim = training(database, [0.5] * 5)
    waiting = queue_run(database, epochs=100)
    train, wait = detail(database, claim.run_id).time_left, detail(database, waiting).time_left
    assert train
    assert wait
    assert train.basis == "its own last epochs"
    assert wait.basis == ASSUMED
    assert wait.seconds > train.seconds
    for each in (train, wait):
        assert each.range[0] < each.seconds < each.range[1]
    with database.read() as session:
        whole = queue.read(session)
    assert whole.eta_seconds == pytest.approx(wait.seconds, rel=0.05)
    with database.write() as session:
        actions.cancel_all(session, [waiting])
        endings.finish(session, claim, {})
    assert detail(database, claim.run_id).time_left is None
    with database.read() as session:
        assert queue.read(session).eta_seconds is None
