"""Learning rates over a run, against PyTorch's schedulers."""

import math

import pytest
import torch

from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.training import loop
from trainer.training.schedule import learning_rate

CONFIG = TrainConfig(depth=1, lr=0.4)
STEPS = 18


def rates(config: TrainConfig, updates: int = STEPS) -> list[float]:
    return [learning_rate(config, step, updates) for step in range(updates)]


def test_a_constant_rate_is_constant() -> None:
    assert rates(CONFIG) == [0.4] * STEPS


def test_cosine_falls_from_the_rate_towards_zero() -> None:
    lrs = rates(CONFIG.model_copy(update={"schedule": "cosine"}))
    assert lrs == pytest.approx([0.2 * (1 + math.cos(math.pi * step / STEPS)) for step in range(STEPS)])
    assert lrs[0] == 0.4


def test_onecycle_is_pytorchs() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.4, total_steps=STEPS)
    expected = []
    for _ in range(STEPS):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    lrs = rates(CONFIG.model_copy(update={"schedule": "onecycle"}))
    assert lrs == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["cosine", "onecycle"])
def test_a_run_of_a_single_update_has_a_rate_too(schedule: str) -> None:
    (rate,) = rates(CONFIG.model_copy(update={"schedule": schedule}), updates=1)
    assert 0 < rate <= 0.4


@pytest.mark.parametrize("images", [250, 300, 1_000])
def test_a_schedule_spans_the_run_for_any_number_of_images(
    images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []

    def watched(config: TrainConfig, step: int, updates: int) -> float:
        asked.append((step, updates))
        return learning_rate(config, step, updates)

    monkeypatch.setattr(loop, "learning_rate", watched)
    pixels, labels = torch.zeros(images, 784, dtype=torch.uint8), torch.zeros(images, dtype=torch.int64)
    config = TrainConfig(depth=1, epochs=3, batch_size=100, schedule="cosine")
    state = loop.TrainState.start(config, torch.device("cpu"))
    list(loop.train(config, TensorData(pixels, labels, pixels, labels), state))
    updates = 3 * math.ceil(images / 100)
    assert asked == [(step, updates) for step in range(updates)]
