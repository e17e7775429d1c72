"""Steps recorded as CUDA graphs: one launch instead of dozens, which dominate the time of small networks.

A graph repeats the same kernels on the same memory. The batch's indices and the optimizer's scalars differ
from step to step, so they are written into tensors that the recorded kernels read.
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
"""Runs before the recording: libraries choose algorithms and allocate workspaces in the first ones."""


def fit(config: TrainConfig, device: torch.device) -> bool:
    """Whether the steps of a run can be recorded once and replayed, which saves launch time on a GPU.

    Steps with dropout can't, because each draws new random numbers.
    """
    return device.type == "cuda" and not config.dropout


class CudaGraphs:
    """Runs steps as graphs, recorded at the first call of each kind; after a failure, runs steps directly.

    `changed` are all tensors that a step changes and a later step reads. Recording restores their values.
    """

    def __init__(self, device: torch.device, changed: Sequence[Tensor]) -> None:
        self._device = device
        self._changed = changed
        self._graphs: dict[Hashable, torch.cuda.CUDAGraph] = {}
        self._works = True

    def run(self, step: Callable[[], None], key: Hashable) -> None:
        """Run a step. Steps with the same `key` run the same kernels on the same memory."""
        if self._works:
            try:
                with torch.cuda.device(self._device):
                    if key not in self._graphs:
                        self._graphs[key] = self._record(step)
                    self._graphs[key].replay()
            except Exception as error:  # noqa: BLE001  # after any error, the step can run without a graph
                self._works = False
                log.warning("training is slower because steps can't be recorded as CUDA graphs: %s", error)
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
    """The one stream for all recordings on a device: each further stream would keep a cuBLAS workspace."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
