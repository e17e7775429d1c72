"""The forward pass of a fully connected network, written out over reused buffers.

Pixels enter the first product as integers, which bfloat16 represents exactly from 0 to 255. The factor 1/255
is the scale of that product, so it needs no pass over the images.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

from trainer.config import CLASSES, PIXELS, Precision

PIXEL_SCALE: Final = 1 / 255

OnHidden = Callable[[int, Tensor], object]
"""Called with a hidden layer's index and its activations (n, width), which it may read or change."""


class Layers:
    """A network's weights and biases: the `float32` parameters, and the operands of matrix products.

    With `bf16`, the operands are copies, which `refresh` updates from the parameters. On a CPU without
    bfloat16 instructions, bfloat16 products would be many times slower than `float32` products. There the
    operands are rounded to bfloat16 values and multiplied as `float32`.
    """

    def __init__(self, model: nn.Sequential, precision: Precision) -> None:
        linears = [module for module in model if isinstance(module, nn.Linear)]
        self.parameters: list[tuple[Tensor, ...]] = [
            (linear.weight.detach(), linear.bias.detach()) for linear in linears
        ]
        self.device = self.parameters[0][0].device
        self.hidden = [len(bias) for _, bias in self.parameters[:-1]]
        """Widths of the hidden layers."""
        self._copied = precision == "bf16"
        self._rounded = self._copied and self.device.type == "cpu" and not has_bf16()
        self.dtype = torch.bfloat16 if self._copied and not self._rounded else torch.float32
        self.operands = self.parameters
        if self._copied:
            self.operands = [
                tuple(torch.empty_like(parameter, dtype=self.dtype) for parameter in pair)
                for pair in self.parameters
            ]
            self.refresh()

    def refresh(self) -> None:
        """Copy the current values of the parameters to the operands."""
        if self._copied:
            for operands, parameters in zip(self.operands, self.parameters, strict=True):
                for operand, parameter in zip(operands, parameters, strict=True):
                    operand.copy_(parameter)
                    self.round(operand)

    def round(self, operand: Tensor) -> Tensor:
        """Round an operand in place to bfloat16 values, if `float32` stands in for bfloat16."""
        return operand.copy_(operand.bfloat16()) if self._rounded else operand


def has_bf16() -> bool:
    """Whether this CPU has instructions for bfloat16 products."""
    instructions = torch.ops.mkldnn  # missing in builds for other processors
    supported = getattr(instructions, "_is_mkldnn_bf16_supported", None)  # PyTorch has no public name for it
    return bool(supported and supported())


class Forward:
    """The forward pass for batches of one size.

    The caller copies a batch into `pixels` (n, 784) `uint8`. `inputs` are the inputs of each layer, hidden
    activations included. The logits are (10, n), so that the softmax runs along the long axis.
    """

    def __init__(self, layers: Layers, images: int, on_hidden: OnHidden | None = None) -> None:
        def empty(*shape: int, dtype: torch.dtype = layers.dtype) -> Tensor:
            return torch.empty(*shape, dtype=dtype, device=layers.device)

        self._layers = layers
        self._on_hidden = on_hidden
        self.pixels = empty(images, PIXELS, dtype=torch.uint8)
        self.inputs = [empty(images, width) for width in (PIXELS, *layers.hidden)]
        self._logits = empty(CLASSES, images)

    def __call__(self) -> Tensor:
        """Logits `float32` (10, n) of the images in `pixels`."""
        self.inputs[0].copy_(self.pixels)
        *hidden, (weight, bias) = self._layers.operands
        for layer, (hidden_weight, hidden_bias) in enumerate(hidden):
            inputs, output = self.inputs[layer], self.inputs[layer + 1]
            torch.addmm(hidden_bias, inputs, hidden_weight.t(), alpha=input_scale(layer), out=output).relu_()
            if self._on_hidden:
                self._on_hidden(layer, output)
            self._layers.round(output)
        inputs, scale = self.inputs[-1].t(), input_scale(len(hidden))
        torch.addmm(bias.unsqueeze(1), weight, inputs, alpha=scale, out=self._logits)
        return self._logits.float()


def input_scale(layer: int) -> float:
    """The factor for matrix products with this layer's input."""
    return PIXEL_SCALE if layer == 0 else 1.0


def batches_of(size: int, images: int) -> list[slice]:
    """Slices of `images` images in batches of `size`, including a shorter last one."""
    starts: Sequence[int] = [*range(0, images, size), images]
    return [slice(start, end) for start, end in pairwise(starts)]
