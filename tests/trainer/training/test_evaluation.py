"""Loss and accuracy over whole splits."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from tests.trainer.conftest import normalised
from trainer.data.loading import TensorData
from trainer.training.evaluation import Evaluation, evaluate, predict
from trainer.training.model import build


def test_accuracy_and_loss_are_over_every_image_of_the_split(mnist: TensorData) -> None:
    network = build((784, 10), seed=0)
    logits = network(normalised(mnist.train_images)).detach()
    evaluation = evaluate(network, mnist.train_images, mnist.train_labels)
    right = (logits.argmax(dim=1) == mnist.train_labels).sum().item()
    assert evaluation.accuracy == right / 60_000
    assert evaluation.loss == pytest.approx(cross_entropy(logits, mnist.train_labels).item(), rel=1e-5)


def test_predictions_are_logits_in_the_images_order(data: TensorData) -> None:
    network = build((784, 16, 10), seed=1)
    torch.testing.assert_close(
        predict(network, data.test_images), network(normalised(data.test_images)).detach()
    )


def test_a_network_that_is_always_right_has_accuracy_one() -> None:
    labels = torch.arange(10).repeat(300)
    images = nn.functional.one_hot(labels, 784).byte() * 255
    always_right = nn.Linear(784, 10)
    nn.init.eye_(always_right.weight)
    nn.init.zeros_(always_right.bias)
    with torch.no_grad():
        always_right.weight.mul_(100)
    evaluation = evaluate(nn.Sequential(always_right), images, labels)
    assert evaluation == Evaluation(loss=0.0, accuracy=1.0, dead_relu=())


def test_a_unit_is_dead_if_no_image_of_the_split_activates_it(data: TensorData) -> None:
    network = build((784, 8, 10), seed=0)
    weight, bias, *_ = network.parameters()
    with torch.no_grad():
        weight.abs_()  # wakes every unit
        weight[:3] = 0
        bias[:] = torch.tensor([-1.0, -1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    assert evaluate(network, data.test_images, data.test_labels).dead_relu == (0.25,)
