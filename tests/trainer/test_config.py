"""Hyperparameters: what fits together, and the arithmetic of networks."""

from typing import Any

import pytest
from pydantic import ValidationError

from trainer.config import TrainConfig, layer_sizes, most_layers


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"depth": 8}, "choose at most 7 layers or a width of at least 1024"),
        ({"depth": 10, "width": 2048}, "choose at most 9 layers or a width of at least 4096"),
        ({"depth": 3, "width": 31}, "choose at most 2 layers or a width of at least 32"),
        ({"depth": 2, "optimizer": "adam", "momentum": 0.9}, "adam does not support momentum"),
        ({"depth": 2, "optimizer": "nesterov"}, "nesterov requires a momentum above 0"),
        ({"depth": 2, "precision": "tf32"}, "tf32 requires device cuda"),
    ],
)
def test_conflicting_hyperparameters_are_refused_with_alternatives(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TrainConfig(**given)
    (error,) = refused.value.errors()
    assert said in error["msg"]


@pytest.mark.parametrize("width", [16, 17, 31, 32, 300, 512, 4095, 4096])
def test_the_deepest_network_of_a_width_has_no_layer_below_16_units_and_one_more_would(width: int) -> None:
    deepest = most_layers(width)
    assert min(layer_sizes(deepest, width)[1:-1]) >= 16
    assert min(layer_sizes(deepest + 1, width)[1:-1]) < 16
    assert TrainConfig(depth=deepest, width=width).layer_sizes == layer_sizes(deepest, width)


def test_widths_of_deeper_networks_continue_to_halve() -> None:
    assert TrainConfig(depth=7).layer_sizes == (784, 512, 256, 128, 64, 32, 16, 10)


def test_the_schema_states_bounds_by_the_keywords_of_json_schema() -> None:
    fields = TrainConfig.model_json_schema()["properties"]
    assert (fields["momentum"]["minimum"], fields["momentum"]["exclusiveMaximum"]) == (0, 1)
    assert [name for name, field in fields.items() if {"ge", "gt", "le", "lt"} & field.keys()] == []
