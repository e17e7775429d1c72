"""Steps recorded as CUDA graphs: one launch in place of dozens, which a network this small waits for.

A graph repeats the same kernels on the same memory. What differs from step to step, the batch's indices and
the optimizer's scalars, is therefore written into tensors that the recorded kernels read.
"""

import logging
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from typing import Final

import torch
from torch import Tensor

from trainer.config import TrainConfig

log = logging.getLogger(__name__)

WARM_UPS: Final = 3
"""Runs before the recording: in the first ones libraries choose algorithms and allocate workspaces."""


def fit(config: TrainConfig, device: torch.device) -> bool:
    """Whether the steps of a run can be recorded once and replayed: launching them takes a GPU's time.

    With dropout they can't, because each draws new random numbers.
    """
    return device.type == "cuda" and not config.dropout


class CudaGraphs:
    """Runs steps as graphs that the first call of each kind records; if anything fails, as they are.

    `changed` is every tensor whose value a step changes and a later one reads; recording leaves them as they
    were.
    """

    def __init__(self, device: torch.device, changed: Sequence[Tensor]) -> None:
        self._device = device
        self._changed = changed
        self._graphs: dict[Hashable, torch.cuda.CUDAGraph] = {}
        self._works = True

    def run(self, step: Callable[[], None], key: Hashable) -> None:
        """Run a step; steps of one `key` do the same on the same memory."""
        if self._works:
            try:
                with torch.cuda.device(self._device):
                    if key not in self._graphs:
                        self._graphs[key] = self._record(step)
                    self._graphs[key].replay()
            except Exception as error:  # noqa: BLE001  # whatever it is, the step itself needs no graph
                self._works = False
                log.warning("steps are not recorded as CUDA graphs, which makes training slower: %s", error)
            else:
                return
        step()

    def _record(self, step: Callable[[], None]) -> torch.cuda.CUDAGraph:
        before = [tensor.clone() for tensor in self._changed]
        try:
            stream = _stream(self._device)
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(WARM_UPS):
                    step()
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=stream):
                step()
        finally:
            for tensor, value in zip(self._changed, before, strict=True):
                tensor.copy_(value)
        return graph


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """The stream of all recordings on a device: each one that is used keeps a workspace of cuBLAS."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
