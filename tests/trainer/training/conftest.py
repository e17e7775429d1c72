"""Recorded steps, on the CPU: a stand-in for CUDA's graphs repeats the recorded operations as they do.

A graph stores the addresses and the scalars of its recording. The stand-in therefore repeats every operation
on the same memory with the same scalars, and raises an error if a value is read back during recording.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from trainer.training import cuda_graphs


@dataclass
class Graph:
    """Operations with their arguments and results."""

    operations: list[Callable[[], None]] = field(default_factory=list)

    def replay(self) -> None:
        """Repeat the operations."""
        for operation in self.operations:
            operation()


class Capture(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records each operation in a graph."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = graph

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        assert str(operation) != "aten._local_scalar_dense.default", "read back while recording"
        outcome = operation(*args, **(kwargs or {}))
        self.graph.operations.append(lambda: refill(outcome, operation(*args, **(kwargs or {}))))
        return outcome


def refill(memory: Any, values: Any) -> None:
    """Write new values into the memory of a recorded operation's result."""
    for old, new in zip(tree_leaves(memory), tree_leaves(values), strict=True):
        if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
            old.copy_(new)


class Stream:
    """Stands for a CUDA stream, which a CPU does not need."""

    def __init__(self, device: object = None) -> None:
        del device

    def wait_stream(self, other: object) -> None:
        """Do nothing."""


@contextmanager
def nothing(*_: object) -> Iterator[None]:
    """A context that changes nothing."""
    yield


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Graph]:
    """The graphs recorded from now on, instead of CUDA's."""
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
    monkeypatch.setattr(cuda_graphs, "_stream", Stream)
    monkeypatch.setattr(cuda_graphs, "fit", lambda config, device: not config.dropout)  # noqa: ARG005
    return graphs
