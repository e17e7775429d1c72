"""Loops that train an epoch in different ways, to compare their speed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.device import threads_for
from trainer.training.evaluation import BATCH_IMAGES
from trainer.training.forward import batches_of
from trainer.training.loop import TrainState, train

CPU = torch.device("cpu")

Epoch = Callable[[], object]
"""Trains one epoch."""


def depthboard_epochs(config: TrainConfig, data: TensorData) -> Epoch:
    """Epochs as Depthboard trains them."""
    threads = threads_for(config, torch.get_num_threads())
    epochs = train(config, data, TrainState.start(config, CPU))

    def epoch() -> None:
        with thread_count(threads):
            next(epochs)

    return epoch


def loader_epochs(depth: int, data: TensorData) -> Epoch:
    """Epochs as a tutorial would train them: DataLoader, autograd, an optimizer, a loss read every batch."""
    config = TrainConfig(depth=depth)
    model = TrainState.start(config, CPU).model
    images, test_images = data.train_images.float() / 255, data.test_images.float() / 255
    loader = DataLoader(TensorDataset(images, data.train_labels), batch_size=config.batch_size, shuffle=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=config.lr)

    def epoch() -> None:
        model.train()
        for batch, labels in loader:
            optimizer.zero_grad()
            loss = cross_entropy(model(batch), labels)
            loss.backward()
            optimizer.step()
            loss.item()
        model.eval()
        with torch.no_grad():
            logits = model(test_images)
            cross_entropy(logits, data.test_labels).item()
            (logits.argmax(dim=1) == data.test_labels).float().mean().item()

    return epoch


def autograd_epochs(config: TrainConfig, data: TensorData) -> Epoch:
    """Epochs with automatic differentiation and a fused optimizer, on images stored as `float32`."""
    model = TrainState.start(config, CPU).model
    images, test_images = data.train_images.float() / 255, data.test_images.float() / 255
    count = len(data.train_labels)
    batches = batches_of(config.batch_size, count)
    optimizer = torch_optimizer(config, model)
    threads = threads_for(config, torch.get_num_threads())
    autocast = partial(torch.autocast, "cpu", torch.bfloat16, enabled=config.precision == "bf16")

    def epoch() -> None:
        with thread_count(threads):
            order = torch.randperm(count)
            loss_sum, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
            for batch in batches:
                labels = data.train_labels.index_select(0, order[batch])
                optimizer.zero_grad()
                with autocast():
                    logits = model(images.index_select(0, order[batch]))
                    loss = cross_entropy(logits, labels)
                loss.backward()
                optimizer.step()
                loss_sum += loss.detach() * len(labels)
                correct += (logits.detach().argmax(dim=1) == labels).sum()
            (loss_sum / count).item(), (correct / count).item()
            with torch.no_grad(), autocast():
                logits = model(test_images)
                cross_entropy(logits, data.test_labels).item()
                (logits.argmax(dim=1) == data.test_labels).float().mean().item()

    return epoch


def torch_optimizer(config: TrainConfig, model: nn.Module) -> torch.optim.Optimizer:
    """PyTorch's own optimizer for these hyperparameters, fused: one kernel for all parameters."""
    parameters = model.parameters()
    match config.optimizer:
        case "adam":
            return torch.optim.Adam(parameters, config.lr, weight_decay=config.weight_decay, fused=True)
        case "adamw":
            return torch.optim.AdamW(parameters, config.lr, weight_decay=config.weight_decay, fused=True)
        case kind:
            return torch.optim.SGD(
                parameters,
                config.lr,
                momentum=config.momentum,
                weight_decay=config.weight_decay,
                nesterov=kind == "nesterov",
                fused=True,
            )


def floor_epochs(depth: int, data: TensorData) -> Epoch:
    """Only the matrix products of an epoch, into existing buffers."""
    config = TrainConfig(depth=depth)
    training = batches_of(config.batch_size, len(data.train_labels))
    testing = batches_of(BATCH_IMAGES, len(data.test_labels))
    shapes = list(pairwise(config.layer_sizes))
    products = {
        size: Products(size, shapes) for size in {batch.stop - batch.start for batch in training + testing}
    }
    threads = threads_for(config, torch.get_num_threads())

    def epoch() -> None:
        with thread_count(threads):
            for batch in training:
                products[batch.stop - batch.start].step()
            for batch in testing:
                products[batch.stop - batch.start].forward()

    return epoch


class Products:
    """The matrix products of one batch."""

    def __init__(self, images: int, shapes: list[tuple[int, int]]) -> None:
        self._weights = [torch.randn(outputs, inputs) for inputs, outputs in shapes]
        self._inputs = [torch.randn(images, inputs) for inputs, _ in shapes]
        self._outputs = [torch.randn(images, outputs) for _, outputs in shapes]
        self._of_weights = [torch.empty_like(weight) for weight in self._weights]
        self._of_inputs: list[Tensor] = [torch.empty_like(each) for each in self._inputs]

    def forward(self) -> None:
        """Compute the products of the forward pass."""
        for weight, inputs, outputs in zip(self._weights, self._inputs, self._outputs, strict=True):
            torch.mm(inputs, weight.t(), out=outputs)

    def step(self) -> None:
        """Compute the products of an update."""
        self.forward()
        for layer in reversed(range(len(self._weights))):
            if layer > 0:
                torch.mm(self._outputs[layer], self._weights[layer], out=self._of_inputs[layer])
            torch.mm(self._outputs[layer].t(), self._inputs[layer], out=self._of_weights[layer])


@contextmanager
def thread_count(threads: int) -> Iterator[None]:
    """Use this number of threads in the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
