"""Optimizers as plain arithmetic: `torch.optim`'s first use costs two seconds of imports and 73 MiB.

Update rules are those of PyTorch: `SGD` (momentum with dampening 0, Nesterov's variant), `Adam` (Kingma and
Ba, 2015) and `AdamW` (Loshchilov and Hutter, 2019), the last two with betas 0.9 and 0.999 and epsilon 1e-8.
"""

import math
from typing import Final

import torch
from torch import Tensor

from trainer.config import TrainConfig
from trainer.device import records_steps
from trainer.training.passes import Layers, scale

BETA_1: Final = 0.9
BETA_2: Final = 0.999
EPSILON: Final = 1e-8


class Optimizer:
    """Changes a network's parameters, layer by layer, as the backward pass reaches them.

    `moments` holds what the rule remembers, by name; what is missing begins at zero and is added.
    """

    def __init__(self, config: TrainConfig, layers: Layers, moments: dict[str, Tensor]) -> None:
        self._config = config
        self._layers = layers
        self._adaptive = config.optimizer in ("adam", "adamw")
        self._plain = (
            not self._adaptive
            and not config.momentum
            and not config.weight_decay
            and (config.schedule == "constant" or not records_steps(config, layers.device))
        )
        self._moments = [
            tuple(self._remembered(moments, index, name, parameter))
            for index, pair in enumerate(layers.masters)
            for name, parameter in zip(("weight", "bias"), pair, strict=True)
        ]
        # Scalars that change from step to step lie on the device, so that a recorded step reads them;
        # a plain one, whose learning rate is part of its products, is recorded only where that is constant.
        self._plain_lr = 0.0
        self._lr = torch.zeros((), device=layers.device)
        self._root_correction = torch.ones((), device=layers.device)
        self._undecayed = torch.ones((), device=layers.device)

    def _remembered(
        self, moments: dict[str, Tensor], index: int, name: str, parameter: Tensor
    ) -> list[Tensor]:
        kinds = ["mean", "square"] if self._adaptive else ["momentum"] if self._config.momentum else []
        keys = [f"{kind}.{index}.{name}" for kind in kinds]
        return [moments.setdefault(key, torch.zeros_like(parameter)) for key in keys]

    def begin(self, lr: float, step: int) -> None:
        """Prepare the update number `step`, the first being 1, with this learning rate."""
        if self._plain:
            self._plain_lr = lr
        elif self._adaptive:
            self._lr.fill_(lr / (1 - BETA_1**step))
            self._root_correction.fill_(math.sqrt(1 - BETA_2**step))
            self._undecayed.fill_(1 - lr * self._config.weight_decay)
        else:
            self._lr.fill_(lr)

    def update(self, layer: int, of_output: Tensor, inputs: Tensor, ones: Tensor) -> None:
        """Change a layer by its output's gradient (width, n) and its input (n, width); `ones` is (n,)."""
        weight, bias = self._layers.masters[layer]
        if self._plain and weight.dtype == of_output.dtype:
            weight.addmm_(of_output, inputs, alpha=-self._plain_lr * scale(layer))
            bias.addmv_(of_output, ones, alpha=-self._plain_lr)
            return
        self.apply(layer, *gradients(layer, of_output, inputs, ones))

    def apply(self, layer: int, of_weight: Tensor, of_bias: Tensor) -> None:
        """Change a layer by the gradients of its weight and bias, `float32`, which may be overwritten."""
        for position, gradient in enumerate((of_weight, of_bias)):
            parameter = self._layers.masters[layer][position]
            if self._plain:
                parameter.add_(gradient, alpha=-self._plain_lr)
            else:
                self._descend(parameter, gradient, self._moments[2 * layer + position])

    def _descend(self, parameter: Tensor, gradient: Tensor, moments: tuple[Tensor, ...]) -> None:
        config = self._config
        if config.optimizer == "adamw":
            parameter.mul_(self._undecayed)
        elif config.weight_decay:
            gradient.add_(parameter, alpha=config.weight_decay)
        if self._adaptive:
            mean, square = moments
            mean.lerp_(gradient, 1 - BETA_1)
            square.mul_(BETA_2).addcmul_(gradient, gradient, value=1 - BETA_2)
            size = torch.sqrt(square).div_(self._root_correction).add_(EPSILON)
            parameter.sub_(torch.div(mean, size).mul_(self._lr))
            return
        if moments:
            (momentum,) = moments
            momentum.mul_(config.momentum).add_(gradient)
            if config.optimizer == "nesterov":
                gradient.add_(momentum, alpha=config.momentum)
            else:
                gradient = momentum
        parameter.sub_(gradient * self._lr)


def gradients(layer: int, of_output: Tensor, inputs: Tensor, ones: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of a layer's weight (width, inputs) and bias (width,), `float32`; arguments as `update`'s."""
    of_weight = torch.mm(of_output, inputs).float()
    if scale(layer) != 1:
        of_weight.mul_(scale(layer))
    return of_weight, torch.mv(of_output, ones).float()
