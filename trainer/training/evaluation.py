"""How well a network does on a whole split."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from trainer.config import Precision
from trainer.training.passes import Forward, Layers, batches

BATCH_IMAGES: Final = 2_000


@dataclass(frozen=True)
class Evaluation:
    """Mean cross-entropy in nats and the fraction of images read rightly.

    `dead_relu` is, for each hidden layer, the fraction of its units that are 0 for every image.
    """

    loss: float
    accuracy: float
    dead_relu: tuple[float, ...]

    @classmethod
    def of(cls, measured: Sequence[float], images: int) -> Self:
        """What `Evaluator.measure` has measured over so many images, read back from the device."""
        loss, correct, *dead = measured
        return cls(loss, correct / images, tuple(dead))


def nothing() -> None:
    """An `on_batch` that does nothing."""


class Evaluator:
    """Evaluates one network again and again, in buffers that stay; `on_batch` is called before each batch."""

    def __init__(
        self,
        model: nn.Sequential,
        precision: Precision = "fp32",
        on_batch: Callable[[], None] = nothing,
    ) -> None:
        self._on_batch = on_batch
        self._layers = Layers(model, precision)
        self._passes: dict[int, _Watched] = {}
        self._brightest: list[Tensor] = []

    def __call__(self, images: Tensor, labels: Tensor) -> Evaluation:
        """Loss and accuracy over all of `images` `uint8` (n, 784), whose classes are `labels` (n,)."""
        return Evaluation.of(self.measure(images, labels).tolist(), len(labels))

    @torch.no_grad()
    def measure(self, images: Tensor, labels: Tensor) -> Tensor:
        """The same on the device, `float32`: the loss, how many are read rightly, each layer's dead share."""
        logits = self.logits(images)
        correct = (logits.argmax(dim=1) == labels).sum()
        dead = [(units == 0).float().mean() for units in self._brightest]
        return torch.stack([cross_entropy(logits, labels), correct.float(), *dead])

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """Logits (n, 10) of `images` `uint8` (n, 784)."""
        self._layers.refresh()
        self._brightest = [torch.zeros(width, device=images.device) for width in self._layers.hidden]
        return torch.cat(list(self._batches(images)))

    def _batches(self, images: Tensor) -> Iterator[Tensor]:
        for batch in batches(len(images), BATCH_IMAGES):
            self._on_batch()
            some = images[batch]
            if len(some) not in self._passes:
                self._passes[len(some)] = _Watched(self._layers, len(some))
            passes = self._passes[len(some)]
            passes.brightest = self._brightest
            passes.pixels.copy_(some)
            yield passes().t().contiguous()


class _Watched(Forward):
    """A forward pass that notes each hidden unit's greatest activation."""

    brightest: list[Tensor]

    def activated(self, layer: int, activations: Tensor) -> None:
        """Raise the notes of a layer to the greatest activation over this batch's images."""
        torch.maximum(self.brightest[layer], activations.amax(dim=0).float(), out=self.brightest[layer])


def evaluate(
    model: nn.Sequential,
    images: Tensor,
    labels: Tensor,
    precision: Precision = "fp32",
    on_batch: Callable[[], None] = nothing,
) -> Evaluation:
    """Loss and accuracy over all of `images` `uint8` (n, 784), whose classes are `labels` (n,)."""
    return Evaluator(model, precision, on_batch)(images, labels)


def predict(
    model: nn.Sequential,
    images: Tensor,
    precision: Precision = "fp32",
    on_batch: Callable[[], None] = nothing,
) -> Tensor:
    """Logits (n, 10) of `images` `uint8` (n, 784)."""
    return Evaluator(model, precision, on_batch).logits(images)
