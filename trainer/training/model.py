"""The network: fully connected layers with ReLU between them."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import init


def build(layer_sizes: Sequence[int], seed: int) -> nn.Sequential:
    """A network on the CPU that maps images `float32` (n, 784) to logits (n, 10).

    `layer_sizes` are the widths from inputs to logits. The initial weights have the distribution of
    `torch.nn.Linear` and depend only on `seed`: PyTorch's global generator is neither read nor advanced.
    """
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(layer_sizes):
        layers += [_linear(inputs, outputs, generator), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    bound = 1 / math.sqrt(inputs)
    init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
    init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer
