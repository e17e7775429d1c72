"""The parts of a run's time, and the fit that finds them from made-up times with a known truth."""

import math
import random
from collections.abc import Sequence
from statistics import median
from typing import Any

import pytest

from app.queue.forecasting.least_squares import product
from app.queue.forecasting.pace import ASSUMED, Observation, Pace, Work, fitted
from trainer.config import TrainConfig

TRUTH = (0.4, 0.02, 9e-6, 6e-10, 2e-10, 3e-11, 3e-11, 2e-11)
"""A machine whose parts stand to each other unlike the assumed ones, by up to a factor of four."""


def work(images: tuple[int, int] = (60_000, 10_000), threads: int = 1, **config: Any) -> Work:
    """What a run of such hyperparameters does."""
    return Work.of(TrainConfig(**{"depth": 3, "epochs": 5, **config}), images, threads)


def taken(it: Work, units: Sequence[float] = TRUTH) -> float:
    """Its time on the machine of the truth."""
    return product(it.amounts(), units)


def observed(*runs: Work, noise: float = 0.0, seed: int = 0) -> tuple[Observation, ...]:
    """Runs with their true times, each off by chance."""
    chance = random.Random(seed)
    return tuple(Observation(run, taken(run) * math.exp(chance.gauss(0, noise))) for run in runs)


def mixed(count: int, seed: int = 1) -> list[Work]:
    """Runs of all kinds, drawn by chance."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        optimizer = chance.choice(["sgd", "nesterov", "adam"])
        found.append(
            work(
                images=(chance.choice([5_000, 20_000, 60_000]), 10_000),
                depth=chance.randint(1, 5),
                width=chance.choice([128, 256, 512, 1024]),
                batch_size=chance.choice([1, 4, 16, 64, 256, 1024]),
                epochs=chance.randint(1, 20),
                optimizer=optimizer,
                momentum=0.9 if optimizer == "nesterov" else 0.0,
                precision=chance.choice(["fp32", "bf16"]),
            )
        )
    return found


def errors(pace: Pace, runs: Sequence[Work]) -> list[float]:
    """By how much each guess is off, relative to the truth."""
    return [abs(pace.guess(run).seconds / taken(run) - 1) for run in runs]


def test_parts_are_found_from_mixed_runs_without_noise() -> None:
    pace = fitted("cpu", observed(*mixed(40)))
    assert max(errors(pace, mixed(60, seed=2))) < 0.1
    assert pace.units[2:6] == pytest.approx(TRUTH[2:6], rel=0.25)


def test_small_batches_cost_more_than_large_ones() -> None:
    """One epoch of three layers: 60,000 updates or 59 of them, at the same operations."""
    small, large = work(batch_size=1, epochs=1), work(batch_size=1024, epochs=1)
    assert taken(small) > 8 * taken(large)
    for past in ((), observed(*mixed(8))):
        pace = fitted("cpu", past)
        assert pace.guess(small).seconds > 5 * pace.guess(large).seconds
    others = [run for run in mixed(60) if 1 < run.batch_size < 1024]
    pace = fitted("cpu", observed(*others))
    assert max(errors(pace, [small, large])) < 0.2


def test_the_time_grows_with_updates_parameters_and_data() -> None:
    pace = fitted("cpu", ())
    one = pace.guess(work()).seconds
    assert pace.guess(work(epochs=10)).seconds == pytest.approx(2 * one, rel=0.1)
    assert pace.guess(work(images=(120_000, 20_000))).seconds == pytest.approx(2 * one, rel=0.1)
    assert pace.guess(work(threads=4)).seconds < one / 2
    assert pace.guess(work(width=1024)).seconds > 2 * one
    slow = [
        pace.guess(work(batch_size=1, optimizer=name, momentum=momentum)).seconds
        for name, momentum in (("sgd", 0.0), ("sgd", 0.9), ("adam", 0.0))
    ]
    assert slow == sorted(slow)
    assert pace.guess(work(images=(60_000, 60_000))).seconds > one
    assert pace.guess(work(images=(10, 10), batch_size=60_000)).seconds < 1


def test_a_single_run_scales_the_assumed_speed() -> None:
    run = work(depth=2, epochs=20)
    for factor in (0.1, 7.0):
        past = (Observation(run, factor * product(run.amounts(), ASSUMED["cpu"])),)
        pace = fitted("cpu", past)
        assert pace.guess(run).seconds == pytest.approx(past[0].seconds, rel=0.02)
        other = work(depth=4)
        expected = factor * product(other.amounts(), ASSUMED["cpu"])
        assert pace.guess(other).seconds == pytest.approx(expected, rel=0.05)


def test_noise_of_ten_percent_leaves_estimates_within_ten() -> None:
    off = [
        error
        for seed in range(5)
        for error in errors(
            fitted("cpu", observed(*mixed(30, seed=seed), noise=0.1, seed=seed)), mixed(20, seed=100 + seed)
        )
    ]
    assert median(off) < 0.1


def test_a_suspended_machine_does_not_distort_estimates() -> None:
    past = list(observed(*mixed(20), noise=0.03))
    clean = fitted("cpu", tuple(past))
    for index in (3, 11):
        past[index] = past[index]._replace(seconds=past[index].seconds + 8 * 3600)
    spoiled = fitted("cpu", tuple(past))
    fresh = mixed(30, seed=5)
    assert median(errors(spoiled, fresh)) < median(errors(clean, fresh)) + 0.05
    assert max(errors(spoiled, fresh)) < 0.5


def test_similar_runs_correct_the_estimate() -> None:
    odd = work(batch_size=64, width=1024)
    past = (*observed(*mixed(20)), *(Observation(odd, 1.6 * taken(odd)) for _ in range(4)))
    assert fitted("cpu", past).guess(odd).seconds == pytest.approx(1.6 * taken(odd), rel=0.1)


def test_old_runs_count_less_than_new_ones() -> None:
    run = work()
    past = tuple(
        Observation(run, seconds * taken(run), weight)
        for seconds, weight in ((1, 0.1), (2, 1), (2, 1), (1, 0.1))
    )
    assert fitted("cpu", past).guess(run).seconds == pytest.approx(2 * taken(run), rel=0.1)


def test_the_range_narrows_with_similar_runs() -> None:
    run = work()
    alike, few, none = (
        fitted("cpu", past).guess(run)
        for past in (observed(*[run] * 10), observed(work(batch_size=1, epochs=1)), ())
    )
    low, high = none.range
    assert high / low > 8
    assert none.support is None
    assert 1.1 < alike.range[1] / alike.range[0] < few.range[1] / few.range[0] < high / low
    assert few.support is not None
    assert alike.support is not None
    assert few.support < 0.1
    assert alike.support > 4


def test_four_in_five_runs_end_within_the_range() -> None:
    within = []
    for seed in range(6):
        pace = fitted("cpu", observed(*mixed(25, seed=seed), noise=0.15, seed=seed))
        for run, seconds, _ in observed(*mixed(25, seed=50 + seed), noise=0.15, seed=90 + seed):
            low, high = pace.guess(run).range
            within.append(low <= seconds <= high)
    assert 0.7 < sum(within) / len(within) < 0.95


def test_a_resumed_run_has_no_start_cost_and_a_cancelled_one_no_end_cost() -> None:
    config = TrainConfig(depth=3, epochs=5)
    whole = fitted("cpu", ()).guess(Work.of(config)).seconds
    rest = fitted("cpu", ()).guess(Work.of(config, starts=False)).seconds
    cut = fitted("cpu", ()).guess(Work.of(config, ends=False)).seconds
    assert whole - rest == pytest.approx(ASSUMED["cpu"][0])
    assert 0 < whole - cut < whole / 5


def test_an_unknown_kind_of_device_is_estimated_like_a_cpu() -> None:
    assert fitted("tpu", ()).units == ASSUMED["cpu"]
    assert fitted("cuda", ()).guess(work()).seconds < fitted("cpu", ()).guess(work()).seconds / 3
