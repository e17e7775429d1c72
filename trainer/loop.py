"""Training: a state, and a generator that advances it by one epoch at a time."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from trainer.config import TrainConfig
from trainer.data import TensorData
from trainer.device import synchronize
from trainer.evaluate import Evaluation, Evaluator
from trainer.model import build
from trainer.optimizer import Optimizer
from trainer.passes import Layers, batches
from trainer.recording import Recorder
from trainer.schedule import learning_rate
from trainer.step import Step


class Diverged(Exception):
    """The loss, or the gradient, is no longer a finite number."""

    def __init__(self, epoch: int, what: str = "loss") -> None:
        super().__init__(f"diverged: {what} became non-finite at epoch {epoch}")


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch measured. Losses are mean cross-entropies in nats, accuracies fractions.

    `train_loss` and `train_accuracy` are running ones: over the epoch's images, each at the weights that it
    met. `last_batch_loss` is that of the last, usually shorter batch. The test figures are over the whole
    split with the weights at the end of the epoch. `seconds` is training alone, without the evaluation.

    `gradient_norms` has for each layer the L2 norm of the last batch's gradient of its weight and bias;
    `dead_relu` for each hidden layer the fraction of units that are 0 for every test image.
    """

    epoch: int
    train_loss: float
    last_batch_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float
    gradient_norms: tuple[float, ...]
    dead_relu: tuple[float, ...]


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

    Raises `Diverged` instead of yielding an epoch with a loss or a gradient norm that is not finite.
    """
    device = data.device
    torch.set_float32_matmul_precision("high" if config.precision == "tf32" else "highest")
    training = _Training(config, data, state)
    evaluator = Evaluator(state.model, config.precision)
    while state.epoch < config.epochs and not _patience_is_over(config, state):
        synchronize(device)
        began = time.perf_counter()
        measured = training.epoch(should_stop)
        synchronize(device)
        seconds = time.perf_counter() - began
        if measured is None:
            return
        state.epoch += 1
        running, test = _read(training, measured, evaluator, data)
        if not (math.isfinite(running.loss) and math.isfinite(test.loss)):
            raise Diverged(state.epoch)
        if not all(map(math.isfinite, running.gradient_norms)):
            raise Diverged(state.epoch, "gradient")
        if test.loss < state.best_test_loss:
            state.best_test_loss, state.best_epoch = test.loss, state.epoch
        yield EpochRecord(
            epoch=state.epoch,
            train_loss=running.loss,
            last_batch_loss=running.last_batch_loss,
            train_accuracy=running.accuracy,
            test_loss=test.loss,
            test_accuracy=test.accuracy,
            seconds=seconds,
            gradient_norms=running.gradient_norms,
            dead_relu=test.dead_relu,
        )


def stopped_early(state: TrainState) -> str:
    """Why a training has ended before its last epoch."""
    return f"stopped early: the test loss has not fallen since epoch {state.best_epoch}"


def _patience_is_over(config: TrainConfig, state: TrainState) -> bool:
    return bool(config.patience) and state.epoch - state.best_epoch >= config.patience


@dataclass(frozen=True)
class _Running:
    loss: float
    last_batch_loss: float
    accuracy: float
    gradient_norms: tuple[float, ...]


class _Training:
    """What stays from epoch to epoch: buffers, one step for full batches and one for the short last one."""

    def __init__(self, config: TrainConfig, data: TensorData, state: TrainState) -> None:
        self._config = config
        self._data = data
        self._state = state
        self._device = data.device
        self._images = len(data.train_labels)
        self._batches = batches(self._images, config.batch_size)
        self._generator = torch.Generator(self._device)
        layers = Layers(state.model, config.precision)
        self._optimizer = Optimizer(config, layers, state.moments)
        sizes = {batch.stop - batch.start for batch in self._batches}
        self._steps = {
            size: Step(config, data, layers, self._optimizer, images=size, generator=self._generator)
            for size in sizes
        }
        changed = [tensor for pair in layers.masters + layers.products for tensor in pair]
        self._run = Recorder(config, self._device, [*changed, *state.moments.values()])

    @torch.no_grad()
    def epoch(self, should_stop: Callable[[], bool]) -> Tensor | None:
        """Pass over all training images once; `None` if told to stop.

        What was measured stays on the device, `float32`: each batch's loss summed over its images, how many
        images were read rightly, and the gradient norms of the last batch.
        """
        config, epoch = self._config, self._state.epoch
        order = _order(config.seed, epoch + 1, self._images).to(self._device)
        self._generator.manual_seed(_dropout_seed(config.seed, epoch + 1))
        loss_sums = torch.empty(len(self._batches), device=self._device)
        correct = torch.empty(len(self._batches), dtype=torch.int64, device=self._device)
        done, updates = epoch * len(self._batches), config.epochs * len(self._batches)
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

    def running(self, measured: Sequence[float]) -> _Running:
        """What `epoch` has measured, read back from the device."""
        batches_done = len(self._batches)
        losses, (correct, *norms) = measured[:batches_done], measured[batches_done:]
        last = self._batches[-1]
        return _Running(
            loss=math.fsum(losses) / self._images,
            last_batch_loss=losses[-1] / (last.stop - last.start),
            accuracy=correct / self._images,
            gradient_norms=tuple(norms),
        )


def _read(
    training: _Training, measured: Tensor, evaluator: Evaluator, data: TensorData
) -> tuple[_Running, Evaluation]:
    """What an epoch measured and what it led to, in the one read-back from the device that an epoch needs."""
    on_test = evaluator.measure(data.test_images, data.test_labels)
    figures = torch.cat([measured, on_test]).tolist()
    return training.running(figures[: len(measured)]), Evaluation.of(
        figures[len(measured) :], len(data.test_labels)
    )


def _order(seed: int, epoch: int, images: int) -> Tensor:
    """The order in which an epoch meets the images: int64 (images,) on the CPU, the same for every device."""
    return torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(images))


def _dropout_seed(seed: int, epoch: int) -> int:
    """Where an epoch's dropout begins: a number of 63 bits that another epoch or seed does not share."""
    return int(np.random.SeedSequence((seed, epoch, 1)).generate_state(1, np.uint64)[0] >> 1)
