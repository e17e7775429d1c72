"""Evaluates a network on a whole split."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from trainer.config import Precision
from trainer.training.forward import Forward, Layers, batches_of

BATCH_IMAGES: Final = 2_000


@dataclass(frozen=True)
class Evaluation:
    """Mean cross-entropy in nats and the fraction of correctly classified images.

    `dead_relu` contains, for each hidden layer, the fraction of its units that are 0 on all images.
    """

    loss: float
    accuracy: float
    dead_relu: tuple[float, ...]


def nothing() -> None:
    """An `on_batch` that does nothing."""


class Evaluator:
    """Evaluates one network repeatedly in reused buffers; `on_batch` is called before each batch."""

    def __init__(
        self,
        model: nn.Sequential,
        precision: Precision = "fp32",
        on_batch: Callable[[], None] = nothing,
    ) -> None:
        self._on_batch = on_batch
        self._layers = Layers(model, precision)
        self._forward: dict[int, Forward] = {}
        self._brightest = [torch.zeros(width, device=self._layers.device) for width in self._layers.hidden]
        """The maximum activation of each hidden unit over all images."""
        self._note = partial(_raise, self._brightest)

    @torch.no_grad()
    def __call__(self, images: Tensor, labels: Tensor) -> Evaluation:
        """Loss and accuracy over all of `images` `uint8` (n, 784) with classes `labels` (n,)."""
        logits = self.logits(images)
        correct = (logits.argmax(dim=1) == labels).sum().float()
        dead = [(brightest == 0).float().mean() for brightest in self._brightest]
        figures = torch.stack([cross_entropy(logits, labels), correct, *dead])
        loss, read_rightly, *dead_relu = figures.tolist()  # one read-back: each one waits for the GPU
        return Evaluation(loss, read_rightly / len(labels), tuple(dead_relu))

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """Logits (n, 10) of `images` `uint8` (n, 784)."""
        self._layers.refresh()
        for brightest in self._brightest:
            brightest.zero_()
        return torch.cat([self._batch(images[batch]) for batch in batches_of(BATCH_IMAGES, len(images))])

    def _batch(self, images: Tensor) -> Tensor:
        self._on_batch()
        if len(images) not in self._forward:
            self._forward[len(images)] = Forward(self._layers, len(images), self._note)
        forward = self._forward[len(images)]
        forward.pixels.copy_(images)
        return forward().t().contiguous()


def _raise(brightest: Sequence[Tensor], layer: int, activations: Tensor) -> None:
    """Update a layer's maximum activations with the activations of these images (n, width)."""
    torch.maximum(brightest[layer], activations.amax(dim=0).float(), out=brightest[layer])


def evaluate(
    model: nn.Sequential,
    images: Tensor,
    labels: Tensor,
    precision: Precision = "fp32",
    on_batch: Callable[[], None] = nothing,
) -> Evaluation:
    """Loss and accuracy over all of `images` `uint8` (n, 784) with classes `labels` (n,)."""
    return Evaluator(model, precision, on_batch)(images, labels)


def predict(
    model: nn.Sequential,
    images: Tensor,
    precision: Precision = "fp32",
    on_batch: Callable[[], None] = nothing,
) -> Tensor:
    """Logits (n, 10) of `images` `uint8` (n, 784)."""
    return Evaluator(model, precision, on_batch).logits(images)
