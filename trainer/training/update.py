"""One update of a network: gather a batch, forward, loss, backward, optimizer.

The backward pass is written out. Automatic differentiation would allocate every intermediate result again
and store gradients that plain SGD does not need. Here all buffers are reused, and plain SGD adds a weight's
gradient to the weight in the product that computes it.
"""

from functools import partial

import torch
from torch import Tensor, nn

from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.training import cuda_graphs
from trainer.training.cuda_graphs import CudaGraphs
from trainer.training.forward import Forward, Layers, OnHidden, input_scale
from trainer.training.optimizer import Optimizer


class Update:
    """Updates of one network with batches of a data set.

    They change the parameters of `model` and the optimizer's running averages, `moments`.
    """

    def __init__(
        self, config: TrainConfig, data: TensorData, model: nn.Sequential, moments: dict[str, Tensor]
    ) -> None:
        device = data.device
        self.model = model
        self.moments = moments
        self.dropout_generator = torch.Generator(device)
        self.gradient_norms = torch.zeros(config.depth, device=device)
        """L2 norm of each layer's gradient (weight and bias together) in the last measured update."""
        self.is_recorded = cuda_graphs.fit(config, device)
        self._dropout = config.dropout
        self._drop = partial(_drop, config.dropout, self.dropout_generator) if config.dropout else None
        self._data = data
        self._layers = Layers(model, config.precision)
        self._optimizer = Optimizer(config, self._layers.parameters, moments, recorded=self.is_recorded)
        self._batches: dict[int, _Batch] = {}
        self._loss_sum = torch.zeros((), device=device)
        self._correct = torch.zeros((), dtype=torch.int64, device=device)
        changed = [tensor for pair in self._layers.parameters + self._layers.operands for tensor in pair]
        self._graphs = CudaGraphs(device, [*changed, *moments.values()]) if self.is_recorded else None

    def __call__(self, indices: Tensor, lr: float, number: int, *, measured: bool) -> tuple[Tensor, Tensor]:
        """Do update number `number`, counted from 1, with the training images at `indices` (n,).

        The caller disables gradients. Returns the summed cross-entropy of these images and the number
        classified correctly, both with the weights before the update. The next update overwrites the
        returned tensors. With `measured`, sets `gradient_norms`.
        """
        images = len(indices)
        if images not in self._batches:
            self._batches[images] = _Batch(self._layers, images, self._drop)
        batch = self._batches[images]
        batch.indices.copy_(indices)
        self._optimizer.begin(lr, number)
        if self._graphs:
            self._graphs.run(partial(self._step, batch, measured=measured), key=(images, measured))
        else:
            self._step(batch, measured=measured)
        return self._loss_sum, self._correct

    @torch.no_grad()
    def take(self, model: nn.Sequential, moments: dict[str, Tensor]) -> None:
        """Copy the values of a network of the same shape and of its moments; missing moments become zero."""
        for ours, theirs in zip(self.model.parameters(), model.parameters(), strict=True):
            ours.copy_(theirs)
        for name, moment in self.moments.items():
            if name in moments:
                moment.copy_(moments[name])
            else:
                moment.zero_()
        self._layers.refresh()

    def _step(self, batch: "_Batch", *, measured: bool) -> None:
        layers, forward = self._layers, batch.forward
        torch.index_select(self._data.train_images, 0, batch.indices, out=forward.pixels)
        torch.index_select(self._data.train_labels, 0, batch.indices, out=batch.labels)
        gradient = layers.round(self._loss_gradient(forward(), batch).to(layers.dtype))
        for layer in reversed(range(len(layers.parameters))):
            output_gradient, inputs = gradient, forward.inputs[layer]
            if layer > 0:  # before the layer's weights change
                gradient = self._input_gradient(layer, output_gradient, batch)
            self._descend(layer, output_gradient, inputs, batch.ones, measured=measured)
        layers.refresh()

    def _loss_gradient(self, logits: Tensor, batch: "_Batch") -> Tensor:
        """The gradient of the mean cross-entropy: (softmax - one-hot) / n, for `logits` (10, n)."""
        labels = batch.labels.unsqueeze(0)
        self._correct.copy_((logits.max(dim=0).indices == batch.labels).sum())
        log_probabilities = torch.log_softmax(logits, dim=0)
        self._loss_sum.copy_(log_probabilities.gather(0, labels).sum().neg_())
        one_hot = log_probabilities.exp_().scatter_add_(0, labels, batch.minus_one)
        return one_hot.mul_(1 / len(batch.indices))

    def _input_gradient(self, layer: int, output_gradient: Tensor, batch: "_Batch") -> Tensor:
        """The gradient of the previous layer's output from that of a layer's output, both (width, n)."""
        activations, gradient = batch.forward.inputs[layer], batch.input_gradients[layer - 1]
        weight, _ = self._layers.operands[layer]
        torch.mm(output_gradient.t(), weight, out=gradient)
        torch.ops.aten.threshold_backward.grad_input(gradient, activations, 0, grad_input=gradient)  # ReLU
        if self._dropout:
            gradient.mul_(1 / (1 - self._dropout))
        return self._layers.round(gradient).t()

    def _descend(
        self, layer: int, output_gradient: Tensor, inputs: Tensor, ones: Tensor, *, measured: bool
    ) -> None:
        """Update a layer from its output's gradient (width, n) and its input (n, width); `ones` is (n,)."""
        optimizer = self._optimizer
        weight, bias = self._layers.parameters[layer]
        if optimizer.is_plain and not measured and weight.dtype == output_gradient.dtype:
            weight.addmm_(output_gradient, inputs, alpha=-optimizer.lr * input_scale(layer))
            bias.addmv_(output_gradient, ones, alpha=-optimizer.lr)
            return
        of_weight = torch.mm(output_gradient, inputs).float()
        if input_scale(layer) != 1:
            of_weight.mul_(input_scale(layer))
        of_bias = torch.mv(output_gradient, ones).float()
        if measured:
            self.gradient_norms[layer] = torch.hypot(of_weight.norm(), of_bias.norm())
        optimizer.descend(layer, of_weight, of_bias)


class _Batch:
    """The buffers of an update for batches of one size."""

    def __init__(self, layers: Layers, images: int, on_hidden: OnHidden | None) -> None:
        device = layers.device
        self.indices = torch.zeros(images, dtype=torch.int64, device=device)
        self.labels = torch.zeros(images, dtype=torch.int64, device=device)
        self.forward = Forward(layers, images, on_hidden)
        self.input_gradients = [torch.empty_like(activations) for activations in self.forward.inputs[1:]]
        self.ones = torch.ones(images, dtype=layers.dtype, device=device)
        self.minus_one = torch.full((1, images), -1.0, device=device)


def _drop(chance: float, generator: torch.Generator, layer: int, activations: Tensor) -> None:
    """Set random units to 0 and scale the others by 1 / (1 - chance)."""
    del layer
    kept = torch.empty_like(activations).bernoulli_(1 - chance, generator=generator)
    activations.mul_(kept.div_(1 - chance))
