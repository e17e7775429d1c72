"""One update of a network: a batch's images gathered, the passes, the loss, and the optimizer."""

import torch
from torch import Tensor

from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.training.optimizer import Optimizer, gradients
from trainer.training.passes import Backward, Forward, Layers


class Step:
    """The update for batches of one size, in buffers that stay.

    A call leaves in `loss_sum` the cross-entropy summed over the batch's images, and in `correct` how many of
    them were read rightly, both at the weights before the update. With `measured`, `norms` (layers,)
    gets the L2 norms of the gradient of each layer's weight and bias together.
    """

    def __init__(
        self,
        config: TrainConfig,
        data: TensorData,
        layers: Layers,
        optimizer: Optimizer,
        *,
        images: int,
        generator: torch.Generator,
    ) -> None:
        device = layers.device
        self._data = data
        self._layers = layers
        self._optimizer = optimizer
        self._forward = _WithDropout(layers, images, config.dropout, generator)
        self._backward = Backward(self._forward, config.dropout)
        self._ones = torch.ones(images, dtype=layers.dtype, device=device)
        self._minus_one = torch.full((1, images), -1.0, device=device)
        self.indices = torch.zeros(images, dtype=torch.int64, device=device)
        """Which training images the batch consists of; to be filled before the call."""
        self._labels = torch.zeros(images, dtype=torch.int64, device=device)
        self.loss_sum = torch.zeros((), device=device)
        self.correct = torch.zeros((), dtype=torch.int64, device=device)
        self.norms = torch.zeros(len(layers.masters), device=device)

    def __call__(self, *, measured: bool) -> None:
        """Do one update with the images of `indices`."""
        torch.index_select(self._data.train_images, 0, self.indices, out=self._forward.pixels)
        torch.index_select(self._data.train_labels, 0, self.indices, out=self._labels)
        for layer, of_output, inputs in self._backward(self._logits_gradient(self._forward())):
            if measured:
                of_weight, of_bias = gradients(layer, of_output, inputs, self._ones)
                self.norms[layer] = torch.hypot(of_weight.norm(), of_bias.norm())
                self._optimizer.apply(layer, of_weight, of_bias)
            else:
                self._optimizer.update(layer, of_output, inputs, self._ones)
        self._layers.refresh()

    def _logits_gradient(self, logits: Tensor) -> Tensor:
        """The gradient of the mean cross-entropy: softmax minus one-hot, over n; both (10, n)."""
        labels = self._labels.unsqueeze(0)
        self.correct.copy_((logits.max(dim=0).indices == self._labels).sum())
        log_probabilities = torch.log_softmax(logits, dim=0)
        self.loss_sum.copy_(log_probabilities.gather(0, labels).sum().neg_())
        return log_probabilities.exp_().scatter_add_(0, labels, self._minus_one).mul_(1 / len(self.indices))


class _WithDropout(Forward):
    def __init__(self, layers: Layers, images: int, chance: float, generator: torch.Generator) -> None:
        super().__init__(layers, images)
        self._chance = chance
        self._generator = generator

    def activated(self, layer: int, activations: Tensor) -> None:
        """Silence units by chance, and make up for it in the others."""
        del layer
        if self._chance:
            kept = torch.empty_like(activations).bernoulli_(1 - self._chance, generator=self._generator)
            activations.mul_(kept.div_(1 - self._chance))
