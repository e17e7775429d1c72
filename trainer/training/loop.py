"""Training: a state, and a generator that advances it by one epoch at a time."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor, nn

from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.device import synchronize
from trainer.training.epoch_record import EpochRecord
from trainer.training.epochs import Bench, Epochs, Running
from trainer.training.evaluation import Evaluation, Evaluator, nothing
from trainer.training.model import build


class Diverged(Exception):
    """The loss, or the gradient, is no longer a finite number."""

    def __init__(self, epoch: int, what: str = "loss") -> None:
        super().__init__(f"diverged: {what} became non-finite at epoch {epoch}")


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


def train(  # noqa: PLR0917  # the last three have defaults
    config: TrainConfig,
    data: TensorData,
    state: TrainState,
    should_stop: Callable[[], bool] = never,
    bench: Bench | None = None,
    on_evaluation_batch: Callable[[], None] = nothing,
) -> Iterator[EpochRecord]:
    """Train from `state.epoch` to `config.epochs` and yield a record after every epoch.

    `data` and `state` are on the same device. Between two yields `state` is in the middle of an epoch; at a
    yield it can be saved, and training goes on from there to the same bits as without a pause.

    `should_stop` is asked before every batch. Once it answers true, the generator ends without a record of
    the incomplete epoch, and `state` is good for nothing more. `on_evaluation_batch` is called before every
    batch of an evaluation. A `bench` is for trainings one after the other: what one of them has made ready
    serves the next.

    Raises `Diverged` instead of yielding an epoch with a loss or a gradient norm that is not finite.
    """
    device = data.device
    torch.set_float32_matmul_precision("high" if config.precision == "tf32" else "highest")
    epochs = (bench or Bench()).epochs(config, data, state.model, state.moments)
    state.model, state.moments = epochs.model, epochs.moments
    evaluator = Evaluator(state.model, config.precision, on_evaluation_batch)
    while state.epoch < config.epochs and not _patience_is_over(config, state):
        synchronize(device)
        began = time.perf_counter()
        measured = epochs.run(config, state.epoch + 1, should_stop)
        synchronize(device)
        seconds = time.perf_counter() - began
        if measured is None:
            return
        state.epoch += 1
        running, test = _read(epochs, measured, evaluator, data)
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


def _read(
    epochs: Epochs, measured: Tensor, evaluator: Evaluator, data: TensorData
) -> tuple[Running, Evaluation]:
    """What an epoch measured and what it led to, in the one read-back from the device that an epoch needs."""
    on_test = evaluator.measure(data.test_images, data.test_labels)
    figures = torch.cat([measured, on_test]).tolist()
    on_the_way, at_the_end = figures[: len(measured)], figures[len(measured) :]
    return epochs.read(on_the_way), Evaluation.of(at_the_end, len(data.test_labels))
