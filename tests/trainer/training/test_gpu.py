"""What holds on a CUDA device alone: graphs, agreement with the CPU, exact resumption."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.trainer.small_runs import bit_equal
from trainer.config import TrainConfig
from trainer.data.loading import Arrays, TensorData, to_device
from trainer.training.epoch_record import EpochRecord
from trainer.training.loop import TrainState, train
from trainer.training.update_cache import UpdateCache

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


@pytest.fixture(scope="module")
def resident(arrays: Arrays) -> TensorData:
    """MNIST on the GPU."""
    return to_device(arrays, torch.device("cuda:0"))


def run(config: TrainConfig, data: TensorData) -> tuple[TrainState, list[EpochRecord]]:
    state = TrainState.start(config, data.device)
    return state, [replace(record, seconds=0) for record in train(config, data, state)]


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"optimizer": "adam", "lr": 0.001},
        {"optimizer": "nesterov", "momentum": 0.9, "schedule": "onecycle", "weight_decay": 0.001},
        {"optimizer": "adamw", "lr": 0.001, "weight_decay": 0.01, "schedule": "cosine"},
    ],
    ids=lambda other: "-".join(map(str, other.values())) or "reference",
)
def test_recorded_steps_do_what_steps_on_the_cpu_do(
    resident: TensorData, mnist: TensorData, other: dict[str, Any]
) -> None:
    """The short last batch of 608 images is among them."""
    config = TrainConfig(**{"depth": 3, "epochs": 2, **other})
    _, records = run(config, resident)
    _, expected = run(config, mnist)
    for record, on_cpu in zip(records, expected, strict=True):
        assert record.train_loss == pytest.approx(on_cpu.train_loss, rel=2e-3)
        assert record.test_accuracy == pytest.approx(on_cpu.test_accuracy, abs=3e-3)
        assert record.gradient_norms == pytest.approx(on_cpu.gradient_norms, rel=0.05)


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_the_same_run_twice_and_one_with_a_pause_give_the_same_bits(
    resident: TensorData, precision: str
) -> None:
    config = TrainConfig(depth=5, epochs=4, device="cuda").model_copy(update={"precision": precision})
    state, records = run(config, resident)
    again, records_again = run(config, resident)
    assert records == records_again
    assert bit_equal(list(state.model.parameters()), list(again.model.parameters()))
    paused = TrainState.start(config, resident.device)
    training = train(config, resident, paused)
    first = [replace(next(training), seconds=0) for _ in range(2)]
    second = [replace(record, seconds=0) for record in train(config, resident, paused)]
    assert first + second == records
    assert bit_equal(list(state.model.parameters()), list(paused.model.parameters()))


def test_a_run_that_reuses_recorded_graphs_gives_the_same_bits(
    resident: TensorData,
) -> None:
    config = TrainConfig(depth=5, epochs=3)
    again = config.model_copy(update={"seed": 1})
    expected, records = run(again, resident)
    cache = UpdateCache()
    list(train(config, resident, TrainState.start(config, resident.device), cache=cache))
    state = TrainState.start(again, resident.device)
    records_again = [replace(record, seconds=0) for record in train(again, resident, state, cache=cache)]
    assert records_again == records
    assert bit_equal(list(state.model.parameters()), list(expected.model.parameters()))
