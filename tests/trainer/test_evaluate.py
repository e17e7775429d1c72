"""Loss and accuracy over whole splits."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from tests.trainer.conftest import normalised
from trainer.data import TensorData
from trainer.evaluate import Evaluation, evaluate, predict
from trainer.model import build


def test_accuracy_and_loss_are_over_every_image_of_the_split(mnist: TensorData) -> None:
    network = build((784, 10), seed=0)
    logits = network(normalised(mnist.train_images)).detach()
    found = evaluate(network, mnist.train_images, mnist.train_labels)
    right = (logits.argmax(dim=1) == mnist.train_labels).sum().item()
    assert found.accuracy == right / 60_000
    assert found.loss == pytest.approx(cross_entropy(logits, mnist.train_labels).item(), rel=1e-5)


def test_predictions_are_logits_in_the_images_order(data: TensorData) -> None:
    network = build((784, 16, 10), seed=1)
    torch.testing.assert_close(
        predict(network, data.test_images), network(normalised(data.test_images)).detach()
    )


def test_a_network_that_is_always_right_has_accuracy_one() -> None:
    labels = torch.arange(10).repeat(300)
    images = nn.functional.one_hot(labels, 784).to(torch.uint8) * 255
    always_right = nn.Linear(784, 10, bias=False)
    nn.init.eye_(always_right.weight).detach().mul_(100)
    assert evaluate(always_right, images, labels) == Evaluation(loss=0.0, accuracy=1.0)
