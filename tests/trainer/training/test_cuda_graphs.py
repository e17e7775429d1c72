"""Training with recorded steps: the same as without, and without where they can't be recorded."""

from typing import Any

import pytest
import torch

from tests.trainer.small_runs import bit_equal, run
from tests.trainer.training.conftest import Graph
from trainer.config import TrainConfig
from trainer.data.loading import TensorData

CONFIGS = [
    {},
    {"batch_size": 100},
    {"batch_size": 300},
    {"schedule": "cosine"},
    {"schedule": "onecycle", "momentum": 0.9},
    {"optimizer": "nesterov", "momentum": 0.9, "schedule": "onecycle", "weight_decay": 0.001},
    {"optimizer": "adam", "lr": 0.001},
    {"optimizer": "adamw", "lr": 0.001, "weight_decay": 0.01, "schedule": "cosine"},
    {"precision": "bf16"},
    {"precision": "bf16", "optimizer": "adam", "lr": 0.001},
]


@pytest.mark.parametrize("given", CONFIGS, ids=lambda it: "-".join(map(str, it.values())) or "reference")
def test_replayed_steps_train_as_steps_do(
    data: TensorData, given: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    """300 images in batches of 128, the last one of 44, unless the batch size says otherwise."""
    config = TrainConfig(**{"depth": 3, "epochs": 3, "batch_size": 128, "width": 64, **given})
    expected, as_recorded = run(config, data)
    graphs: list[Graph] = request.getfixturevalue("recorded")
    weights, records = run(config, data)
    assert graphs
    for one, other in zip(weights, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    for record, other_record in zip(records, as_recorded, strict=True):
        assert record.train_loss == pytest.approx(other_record.train_loss, rel=1e-5)
        assert record.gradient_norms == pytest.approx(other_record.gradient_norms, rel=1e-3)


def test_a_step_of_each_size_is_recorded_once_and_the_measured_one_apart(
    data: TensorData, recorded: list[Graph]
) -> None:
    run(TrainConfig(depth=2, epochs=3, batch_size=128), data)
    assert len(recorded) == 2  # of 128, and of the last 44, which are measured
    run(TrainConfig(depth=2, epochs=3, batch_size=100), data)
    assert len(recorded) == 4  # of 100, and of 100 measured


def test_steps_with_dropout_are_not_recorded(data: TensorData, recorded: list[Graph]) -> None:
    run(TrainConfig(depth=2, epochs=2, dropout=0.5), data)
    assert recorded == []


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ("graph", RuntimeError("operation not permitted when stream is capturing")),
        ("graph", torch.OutOfMemoryError("CUDA out of memory")),
        ("CUDAGraph", AttributeError("this build has no graphs")),
        ("stream", TypeError("another signature")),
        ("replay", RuntimeError("the graph can't be launched")),
    ],
    ids=["recording", "memory", "no graphs", "other interface", "replay"],
)
@pytest.mark.parametrize("given", [{}, {"optimizer": "adam", "lr": 0.001}], ids=["sgd", "adam"])
def test_after_a_failed_recording_steps_run_directly_and_the_log_says_why(
    recorded: list[Graph],
    data: TensorData,
    *,
    given: dict[str, Any],
    broken: str,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = TrainConfig(**{"depth": 2, "epochs": 2, "batch_size": 128, **given})
    expected, expected_records = run(config, data)
    recorded.clear()

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Graph if broken == "replay" else torch.cuda, broken, fail)
    weights, records = run(config, data)
    assert records == expected_records
    assert bit_equal(weights, expected)
    (message,) = caplog.messages
    assert message.endswith(f"recorded as CUDA graphs: {error}")
    assert len(recorded) <= 1
