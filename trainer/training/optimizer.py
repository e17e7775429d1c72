"""Optimizers as plain arithmetic: `torch.optim`'s first use costs two seconds of imports and 73 MiB.

Update rules are those of PyTorch: `SGD` (momentum with dampening 0, Nesterov's variant), `Adam` (Kingma and
Ba, 2015) and `AdamW` (Loshchilov and Hutter, 2019), the last two with betas 0.9 and 0.999 and epsilon 1e-8.
"""

import math
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from trainer.config import TrainConfig

BETA_1: Final = 0.9
BETA_2: Final = 0.999
EPSILON: Final = 1e-8


class Optimizer:
    """Updates parameters from their gradients, layer by layer during the backward pass.

    `parameters` are a weight and a bias for each layer. `moments` contains the optimizer's running averages
    by name; missing ones are added as zeros. `recorded` says that the steps are recorded as CUDA graphs.
    """

    def __init__(
        self,
        config: TrainConfig,
        parameters: Sequence[tuple[Tensor, ...]],
        moments: dict[str, Tensor],
        *,
        recorded: bool,
    ) -> None:
        self._config = config
        self._parameters = parameters
        self._adaptive = config.optimizer in ("adam", "adamw")
        # Scalars that change from step to step are tensors on the device, which a recorded step can read. A
        # recorded plain update needs a constant learning rate, because the rate is a number in its products.
        self.is_plain = (
            not self._adaptive
            and not config.momentum
            and not config.weight_decay
            and (config.schedule == "constant" or not recorded)
        )
        """Whether an update only subtracts `lr` times the gradient."""
        self.lr = 0.0
        device = parameters[0][0].device
        self._scaled_lr = torch.zeros((), device=device)
        self._root_correction = torch.ones((), device=device)
        self._undecayed = torch.ones((), device=device)
        self._moments = [
            tuple(self._remembered(moments, layer, name, parameter))
            for layer, pair in enumerate(parameters)
            for name, parameter in zip(("weight", "bias"), pair, strict=True)
        ]

    def _remembered(
        self, moments: dict[str, Tensor], layer: int, name: str, parameter: Tensor
    ) -> list[Tensor]:
        kinds = ["mean", "square"] if self._adaptive else ["momentum"] if self._config.momentum else []
        keys = [f"{kind}.{layer}.{name}" for kind in kinds]
        return [moments.setdefault(key, torch.zeros_like(parameter)) for key in keys]

    def begin(self, lr: float, number: int) -> None:
        """Prepare update number `number`, counted from 1, with this learning rate."""
        self.lr = lr
        if self._adaptive:
            self._scaled_lr.fill_(lr / (1 - BETA_1**number))
            self._root_correction.fill_(math.sqrt(1 - BETA_2**number))
            self._undecayed.fill_(1 - lr * self._config.weight_decay)
        elif not self.is_plain:
            self._scaled_lr.fill_(lr)

    def descend(self, layer: int, of_weight: Tensor, of_bias: Tensor) -> None:
        """Update a layer from the `float32` gradients of its weight and bias, which may be overwritten."""
        for position, gradient in enumerate((of_weight, of_bias)):
            parameter = self._parameters[layer][position]
            if self.is_plain:
                parameter.add_(gradient, alpha=-self.lr)
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
            parameter.sub_(torch.div(mean, size).mul_(self._scaled_lr))
            return
        if moments:
            (momentum,) = moments
            momentum.mul_(config.momentum).add_(gradient)
            if config.optimizer == "nesterov":
                gradient.add_(momentum, alpha=config.momentum)
            else:
                gradient = momentum
        parameter.sub_(gradient * self._scaled_lr)
