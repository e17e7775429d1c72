"""The forward pass with dropout, and in bfloat16."""

import pytest

from tests.trainer.small_runs import CONFIG, run
from trainer.config import TrainConfig
from trainer.data.loading import TensorData


def test_dropout_drops_the_given_share_and_keeps_the_mean(data: TensorData) -> None:
    """Over many draws the loss with dropout at frozen weights lies near that without, and above it."""
    config = TrainConfig(depth=2, epochs=20, batch_size=300, lr=1e-12, dropout=0.1)
    _, records = run(config, data)
    _, (plain, *_) = run(config.model_copy(update={"dropout": 0.0}), data)
    mean = sum(record.train_loss for record in records) / len(records)
    assert plain.train_loss < mean < plain.train_loss * 1.05


def test_bf16_trains_much_as_fp32_does(data: TensorData) -> None:
    _, exact = run(CONFIG, data)
    _, rounded = run(CONFIG.model_copy(update={"precision": "bf16"}), data)
    assert rounded != exact
    assert rounded[-1].train_loss == pytest.approx(exact[-1].train_loss, rel=0.01)
