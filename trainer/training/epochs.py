"""Passing over the training images, epoch by epoch: buffers, steps and recordings that stay."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.device import records_steps
from trainer.training.optimizer import Optimizer
from trainer.training.passes import Layers, batches
from trainer.training.recording import Recorder
from trainer.training.schedule import learning_rate
from trainer.training.step import Step


@dataclass(frozen=True)
class Running:
    """What an epoch's batches measured on the way, as `EpochRecord` has it."""

    loss: float
    last_batch_loss: float
    accuracy: float
    gradient_norms: tuple[float, ...]


class Epochs:
    """Epochs of one network: a step for full batches and one for the shorter last, in buffers that stay.

    `model` and `moments`, the optimizer's averages, are what they change.
    """

    def __init__(
        self, config: TrainConfig, data: TensorData, model: nn.Sequential, moments: dict[str, Tensor]
    ) -> None:
        self.model = model
        self.moments = moments
        self._device = data.device
        self._images = len(data.train_labels)
        self._batches = batches(self._images, config.batch_size)
        self._generator = torch.Generator(self._device)
        self._layers = Layers(model, config.precision)
        self._optimizer = Optimizer(config, self._layers, moments)
        sizes = {batch.stop - batch.start for batch in self._batches}
        self._steps = {
            size: Step(config, data, self._layers, self._optimizer, images=size, generator=self._generator)
            for size in sizes
        }
        changed = [tensor for pair in self._layers.masters + self._layers.products for tensor in pair]
        self._run = Recorder(config, self._device, [*changed, *moments.values()])

    @torch.no_grad()
    def take(self, model: nn.Sequential, moments: dict[str, Tensor]) -> None:
        """Take over the values of another network of the same shape, and of its moments; none are zero."""
        for ours, theirs in zip(self.model.parameters(), model.parameters(), strict=True):
            ours.copy_(theirs)
        for name, moment in self.moments.items():
            if name in moments:
                moment.copy_(moments[name])
            else:
                moment.zero_()
        self._layers.refresh()

    @torch.no_grad()
    def run(self, config: TrainConfig, epoch: int, should_stop: Callable[[], bool]) -> Tensor | None:
        """Pass over all training images once, as the epoch number `epoch`; `None` if told to stop.

        What was measured stays on the device, `float32`, for `read`.
        """
        order = _order(config.seed, epoch, self._images).to(self._device)
        self._generator.manual_seed(_dropout_seed(config.seed, epoch))
        loss_sums = torch.empty(len(self._batches), device=self._device)
        correct = torch.empty(len(self._batches), dtype=torch.int64, device=self._device)
        done, updates = (epoch - 1) * len(self._batches), config.epochs * len(self._batches)
        for index, batch in enumerate(self._batches):
            if should_stop():
                return None
            step = self._steps[batch.stop - batch.start]
            step.indices.copy_(order[batch])
            self._optimizer.begin(learning_rate(config, done + index, updates), done + index + 1)
            self._run(step, measured=index == len(self._batches) - 1)
            loss_sums[index] = step.loss_sum
            correct[index] = step.correct
        return torch.cat([loss_sums, correct.sum().float().unsqueeze(0), step.norms])

    def read(self, measured: Sequence[float]) -> Running:
        """What `run` has measured, read back from the device."""
        losses, (correct, *norms) = measured[: len(self._batches)], measured[len(self._batches) :]
        last = self._batches[-1]
        return Running(
            loss=math.fsum(losses) / self._images,
            last_batch_loss=losses[-1] / (last.stop - last.start),
            accuracy=correct / self._images,
            gradient_norms=tuple(norms),
        )


class Bench:
    """Keeps what the last run on a GPU has made ready, recordings included, for the next one that is alike.

    Alike are runs that differ in seed and length alone. The next one trains in the tensors of the last, whose
    state is good for nothing more.
    """

    def __init__(self) -> None:
        self._config: TrainConfig | None = None
        self._data: TensorData | None = None
        self._epochs: Epochs | None = None

    def epochs(
        self, config: TrainConfig, data: TensorData, model: nn.Sequential, moments: dict[str, Tensor]
    ) -> Epochs:
        """Those of the last run with these values, or new ones."""
        alike = config.model_copy(update={"seed": 0, "epochs": 1, "patience": 0})
        if self._epochs and self._config == alike and self._data is data:
            self._epochs.take(model, moments)
            return self._epochs
        self.clear()
        made = Epochs(config, data, model, moments)
        if records_steps(config, data.device):
            self._config, self._data, self._epochs = alike, data, made
        return made

    def clear(self) -> None:
        """Keep nothing."""
        self._config = self._data = self._epochs = None


def _order(seed: int, epoch: int, images: int) -> Tensor:
    """The order in which an epoch meets the images: int64 (images,) on the CPU, the same for every device."""
    return torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(images))


def _dropout_seed(seed: int, epoch: int) -> int:
    """Where an epoch's dropout begins: a number of 63 bits that another epoch or seed does not share."""
    return int(np.random.SeedSequence((seed, epoch, 1)).generate_state(1, np.uint64)[0] >> 1)
