"""One update: that of plain SGD, and the norms of its gradients."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from tests.trainer.conftest import normalised
from tests.trainer.small_runs import CPU, run
from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.training.loop import TrainState, train


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


def test_a_record_tells_each_layers_gradient_norm_on_the_last_batch(data: TensorData) -> None:
    config = TrainConfig(depth=3, epochs=1, batch_size=300, width=64)
    model = TrainState.start(config, CPU).model
    loss = cross_entropy(model(normalised(data.train_images)), data.train_labels)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    (record,) = train(config, data, TrainState.start(config, CPU))
    expected = [
        torch.hypot(gradients[index].norm(), gradients[index + 1].norm()).item() for index in (0, 2, 4)
    ]
    assert record.gradient_norms == pytest.approx(expected, rel=1e-4)
