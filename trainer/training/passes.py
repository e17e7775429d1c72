"""The forward and backward passes of a fully connected network, written out over buffers that stay.

Automatic differentiation allocates every intermediate anew and holds gradients that plain SGD never needs as
such. Written out, a weight's gradient goes into the weight in the product that makes it.

Pixels enter the first product as the whole numbers they are, and the factor 1/255 goes into the product's own
scale: no pass over the images, and exact in bfloat16, which holds 0 to 255.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

from trainer.config import CLASSES, PIXELS, Precision

PIXEL_SCALE: Final = 1 / 255


class Layers:
    """A network's weights and biases as the products take them.

    With `bf16` these are copies, which `refresh` takes anew from the `float32` parameters. On a CPU without
    instructions for bfloat16 its products would be many times slower than those of `float32`: there the
    operands are rounded to bfloat16 values all the same, and multiplied as `float32`.
    """

    def __init__(self, model: nn.Sequential, precision: Precision) -> None:
        linears = [layer for layer in model if isinstance(layer, nn.Linear)]
        self.masters: list[tuple[Tensor, ...]] = [(it.weight.detach(), it.bias.detach()) for it in linears]
        self._copied = precision == "bf16"
        self._rounded = self._copied and self.device.type == "cpu" and not has_bf16()
        self.dtype = torch.bfloat16 if self._copied and not self._rounded else torch.float32
        self.products = self.masters
        if self._copied:
            self.products = [
                tuple(torch.empty_like(each, dtype=self.dtype) for each in pair) for pair in self.masters
            ]
            self.refresh()

    @property
    def hidden(self) -> list[int]:
        """Widths of the hidden layers."""
        return [len(bias) for _, bias in self.masters[:-1]]

    @property
    def device(self) -> torch.device:
        """Where they lie."""
        return self.masters[0][0].device

    def refresh(self) -> None:
        """Take the parameters' present values over."""
        if self._copied:
            for products, masters in zip(self.products, self.masters, strict=True):
                for product, master in zip(products, masters, strict=True):
                    product.copy_(master)
                    self.round(product)

    def round(self, operand: Tensor) -> Tensor:
        """Round an operand in place to values of bfloat16, where that is asked for and not so already."""
        return operand.copy_(operand.bfloat16()) if self._rounded else operand


def has_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 by instructions of its own."""
    instructions = torch.ops.mkldnn  # builds for other processors come without this library
    supported = getattr(instructions, "_is_mkldnn_bf16_supported", None)  # there is no public name
    return bool(supported and supported())


class Forward:
    """The forward pass for batches of one size.

    `pixels` (n, 784) `uint8` is where a batch has to be put; `inputs` are what each layer reads, hidden
    activations included; the logits are (10, n): their softmax runs along the long axis.
    """

    def __init__(self, layers: Layers, images: int) -> None:
        def empty(*shape: int, dtype: torch.dtype = layers.dtype) -> Tensor:
            return torch.empty(*shape, dtype=dtype, device=layers.device)

        self.layers = layers
        self.pixels = empty(images, PIXELS, dtype=torch.uint8)
        self.inputs = [empty(images, width) for width in (PIXELS, *layers.hidden)]
        self._logits = empty(CLASSES, images)

    def __call__(self) -> Tensor:
        """Logits `float32` (10, n) of the images in `pixels`."""
        self.inputs[0].copy_(self.pixels)
        *hidden, (weight, bias) = self.layers.products
        for index, (its_weight, its_bias) in enumerate(hidden):
            output = self.inputs[index + 1]
            torch.addmm(its_bias, self.inputs[index], its_weight.t(), alpha=scale(index), out=output).relu_()
            self.activated(index, output)
            self.layers.round(output)
        inputs = self.inputs[-1].t()
        torch.addmm(bias.unsqueeze(1), weight, inputs, alpha=scale(len(hidden)), out=self._logits)
        return self._logits.float()

    def activated(self, layer: int, activations: Tensor) -> None:
        """Called after each hidden layer with its activations (n, width), to look at or to change."""


class Backward:
    """The backward pass over what a `Forward` has left in its buffers."""

    def __init__(self, forward: Forward, dropout: float) -> None:
        self._layers = forward.layers
        self._inputs = forward.inputs
        self._gradients = [torch.empty_like(activations) for activations in forward.inputs[1:]]
        self._kept = 1 - dropout

    def __call__(self, logits_gradient: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Each layer from the last: its index, its output's gradient (width, n), and its input (n, width).

        The product of the two is the gradient of its weights, for the first layer times the pixels' scale.
        A layer's weights may change once the iterator has yielded it.
        """
        gradient = self._layers.round(logits_gradient.to(self._layers.dtype))
        for index in reversed(range(len(self._inputs))):
            of_output = gradient
            if index > 0:
                activations, of_input = self._inputs[index], self._gradients[index - 1]
                weight, _ = self._layers.products[index]
                torch.mm(of_output.t(), weight, out=of_input)
                torch.ops.aten.threshold_backward.grad_input(of_input, activations, 0, grad_input=of_input)
                if self._kept < 1:
                    of_input.mul_(1 / self._kept)
                gradient = self._layers.round(of_input).t()
            yield index, of_output, self._inputs[index]


def scale(layer: int) -> float:
    """What a product with this layer's input has to be multiplied by."""
    return PIXEL_SCALE if layer == 0 else 1.0


def batches(images: int, size: int) -> list[slice]:
    """`images` in batches of `size`, a shorter last one included."""
    starts: Sequence[int] = [*range(0, images, size), images]
    return [slice(start, end) for start, end in pairwise(starts)]
