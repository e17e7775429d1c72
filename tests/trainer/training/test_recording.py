"""Recorded steps, on the CPU: a stand-in for CUDA's graphs repeats the recorded operations as they do.

A graph has the addresses and the numbers of its recording. The stand-in therefore repeats every operation on
the same memory with the same scalars, and refuses to read a value back while it records.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.training import epochs, optimizer, recording
from trainer.training.epoch_record import EpochRecord
from trainer.training.epochs import Bench
from trainer.training.loop import TrainState, train

CPU = torch.device("cpu")


@dataclass
class Graph:
    """Operations with their arguments, and what they left behind."""

    operations: list[Callable[[], None]] = field(default_factory=list)

    def replay(self) -> None:
        """Do them again."""
        for operation in self.operations:
            operation()


class Capture(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes each operation in a graph."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = graph

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        assert str(operation) != "aten._local_scalar_dense.default", "read back while recording"
        found = operation(*args, **(kwargs or {}))
        self.graph.operations.append(lambda: refill(found, operation(*args, **(kwargs or {}))))
        return found


def refill(memory: Any, values: Any) -> None:
    """Put new values where the recorded operation had put its own."""
    for old, new in zip(tree_leaves(memory), tree_leaves(values), strict=True):
        if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
            old.copy_(new)


class Stream:
    """One of CUDA's, of which a CPU needs none."""

    def __init__(self, device: object = None) -> None:
        del device

    def wait_stream(self, other: object) -> None:
        """There is nothing to wait for."""


@contextmanager
def nothing(*_: object) -> Iterator[None]:
    """A context that changes nothing."""
    yield


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Graph]:
    """The graphs that are made from now on, in place of CUDA's."""
    graphs: list[Graph] = []

    def graph() -> Graph:
        graphs.append(Graph())
        return graphs[-1]

    for name, stand_in in {
        "current_stream": Stream,
        "stream": nothing,
        "device": nothing,
        "CUDAGraph": graph,
        "graph": lambda graph, stream: Capture(graph),  # noqa: ARG005
    }.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    monkeypatch.setattr(recording, "_stream", Stream)
    for module in (recording, optimizer, epochs):
        monkeypatch.setattr(module, "records_steps", lambda config, device: not config.dropout)  # noqa: ARG005
    return graphs


def run(
    config: TrainConfig, data: TensorData, bench: Bench | None = None
) -> tuple[list[Tensor], list[EpochRecord]]:
    state = TrainState.start(config, CPU)
    records = [replace(record, seconds=0) for record in train(config, data, state, bench=bench)]
    return [parameter.detach() for parameter in state.model.parameters()], records


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
    found, records = run(config, data)
    assert graphs
    for one, other in zip(found, expected, strict=True):
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


def test_with_dropout_nothing_is_recorded(data: TensorData, recorded: list[Graph]) -> None:
    run(TrainConfig(depth=2, epochs=2, dropout=0.5), data)
    assert recorded == []


@pytest.mark.parametrize(
    "given",
    [{}, {"optimizer": "adam", "lr": 0.001}, {"precision": "bf16"}],
    ids=["reference", "adam", "bf16"],
)
def test_a_bench_keeps_recordings_for_runs_that_differ_in_seed_and_length(
    data: TensorData, recorded: list[Graph], given: dict[str, Any]
) -> None:
    config = TrainConfig(**{"depth": 3, "epochs": 2, "batch_size": 128, "width": 64, **given})
    another = config.model_copy(update={"seed": 7, "epochs": 3})
    expected = run(another, data)
    recorded.clear()
    bench = Bench()
    run(config, data, bench)
    made = len(recorded)
    weights, records = run(another, data, bench)
    assert len(recorded) == made > 0
    assert (records, [weight.tolist() for weight in weights]) == (
        expected[1],
        [weight.tolist() for weight in expected[0]],
    )
    run(another.model_copy(update={"lr": 0.01}), data, bench)
    assert len(recorded) == 2 * made


def test_a_bench_keeps_nothing_where_nothing_is_recorded(data: TensorData) -> None:
    bench = Bench()
    config = TrainConfig(depth=2, epochs=1)
    first, second = (TrainState.start(config, CPU) for _ in range(2))
    list(train(config, data, first, bench=bench))
    list(train(config, data, second, bench=bench))
    assert first.model is not second.model


@pytest.mark.parametrize("config", [{}, {"optimizer": "adam", "lr": 0.001}])
def test_steps_that_cannot_be_recorded_are_done_plainly_and_the_log_says_why(
    recorded: list[Graph],
    data: TensorData,
    config: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    chosen = TrainConfig(**{"depth": 2, "epochs": 2, "batch_size": 128, **config})
    expected, records = run(chosen, data)
    recorded.clear()

    def refuse(*_: object, **__: object) -> Capture:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(torch.cuda, "graph", refuse)
    found, others = run(chosen, data)
    assert others == records
    assert all(map(torch.equal, found, expected))
    (message,) = caplog.messages
    assert message.endswith("which makes training slower: operation not permitted when stream is capturing")
    assert len(recorded) == 1
