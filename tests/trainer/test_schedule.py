"""Learning rates over a run, against PyTorch's schedulers."""

import math

import pytest
import torch

from trainer.config import TrainConfig
from trainer.schedule import learning_rate

CONFIG = TrainConfig(depth=1, epochs=3, batch_size=10_000, lr=0.4)
STEPS = 18


def rates(config: TrainConfig) -> list[float]:
    return [learning_rate(config, step) for step in range(config.epochs * config.batches_per_epoch)]


def test_a_constant_rate_is_constant() -> None:
    assert rates(CONFIG) == [0.4] * STEPS


def test_cosine_falls_from_the_rate_towards_zero() -> None:
    found = rates(CONFIG.model_copy(update={"schedule": "cosine"}))
    assert found == pytest.approx([0.2 * (1 + math.cos(math.pi * step / STEPS)) for step in range(STEPS)])
    assert found[0] == 0.4


def test_onecycle_is_pytorchs() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.4, total_steps=STEPS)
    expected = []
    for _ in range(STEPS):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    found = rates(CONFIG.model_copy(update={"schedule": "onecycle"}))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["cosine", "onecycle"])
def test_a_run_of_a_single_update_has_a_rate_too(schedule: str) -> None:
    single = TrainConfig(depth=1, epochs=1, batch_size=60_000, lr=0.4).model_copy(
        update={"schedule": schedule}
    )
    (rate,) = rates(single)
    assert 0 < rate <= 0.4
