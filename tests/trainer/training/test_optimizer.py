"""Every optimizer takes the steps that PyTorch's own takes."""

from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from tests.trainer.conftest import normalised
from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.training.loop import TrainState, train

CPU = torch.device("cpu")


def theirs(config: TrainConfig, model: torch.nn.Module) -> torch.optim.Optimizer:
    """PyTorch's optimizer for these hyperparameters."""
    parameters = list(model.parameters())
    match config.optimizer:
        case "adam":
            return torch.optim.Adam(parameters, config.lr, weight_decay=config.weight_decay)
        case "adamw":
            return torch.optim.AdamW(parameters, config.lr, weight_decay=config.weight_decay)
        case kind:
            return torch.optim.SGD(
                parameters,
                config.lr,
                momentum=config.momentum,
                nesterov=kind == "nesterov",
                weight_decay=config.weight_decay,
            )


@pytest.mark.parametrize(
    "other",
    [
        {"lr": 0.5},
        {"lr": 0.5, "weight_decay": 0.01},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "optimizer": "nesterov", "weight_decay": 0.01},
        {"lr": 0.002, "optimizer": "adam"},
        {"lr": 0.002, "optimizer": "adam", "weight_decay": 0.1},
        {"lr": 0.002, "optimizer": "adamw", "weight_decay": 0.1},
    ],
    ids=lambda other: "-".join(map(str, other.values())),
)
def test_five_full_batches_give_the_weights_of_pytorch(data: TensorData, other: dict[str, Any]) -> None:
    config = TrainConfig(**{"depth": 3, "epochs": 5, "batch_size": 300, "width": 32, **other})
    model = TrainState.start(config, CPU).model
    optimizer = theirs(config, model)
    for _ in range(config.epochs):
        optimizer.zero_grad()
        cross_entropy(model(normalised(data.train_images)), data.train_labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    state = TrainState.start(config, CPU)
    list(train(config, data, state))
    for ours, expected in zip(state.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-3, atol=2e-5)
