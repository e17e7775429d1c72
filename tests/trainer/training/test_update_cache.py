"""What a run leaves for the next one on the same device."""

from typing import Any

import pytest

from tests.trainer.small_runs import CPU, run
from tests.trainer.training.conftest import Graph
from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.training.loop import TrainState, train
from trainer.training.update_cache import UpdateCache


@pytest.mark.parametrize(
    "given",
    [{}, {"optimizer": "adam", "lr": 0.001}, {"precision": "bf16"}],
    ids=["reference", "adam", "bf16"],
)
def test_a_cache_keeps_recordings_for_runs_that_differ_in_seed_and_length(
    data: TensorData, recorded: list[Graph], given: dict[str, Any]
) -> None:
    config = TrainConfig(**{"depth": 3, "epochs": 2, "batch_size": 128, "width": 64, **given})
    another = config.model_copy(update={"seed": 7, "epochs": 3})
    expected = run(another, data)
    recorded.clear()
    cache = UpdateCache()
    run(config, data, cache)
    made = len(recorded)
    weights, records = run(another, data, cache)
    assert len(recorded) == made > 0
    assert (records, [weight.tolist() for weight in weights]) == (
        expected[1],
        [weight.tolist() for weight in expected[0]],
    )
    run(another.model_copy(update={"lr": 0.01}), data, cache)
    assert len(recorded) == 2 * made


def test_a_cache_keeps_nothing_on_the_cpu(data: TensorData) -> None:
    cache = UpdateCache()
    config = TrainConfig(depth=2, epochs=1)
    first, second = (TrainState.start(config, CPU) for _ in range(2))
    list(train(config, data, first, cache=cache))
    list(train(config, data, second, cache=cache))
    assert first.model is not second.model
