"""Steps recorded as CUDA graphs: one launch in place of dozens, which a network this small waits for.

A graph repeats the same kernels on the same memory. What differs from step to step, the batch's indices and
the optimizer's scalars, is therefore written into tensors that the recorded kernels read.
"""

import logging
from collections.abc import Sequence
from functools import cache
from typing import Final

import torch
from torch import Tensor

from trainer.config import TrainConfig
from trainer.device import records_steps
from trainer.training.step import Step

log = logging.getLogger(__name__)

WARM_UPS: Final = 3
"""Runs before the recording: in the first ones libraries choose algorithms and allocate workspaces."""


class Recorder:
    """Runs steps: on CUDA as graphs that the first call of each kind records, elsewhere as they are.

    `changed` is every tensor whose value a step changes and a later one reads; recording leaves them as they
    were.
    """

    def __init__(self, config: TrainConfig, device: torch.device, changed: Sequence[Tensor]) -> None:
        self._records = records_steps(config, device)
        self._device = device
        self._changed = changed
        self._graphs: dict[tuple[Step, bool], torch.cuda.CUDAGraph] = {}

    def __call__(self, step: Step, *, measured: bool) -> None:
        """Run one step; its indices and its optimizer are prepared."""
        if not self._records:
            step(measured=measured)
            return
        with torch.cuda.device(self._device):
            graph = self._graphs.get((step, measured)) or self._recorded(step, measured=measured)
            if graph:
                graph.replay()
            else:
                step(measured=measured)

    def _recorded(self, step: Step, *, measured: bool) -> torch.cuda.CUDAGraph | None:
        """The recording of a step; None, now and for the other steps, where it can't be recorded."""
        before = [tensor.clone() for tensor in self._changed]
        try:
            graph = self._record(step, measured=measured)
        except RuntimeError as error:  # also when memory is short
            self._records = False
            log.warning("steps are not recorded as CUDA graphs, which makes training slower: %s", error)
            return None
        finally:
            for tensor, value in zip(self._changed, before, strict=True):
                tensor.copy_(value)
        self._graphs[step, measured] = graph
        return graph

    def _record(self, step: Step, *, measured: bool) -> torch.cuda.CUDAGraph:
        stream = _stream(self._device)
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                step(measured=measured)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            step(measured=measured)
        return graph


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """The stream of all recordings on a device: each one that is used keeps a workspace of cuBLAS."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
