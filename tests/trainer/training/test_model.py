"""The network: its shape, its initial weights and its loss."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, log_softmax

from tests.trainer.conftest import normalised
from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.training.model import build


@pytest.mark.parametrize(
    ("depth", "sizes", "parameters"),
    [
        (1, [784, 10], 7_850),
        (2, [784, 512, 10], 407_050),
        (3, [784, 512, 256, 10], 535_818),
        (4, [784, 512, 256, 128, 10], 567_434),
        (5, [784, 512, 256, 128, 64, 10], 575_050),
    ],
)
def test_each_depth_has_the_layers_and_parameters_of_the_reference(
    depth: int, sizes: list[int], parameters: int
) -> None:
    config = TrainConfig(depth=depth)
    network = build(config.layer_sizes, seed=0)
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    assert [linear[0].in_features, *(layer.out_features for layer in linear)] == sizes
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert config.parameters == parameters
    assert [type(layer) for layer in list(network)[1::2]] == [nn.ReLU] * (depth - 1)
    assert len(network) == 2 * depth - 1


def test_initial_weights_are_those_of_pytorchs_linear_layers() -> None:
    network = build((784, 64, 10), seed=7)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        plain = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_building_does_not_change_the_global_generator() -> None:
    before = torch.get_rng_state()
    build((784, 10), seed=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_loss_of_logits_is_that_of_the_references_double_log_softmax(data: TensorData) -> None:
    logits = build((784, 512, 256, 10), seed=0)(normalised(data.train_images))
    reference = cross_entropy(log_softmax(logits, dim=1), data.train_labels)
    torch.testing.assert_close(cross_entropy(logits, data.train_labels), reference)
