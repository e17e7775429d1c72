"""The training loop: what its records say, and what they depend on."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.trainer.small_runs import CONFIG, CPU, bit_equal, run
from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.training.epoch_record import EpochRecord
from trainer.training.evaluation import evaluate
from trainer.training.loop import Diverged, TrainState, train


def test_epochs_are_numbered_and_the_loss_decreases(data: TensorData) -> None:
    _, records = run(CONFIG, data)
    assert [record.epoch for record in records] == [1, 2, 3]
    assert records[2].train_loss < records[0].train_loss


def test_test_figures_are_those_of_the_weights_after_the_epoch(data: TensorData) -> None:
    state = TrainState.start(CONFIG, CPU)
    for record in train(CONFIG, data, state):
        now = evaluate(state.model, data.test_images, data.test_labels)
        assert (record.test_loss, record.test_accuracy) == (now.loss, now.accuracy)
        assert record.seconds > 0


def test_the_same_seed_gives_the_same_bits_regardless_of_global_generators(data: TensorData) -> None:
    weights, records = run(CONFIG, data)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12345)
        again, records_again = run(CONFIG, data)
    assert bit_equal(weights, again)
    assert records == records_again


def test_training_does_not_change_the_global_generator(data: TensorData) -> None:
    before = torch.get_rng_state()
    run(CONFIG, data)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_resumed_training_ends_with_the_bits_of_an_uninterrupted_one(data: TensorData) -> None:
    four = CONFIG.model_copy(update={"epochs": 4})
    weights, records = run(four, data)
    state = TrainState.start(four, CPU)
    first = list(train(CONFIG.model_copy(update={"epochs": 2}), data, state))
    assert state.epoch == 2
    second = list(train(four, data, state))
    assert [replace(record, seconds=0) for record in first + second] == records
    assert bit_equal(weights, list(state.model.parameters()))


def test_a_finished_state_is_not_trained_further(data: TensorData) -> None:
    state = TrainState.start(CONFIG, CPU)
    list(train(CONFIG, data, state))
    assert list(train(CONFIG, data, state)) == []


def test_a_stop_between_batches_ends_without_a_record_of_that_epoch(data: TensorData) -> None:
    answers = iter([False, False, False, False, True])  # three batches an epoch: stops within the second
    state = TrainState.start(CONFIG, CPU)
    records = list(train(CONFIG, data, state, lambda: next(answers)))
    assert [record.epoch for record in records] == [1]
    assert state.epoch == 1


def test_a_loss_that_is_not_finite_ends_the_run_at_that_epoch(data: TensorData) -> None:
    state = TrainState.start(CONFIG, CPU)
    training = train(CONFIG, data, state)
    next(training)
    with torch.no_grad():
        next(state.model.parameters())[0, 0] = torch.inf
    with pytest.raises(Diverged, match=r"^diverged: loss became non-finite at epoch 2$"):
        next(training)


def test_a_test_loss_that_is_not_finite_ends_the_run_too(data: TensorData) -> None:
    """The loss of the only batch is finite, the weights after it are far from the test images' scale."""
    config = CONFIG.model_copy(update={"batch_size": 300, "lr": 1e38})
    with pytest.raises(Diverged, match="at epoch 1"):
        next(train(config, data, TrainState.start(config, CPU)))


def test_a_reckless_learning_rate_diverges(data: TensorData) -> None:
    config = TrainConfig(depth=5, epochs=200, lr=100)
    with pytest.raises(Diverged):
        list(train(config, data, TrainState.start(config, CPU)))


def test_a_record_has_the_share_of_dead_units(data: TensorData) -> None:
    config = TrainConfig(depth=3, epochs=1, width=64, lr=1e-12)
    state = TrainState.start(config, CPU)
    with torch.no_grad():
        list(state.model.parameters())[1][:16] = -1e6
    (record,) = train(config, data, state)
    first, second = record.dead_relu
    assert first == pytest.approx(0.25, abs=0.05)
    assert second < 0.5


@pytest.mark.parametrize(
    "other",
    [
        {"optimizer": "adam", "lr": 0.001, "weight_decay": 0.01},
        {"optimizer": "nesterov", "momentum": 0.9, "schedule": "onecycle"},
        {"dropout": 0.3, "schedule": "cosine"},
        {"precision": "bf16", "optimizer": "adamw", "lr": 0.001},
    ],
    ids=lambda other: "-".join(map(str, other.values())),
)
def test_a_pause_changes_no_bit_with_any_hyperparameters(data: TensorData, other: dict[str, Any]) -> None:
    four = TrainConfig(**{"depth": 3, "epochs": 4, "batch_size": 128, **other})
    weights, records = run(four, data)
    state = TrainState.start(four, CPU)
    training = train(four, data, state)
    first = [replace(next(training), seconds=0) for _ in range(2)]
    second = [replace(record, seconds=0) for record in train(four, data, state)]
    assert first + second == records
    assert bit_equal(weights, list(state.model.parameters()))


def test_patience_ends_a_run_whose_test_loss_rises(data: TensorData) -> None:
    config = TrainConfig(depth=3, epochs=400, batch_size=50, lr=0.5, patience=3)
    state = TrainState.start(config, CPU)
    records = list(train(config, data, state))
    assert len(records) < config.epochs
    assert state.epoch - state.best_epoch == config.patience
    best = min(records, key=lambda record: record.test_loss)
    assert (best.epoch, best.test_loss) == (state.best_epoch, state.best_test_loss)
    assert list(train(config, data, state)) == []


def test_a_gradient_beyond_float32_ends_the_training_while_the_loss_is_still_finite(
    data: TensorData,
) -> None:
    """Its norm would be infinite, which no record can hold."""
    config = TrainConfig(depth=4, epochs=20, lr=30, batch_size=300)
    records: list[EpochRecord] = []
    with pytest.raises(Diverged, match=r"^diverged: gradient became non-finite at epoch 5$"):
        records.extend(train(config, data, TrainState.start(config, CPU)))
    assert len(records) == 4
    assert all(math.isfinite(norm) for record in records for norm in record.gradient_norms)


def test_every_image_counts_once_and_equally_the_short_last_batch_included(data: TensorData) -> None:
    config = TrainConfig(depth=2, epochs=2, batch_size=128, lr=1e-12)
    whole = evaluate(TrainState.start(config, CPU).model, data.train_images, data.train_labels)
    _, records = run(config, data)
    for record in records:
        assert record.train_loss == pytest.approx(whole.loss, rel=1e-6)
        assert record.train_accuracy == whole.accuracy


def test_the_loss_of_a_short_last_batch_is_the_mean_over_its_images(data: TensorData) -> None:
    config = TrainConfig(depth=2, epochs=1, batch_size=len(data.train_labels) - 10, lr=1e-12)
    _, (record,) = run(config, data)
    assert record.last_batch_loss == pytest.approx(record.train_loss, rel=0.1)


def test_each_epoch_has_a_different_order(data: TensorData) -> None:
    _, records = run(TrainConfig(depth=1, epochs=3, batch_size=256, lr=1e-12), data)
    assert len({record.last_batch_loss for record in records}) == 3


@pytest.mark.parametrize("seed", [1, 2**32 - 1])
def test_another_seed_gives_other_weights_and_another_order(data: TensorData, seed: int) -> None:
    still = TrainConfig(depth=1, epochs=1, batch_size=256, lr=1e-12)
    weights, records = run(still, data)
    others, other_records = run(still.model_copy(update={"seed": seed}), data)
    assert not bit_equal(weights, others)
    assert records[0].last_batch_loss != other_records[0].last_batch_loss


def test_should_stop_is_asked_before_each_of_the_59_batches_of_an_epoch(mnist: TensorData) -> None:
    asked = 0

    def count() -> bool:
        nonlocal asked
        asked += 1
        return False

    config = TrainConfig(depth=1, epochs=1)
    (record,) = train(config, mnist, TrainState.start(config, CPU), count)
    assert asked == 59
    assert record.test_accuracy > 0.7


def test_dropout_differs_between_epochs_and_repeats_with_the_seed(data: TensorData) -> None:
    config = TrainConfig(depth=2, epochs=2, batch_size=300, lr=1e-12, dropout=0.5)
    _, (first, second) = run(config, data)
    assert first.train_loss != second.train_loss
    assert first.test_loss == pytest.approx(second.test_loss, rel=1e-6)
    weights, records = run(config, data)
    again, records_again = run(config, data)
    assert records == records_again
    assert bit_equal(weights, again)
