"""Training: a state, and a generator that advances it by one epoch at a time."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from trainer.config import CLASSES, TrainConfig
from trainer.data import TensorData
from trainer.device import synchronize
from trainer.evaluate import evaluate
from trainer.model import build


class Diverged(Exception):
    """The loss is no longer a finite number."""

    def __init__(self, epoch: int) -> None:
        super().__init__(f"diverged: loss became non-finite at epoch {epoch}")


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch measured. Losses are mean cross-entropies in nats, accuracies fractions.

    `train_loss` and `train_accuracy` are running ones: over the epoch's images, each at the weights that it
    met. `last_batch_loss` is that of the last, usually shorter batch. The test figures are over the whole
    split with the weights at the end of the epoch. `seconds` is training alone, without the evaluation.
    """

    epoch: int
    train_loss: float
    last_batch_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float


@dataclass(eq=False)
class TrainState:
    """What training changes: all that a checkpoint has to hold.

    `moments` are the optimizer's running averages, `float32` of the parameters' shapes, by name; plain SGD
    has none. `best_epoch` is the epoch of the lowest test loss so far, 0 before the first.
    """

    model: nn.Sequential
    epoch: int
    moments: dict[str, Tensor] = field(default_factory=dict)
    best_test_loss: float = math.inf
    best_epoch: int = 0

    @classmethod
    def start(cls, config: TrainConfig, device: torch.device) -> Self:
        """The state before the first epoch: weights that depend on the seed alone, on `device`."""
        return cls(model=build(config.layer_sizes, config.seed).to(device), epoch=0)


def never() -> bool:
    """A `should_stop` for training to the end."""
    return False


def train(
    config: TrainConfig,
    data: TensorData,
    state: TrainState,
    should_stop: Callable[[], bool] = never,
) -> Iterator[EpochRecord]:
    """Train from `state.epoch` to `config.epochs` and yield a record after every epoch.

    `data` and `state` are on the same device. Between two yields `state` is in the middle of an epoch; at a
    yield it can be saved, and training goes on from there to the same bits as without a pause.

    `should_stop` is asked before every batch. Once it answers true, the generator ends without a record of
    the incomplete epoch, and `state` is good for nothing more.

    Raises `Diverged` instead of yielding an epoch with a loss that is not finite.
    """
    device = data.train_images.device
    while state.epoch < config.epochs:
        synchronize(device)
        began = time.perf_counter()
        running = _train_epoch(config, data, state, should_stop)
        synchronize(device)
        seconds = time.perf_counter() - began
        if running is None:
            return
        state.epoch += 1
        test = evaluate(state.model, data.test_images, data.test_labels)
        if not (math.isfinite(running.loss) and math.isfinite(test.loss)):
            raise Diverged(state.epoch)
        yield EpochRecord(
            epoch=state.epoch,
            train_loss=running.loss,
            last_batch_loss=running.last_batch_loss,
            train_accuracy=running.accuracy,
            test_loss=test.loss,
            test_accuracy=test.accuracy,
            seconds=seconds,
        )


@dataclass(frozen=True)
class _Running:
    loss: float
    last_batch_loss: float
    accuracy: float


def _train_epoch(
    config: TrainConfig, data: TensorData, state: TrainState, should_stop: Callable[[], bool]
) -> _Running | None:
    """Pass over all training images once; `None` if told to stop."""
    order = _order(config.seed, state.epoch + 1, len(data.train_labels)).to(data.train_labels.device)
    labels = data.train_labels.index_select(0, order)
    logits = torch.empty(len(order), CLASSES, device=order.device)
    batches = [slice(start, start + config.batch_size) for start in range(0, len(order), config.batch_size)]
    losses = torch.empty(len(batches), device=order.device)
    parameters = list(state.model.parameters())
    state.model.train()
    for index, batch in enumerate(batches):
        if should_stop():
            return None
        pixels = data.train_images.index_select(0, order[batch])
        batch_logits = state.model(pixels.float().div_(255))
        loss = cross_entropy(batch_logits, labels[batch])
        _descend(parameters, torch.autograd.grad(loss, parameters), config.lr)
        logits[batch] = batch_logits.detach()
        losses[index] = loss.detach()
    return _Running(
        loss=_mean_over_images(losses.cpu(), [len(labels[batch]) for batch in batches]),
        last_batch_loss=losses[-1].item(),
        accuracy=(logits.argmax(dim=1) == labels).sum().item() / len(labels),
    )


def _order(seed: int, epoch: int, images: int) -> Tensor:
    """The order in which an epoch meets the images: int64 (images,) on the CPU, the same for every device."""
    return torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(images))


@torch.no_grad()
def _descend(parameters: Sequence[Tensor], gradients: Sequence[Tensor], lr: float) -> None:
    """One step of plain SGD, bit for bit that of `torch.optim.SGD`, whose first use costs 2 s of imports."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.add_(gradient, alpha=-lr)


def _mean_over_images(batch_losses: Tensor, batch_sizes: list[int]) -> float:
    """The mean loss over images of batches with these mean losses and sizes."""
    sizes = torch.tensor(batch_sizes, dtype=torch.float64)
    return (batch_losses.double().dot(sizes) / sizes.sum()).item()
