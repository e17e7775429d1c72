"""Nodes of a Ray cluster: how many slots each has room for, and their names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

NAME_DIGITS: Final = 6
"""Digits of a node's id in its name, if its machine has several nodes."""

_NEARLY: Final = 1e-6
"""Fractions of a GPU are sums of floats."""


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A live node and what it gives to the cluster; memory in bytes."""

    id: str
    hostname: str
    cpus: float
    gpus: float
    memory: int


@dataclass(frozen=True, slots=True)
class Need:
    """What a slot takes of a node, memory in bytes, and the device that its worker offers (`auto`: all)."""

    threads: int
    gpus: float
    memory: int
    device: str = "auto"


def alive(described: Iterable[Mapping[str, Any]]) -> list[ClusterNode]:
    """Returns the live nodes among those that `ray.nodes()` describes, in the order of their ids."""
    found = [
        ClusterNode(
            node["NodeID"],
            node["NodeManagerHostname"],
            float(node["Resources"].get("CPU", 0)),
            float(node["Resources"].get("GPU", 0)),
            int(node["Resources"].get("memory", 0)),
        )
        for node in described
        if node["Alive"]
    ]
    return sorted(found, key=lambda node: node.id)


def places(node: ClusterNode, need: Need) -> dict[str, int]:
    """Returns how many slots a node has room for, by kind of device.

    Each takes CPUs and memory. Those on a GPU come first; the CPUs that they leave are for runs on the CPU.
    """
    room = min(int(node.cpus // need.threads), node.memory // need.memory)
    on_gpu = min(room, int(node.gpus / need.gpus + _NEARLY)) if need.device in ("auto", "cuda") else 0
    on_cpu = room - on_gpu if need.device in ("auto", "cpu") else 0
    return {kind: count for kind, count in (("cuda", on_gpu), ("cpu", on_cpu)) if count}


def shortage(node: ClusterNode, need: Need) -> str | None:
    """Returns what a node lacks for a slot, in words; None if it has room, or gives no CPUs at all."""
    if not node.cpus or places(node, need):
        return None
    if node.cpus < need.threads:
        return f"a slot takes {need.threads} CPUs"
    if node.memory < need.memory:
        return f"a slot takes {need.memory / 2**30:g} GiB of memory"
    return f"it has no {need.device} device"


class Names:
    """Names of nodes: their host names; further nodes of the same machine also have a part of their id."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def of(self, nodes: Iterable[ClusterNode]) -> dict[str, str]:
        """Returns the names of all live nodes by their ids; a name never changes while its node lives."""
        live = {node.id: node for node in nodes}
        self._names = {node_id: name for node_id, name in self._names.items() if node_id in live}
        for node in live.values():
            if node.id not in self._names:
                taken = node.hostname in self._names.values()
                self._names[node.id] = f"{node.hostname} {node.id[:NAME_DIGITS]}" if taken else node.hostname
        return dict(self._names)
