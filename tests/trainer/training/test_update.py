"""One update: that of plain SGD, and the norms of its gradients."""

import pytest
import torch
from torch.nn.functional import cross_entropy, linear, relu

from tests.trainer.conftest import normalised
from tests.trainer.small_runs import CPU, run
from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.training.loop import TrainState, dropout_seed, order_of, train


def test_one_full_batch_is_one_step_of_plain_sgd(data: TensorData) -> None:
    config = TrainConfig(depth=2, epochs=1, batch_size=300, lr=0.5)
    model = TrainState.start(config, CPU).model
    before = list(model.parameters())
    gradients = torch.autograd.grad(
        cross_entropy(model(normalised(data.train_images)), data.train_labels), before
    )
    after, _ = run(config, data)
    for weights, start, gradient in zip(after, before, gradients, strict=True):
        torch.testing.assert_close(weights, start - 0.5 * gradient)


def test_a_record_has_the_gradient_norms_of_the_last_batch(data: TensorData) -> None:
    config = TrainConfig(depth=3, epochs=1, batch_size=300, width=64)
    model = TrainState.start(config, CPU).model
    loss = cross_entropy(model(normalised(data.train_images)), data.train_labels)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    (record,) = train(config, data, TrainState.start(config, CPU))
    expected = [
        torch.hypot(gradients[index].norm(), gradients[index + 1].norm()).item() for index in (0, 2, 4)
    ]
    assert record.gradient_norms == pytest.approx(expected, rel=1e-4)


def test_dropped_units_have_no_gradient(data: TensorData) -> None:
    config = TrainConfig(depth=2, epochs=1, batch_size=300, lr=0.5, dropout=0.4)
    before = list(TrainState.start(config, CPU).model.parameters())
    order = order_of(config.seed, 1, 300)
    generator = torch.Generator().manual_seed(dropout_seed(config.seed, 1))
    kept = torch.empty(300, config.width).bernoulli_(0.6, generator=generator) / 0.6
    weight, bias, last_weight, last_bias = before
    hidden = relu(linear(normalised(data.train_images[order]), weight, bias)) * kept
    loss = cross_entropy(linear(hidden, last_weight, last_bias), data.train_labels[order])
    gradients = torch.autograd.grad(loss, before)
    after, _ = run(config, data)
    for weights, start, gradient in zip(after, before, gradients, strict=True):
        torch.testing.assert_close(weights, start - 0.5 * gradient)
