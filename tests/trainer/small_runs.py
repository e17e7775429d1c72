"""Small trainings, bit by bit."""

from dataclasses import replace

import torch
from torch import Tensor

from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.training.epoch_record import EpochRecord
from trainer.training.loop import TrainState, train
from trainer.training.update_cache import UpdateCache

CPU = torch.device("cpu")
CONFIG = TrainConfig(depth=2, epochs=3, batch_size=128)


def run(
    config: TrainConfig, data: TensorData, cache: UpdateCache | None = None
) -> tuple[list[Tensor], list[EpochRecord]]:
    """Final weights, and the records without seconds, which always differ."""
    state = TrainState.start(config, CPU)
    records = [replace(record, seconds=0) for record in train(config, data, state, cache=cache)]
    return list(state.model.parameters()), records


def bit_equal(some: list[Tensor], others: list[Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))
