"""Training: a state, and a generator that advances it by one epoch at a time."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.device import synchronize
from trainer.training.epoch_record import EpochRecord
from trainer.training.evaluation import Evaluator, nothing
from trainer.training.forward import batches_of
from trainer.training.model import build
from trainer.training.schedule import learning_rate
from trainer.training.update_cache import UpdateCache


class Diverged(Exception):
    """The loss or the gradient is no longer finite."""

    def __init__(self, epoch: int, what: str = "loss") -> None:
        super().__init__(f"diverged: {what} became non-finite at epoch {epoch}")


@dataclass(eq=False)
class TrainState:
    """The state that training changes and a checkpoint stores.

    `moments` are the optimizer's running averages by name, `float32` in the parameters' shapes; plain SGD has
    none. `best_epoch` is the epoch of the lowest test loss so far, 0 before the first epoch.
    """

    model: nn.Sequential
    epoch: int
    moments: dict[str, Tensor] = field(default_factory=dict)
    best_test_loss: float = math.inf
    best_epoch: int = 0

    @classmethod
    def start(cls, config: TrainConfig, device: torch.device) -> Self:
        """The state before the first epoch, on `device`. The weights depend only on the seed."""
        return cls(model=build(config.layer_sizes, config.seed).to(device), epoch=0)


def never() -> bool:
    """A `should_stop` that never stops training."""
    return False


def train(  # noqa: PLR0917  # the last three have defaults
    config: TrainConfig,
    data: TensorData,
    state: TrainState,
    should_stop: Callable[[], bool] = never,
    cache: UpdateCache | None = None,
    on_evaluation_batch: Callable[[], None] = nothing,
) -> Iterator[EpochRecord]:
    """Train from `state.epoch` to `config.epochs` and yield a record after every epoch.

    `data` and `state` are on the same device. At a yield, `state` is complete and can be saved; training that
    resumes from it gives bit-identical results. Between two yields, `state` is in the middle of an epoch.

    `should_stop` is called before every batch. When it returns true, the generator ends without a record of
    the incomplete epoch, and `state` can't be used any more. `on_evaluation_batch` is called before every
    batch of an evaluation. With a `cache`, consecutive trainings on a GPU reuse the same CUDA graphs.

    Raises `Diverged` instead of yielding an epoch with a non-finite loss or gradient norm.
    """
    device, images = data.device, len(data.train_labels)
    torch.set_float32_matmul_precision("high" if config.precision == "tf32" else "highest")
    batches = batches_of(config.batch_size, images)
    update = (cache or UpdateCache()).update(config, data, state.model, state.moments)
    state.model, state.moments = update.model, update.moments
    evaluate = Evaluator(state.model, config.precision, on_evaluation_batch)

    while state.epoch < config.epochs and not _patience_is_over(config, state):
        synchronize(device)
        began = time.perf_counter()
        order = order_of(config.seed, state.epoch + 1, images).to(device)
        update.dropout_generator.manual_seed(dropout_seed(config.seed, state.epoch + 1))
        loss_sums = torch.empty(len(batches), device=device)  # read once an epoch: it waits for the GPU
        correct = torch.empty(len(batches), dtype=torch.int64, device=device)
        with torch.no_grad():  # the update computes its gradients itself
            for index, batch in enumerate(batches):
                if should_stop():
                    return
                number = state.epoch * len(batches) + index
                lr = learning_rate(config, number, config.epochs * len(batches))
                is_last = index == len(batches) - 1
                loss_sums[index], correct[index] = update(order[batch], lr, number + 1, measured=is_last)
        synchronize(device)
        seconds = time.perf_counter() - began
        state.epoch += 1

        losses, gradient_norms = loss_sums.tolist(), update.gradient_norms.tolist()
        test = evaluate(data.test_images, data.test_labels)
        record = EpochRecord(
            epoch=state.epoch,
            train_loss=math.fsum(losses) / images,
            last_batch_loss=losses[-1] / len(order[batches[-1]]),
            train_accuracy=correct.sum().item() / images,
            test_loss=test.loss,
            test_accuracy=test.accuracy,
            seconds=seconds,
            gradient_norms=tuple(gradient_norms),
            dead_relu=test.dead_relu,
        )
        if not (math.isfinite(record.train_loss) and math.isfinite(record.test_loss)):
            raise Diverged(state.epoch)
        if not all(map(math.isfinite, record.gradient_norms)):
            raise Diverged(state.epoch, "gradient")
        if record.test_loss < state.best_test_loss:
            state.best_test_loss, state.best_epoch = record.test_loss, state.epoch
        yield record


def stopped_early(state: TrainState) -> str:
    """The message for a training that stopped early."""
    return f"stopped early: the test loss has not fallen since epoch {state.best_epoch}"


def _patience_is_over(config: TrainConfig, state: TrainState) -> bool:
    return bool(config.patience) and state.epoch - state.best_epoch >= config.patience


def order_of(seed: int, epoch: int, images: int) -> Tensor:
    """The order of the images in an epoch: int64 (images,) on the CPU, the same on all devices."""
    return torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(images))


def dropout_seed(seed: int, epoch: int) -> int:
    """The seed of an epoch's dropout: a 63-bit number derived from the seed and the epoch."""
    return int(np.random.SeedSequence((seed, epoch, 1)).generate_state(1, np.uint64)[0] >> 1)
