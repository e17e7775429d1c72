"""Epochs: in an order of their own, every image once, and dropout drawn anew."""

import pytest

from tests.trainer.small_runs import CPU, bit_equal, run
from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.training.evaluation import evaluate
from trainer.training.loop import TrainState, train


def test_every_image_counts_once_and_equally_the_short_last_batch_included(data: TensorData) -> None:
    config = TrainConfig(depth=2, epochs=2, batch_size=128, lr=1e-12)
    whole = evaluate(TrainState.start(config, CPU).model, data.train_images, data.train_labels)
    _, records = run(config, data)
    for record in records:
        assert record.train_loss == pytest.approx(whole.loss, rel=1e-6)
        assert record.train_accuracy == whole.accuracy


def test_each_epoch_has_an_order_of_its_own(data: TensorData) -> None:
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


def test_dropout_is_drawn_anew_each_epoch_and_the_same_for_the_same_seed(data: TensorData) -> None:
    config = TrainConfig(depth=2, epochs=2, batch_size=300, lr=1e-12, dropout=0.5)
    _, (first, second) = run(config, data)
    assert first.train_loss != second.train_loss
    assert first.test_loss == pytest.approx(second.test_loss, rel=1e-6)
    weights, records = run(config, data)
    again, records_again = run(config, data)
    assert records == records_again
    assert bit_equal(weights, again)
