"""Nodes that get no slots for a while, or none on their GPUs until they leave, and why."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from app.worker.cluster.nodes import ClusterNode, Need, shortage

LOST_SECONDS: Final = 3.0
"""How long a node whose slot was lost gets no other one: by then it is known to be dead, if it is."""

UNFIT_SECONDS: Final = 30.0
"""How long a node on which a slot could not start gets no other one."""

NOT_INSTALLED_SECONDS: Final = 300.0
"""The same for a node without Depthboard: each attempt there adds a long trace to the log."""

Fault = Literal["no_gpu", "not_installed"]
"""What a node lacks, so that a slot that could not start there says more than that."""

FAULTS: Final[dict[Fault, str]] = {
    "no_gpu": "PyTorch finds no GPU there",
    "not_installed": (
        "Depthboard can't be imported on its node; install it in the Python that runs Ray there"
    ),
}
"""The same in words."""


@dataclass(frozen=True, slots=True)
class _Reason:
    """Why a node gets no slots until a moment; after a false start, it holds until a slot has started."""

    how: str
    until: float
    false_start: bool


class Unfit:
    """The nodes that get no slots, or none on their GPUs; `monotonic` returns the time in seconds."""

    def __init__(self, need: Need, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._need = need
        self._monotonic = monotonic
        self._reasons: dict[str, _Reason] = {}
        self._without_gpu: set[str] = set()

    def note_loss(self, node_id: str, how: str) -> None:
        """Note that a slot was lost with its node: it is not known yet whether the node lives."""
        self._note(node_id, _Reason(how, self._monotonic() + LOST_SECONDS, false_start=False))

    def note_false_start(self, node_id: str, how: str, fault: Fault | None = None) -> None:
        """Note that a slot died before it was ready: how, in words, and what the node lacks, if known."""
        if fault == "no_gpu":
            self._without_gpu.add(node_id)
            return
        seconds = NOT_INSTALLED_SECONDS if fault == "not_installed" else UNFIT_SECONDS
        self._note(node_id, _Reason(how, self._monotonic() + seconds, false_start=True))

    def _note(self, node_id: str, reason: _Reason) -> None:
        known = self._reasons.get(node_id)
        if known is None or known.until < reason.until:
            self._reasons[node_id] = reason

    def note_start(self, node_id: str) -> None:
        """Note that a slot has become ready."""
        self._reasons.pop(node_id, None)

    def usable(self, node: ClusterNode) -> ClusterNode | None:
        """Returns what of a node slots may take now; None if nothing."""
        reason = self._reasons.get(node.id)
        if reason and self._monotonic() < reason.until:
            return None
        return replace(node, gpus=0) if node.id in self._without_gpu else node

    def problem(self, node: ClusterNode) -> str | None:
        """Returns why a node has no slots, or none on its GPUs, in words; None if nothing is known."""
        reason = self._reasons.get(node.id)
        if reason and (reason.false_start or self._monotonic() < reason.until):
            return reason.how
        return FAULTS["no_gpu"] if node.id in self._without_gpu else shortage(node, self._need)
