"""What the runs of a study vary."""

from typing import Any

import pytest

from app.runs.studies import axes
from tests.app.runs.grids import request
from trainer.config import TrainConfig


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"depth": 3}, ""),
        ({"depth": [1, 2, 3, 4, 5], "seed": [0, 1, 2]}, "depth 1–5 × 3 seeds"),
        ({"depth": [1, 2], "lr": [0.1, 0.01]}, "depth 1, 2 × learning rate 0.01, 0.1"),
        ({"depth": 1, "batch_size": [2**power for power in range(6)]}, "batch size 6 values"),
        ({"depth": 1, "epochs": [1000, 1001, 1002]}, "epochs 1,000–1,002"),
        ({"depth": 1, "optimizer": ["sgd", "adam"]}, "optimizer adam, sgd"),
    ],
)
def test_the_varying_hyperparameters_in_words(body: dict[str, Any], words: str) -> None:
    assert axes.in_words(request(**body).configs) == words


def test_different_numbers_of_seeds_are_a_range() -> None:
    configs = request(depth=[1, 2], seed=[0, 1, 2]).configs
    assert axes.in_words(configs[1:]) == "depth 1, 2 × 2 to 3 seeds"
    assert axes.in_words(request(depth=1, seed=[0, 1]).configs) == "2 seeds"


@pytest.mark.parametrize(
    ("values", "text"),
    [([3], "3"), ([1, 2], "1, 2"), ([1, 2, 3], "1-3"), ([1, 3, 4], "1, 3, 4"), ([0.1, 1.0], "0.1, 1")],
)
def test_values_as_a_form_takes_them(values: list[Any], text: str) -> None:
    assert axes.typed(values) == text


def test_a_full_grid_has_every_combination() -> None:
    whole = request(depth=[1, 2], seed=[0, 1]).configs
    assert axes.is_full_grid(whole)
    assert axes.is_full_grid([*whole, whole[0]])
    assert not axes.is_full_grid(whole[:3])
    assert axes.size(axes.of_runs(whole[:3])) == 4
    assert axes.is_full_grid([TrainConfig(depth=1)])
    assert axes.is_full_grid([])
