"""The engine of a Ray cluster: as many slots as its nodes have room for; Ray never gets a queue."""

import atexit
import contextlib
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

import ray
from ray.util.client import ray as client_mode

from app import lifeline
from app.queue.registry import Node
from app.settings import Settings
from app.storage import artifacts
from app.storage.artifacts import StoreUnusable
from app.worker.cluster.data_sets import Publisher
from app.worker.cluster.head import Head
from app.worker.cluster.nodes import ClusterNode, Names, Need, alive, places
from app.worker.cluster.place import Terms, versions
from app.worker.cluster.probe import problem_at
from app.worker.cluster.ray_slot import RaySlot
from app.worker.cluster.unfit import Unfit
from app.worker.engine import ClusterUnavailable, Engine, Slot
from trainer.files.durable import NotWritten

log = logging.getLogger(__name__)

HEAD_SILENT_SECONDS: Final = 30.0
"""How long the head of the cluster may be silent: after a minute, Ray ends this process without a reason."""

PLACED_SECONDS: Final = 15.0
"""How long Ray may take to place a slot on a node that has its resources."""

_LIMITS: Final = {
    "RAY_gcs_server_port_wait_time_s": "1",
    "RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S": "2",
    "RAY_CLIENT_MAX_CONNECTION_TIMEOUT_S": "2",
}
"""Limits of Ray's attempts to connect: a single attempt of 5 s, or with `ray://` three of 2 s."""

_OTHER_PORT: Final = (
    "the server there does not answer as a cluster; name the port of the head (6379 by default), or with "
    "ray:// that of its client server (10001 by default)"
)
WAITING: Final = "waiting for resources that others use"
_START: Final = "start one with `ray start --head`, or name its address with --address"
_RETURN: Final = (
    "runs return to the queue; start the head again, then this worker if nothing else restarts it"
)
_INSTALL: Final = "install the same versions here and on its nodes"


class RayEngine(Engine):
    """Slots on the nodes of a cluster; a node that joins gets slots, those of one that dies are lost with it.

    Raises:
        ClusterUnavailable: there is no cluster at the address, or the artifacts can't be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._most = settings.slots
        memory = int(settings.memory_per_run * 2**30)
        self._need = Need(settings.threads or 1, settings.gpus_per_run, memory, settings.device)
        try:
            mark = artifacts.mark(settings.artifacts, create=True)
        except (OSError, NotWritten, StoreUnusable) as error:
            raise ClusterUnavailable(f"the artifacts can't be used: {error}") from error
        self._terms = versions(), settings.artifacts, mark
        self._data = Publisher(settings.data_dir, settings.artifacts)
        self._names = Names()
        self._unfit = Unfit(self._need)
        self._opened: list[RaySlot] = []
        _connect(settings.ray_address)
        self._address = settings.ray_address
        if not client_mode.is_connected():
            self._address = str(ray.get_runtime_context().gcs_address)
        self._head = Head(lambda: problem_at(self._address), lambda: alive(ray.nodes()))

    def open(self, slots: Sequence[Slot]) -> list[Slot]:
        """Start slots in the free places of live nodes, up to the limit of the settings.

        Raises:
            ClusterUnavailable: the head of the cluster does not answer any more.
        """
        self._note_losses(slots)
        if silence := self._head.silence:
            if silence.seconds >= HEAD_SILENT_SECONDS:
                raise ClusterUnavailable(
                    f"the head of the Ray cluster at {self._address} has not answered for "
                    f"{silence.seconds:.0f} s: {silence.why}; {_RETURN}"
                )
            return []
        live = self._head.nodes
        names = self._names.of(live)
        taken = Counter((slot.node, slot.offered) for slot in slots if isinstance(slot, RaySlot))
        room = None if self._most is None else max(0, self._most - len(slots))
        wanted = [
            (node, kind)
            for node in live
            if (usable := self._unfit.usable(node))
            for kind, count in places(usable, self._need).items()
            for _ in range(count - taken[node.id, kind])
        ]
        opened = [self._slot(node, names[node.id], kind) for node, kind in wanted[:room]]
        self._opened += opened
        return [*opened]

    def _note_losses(self, kept: Sequence[Slot]) -> None:
        """Give no new slots to the nodes of lost ones until it is known whether these nodes live."""
        for slot in self._opened:
            if slot.lost and slot not in kept:
                self._unfit.note_loss(slot.node, slot.lost)
        self._opened = [slot for slot in self._opened if slot in kept]

    def _slot(self, node: ClusterNode, host: str, kind: str) -> RaySlot:
        terms = Terms(*self._terms, kind, self._need.threads)
        return RaySlot(node, host, self._need, terms, self._data)

    def note_start(self, slot: Slot) -> None:
        """Note that a slot has become ready."""
        if isinstance(slot, RaySlot):
            self._unfit.note_start(slot.node)

    def note_false_start(self, slot: Slot, how: str) -> None:
        """Note that a slot died before it was ready: its node gets no other one like it for a while."""
        if isinstance(slot, RaySlot):
            self._unfit.note_false_start(slot.node, how, slot.fault)

    def nodes(self) -> list[Node]:
        """The live nodes of the cluster."""
        live = self._head.nodes
        silence = self._head.silence
        silent = silence and f"the head of the cluster does not answer: {silence.why}"
        late = time.monotonic() - PLACED_SECONDS
        waiting = {slot.node: WAITING for slot in self._opened if not slot.placed and slot.opened < late}
        names = self._names.of(live)
        return [
            Node(
                names[node.id],
                node.cpus,
                node.gpus,
                node.memory,
                problem=silent or self._unfit.problem(node) or waiting.get(node.id),
                memory_per_run=self._need.memory,
            )
            for node in live
        ]

    def close(self) -> None:
        """Leave the cluster, which ends all actors of this process."""
        self._head.close()
        if self._head.silence is None:
            ray.shutdown()
        else:  # that would wait for the head; the nodes notice the end of this process
            atexit.unregister(ray.shutdown)
            lifeline.end_at_exit(1 if sys.exception() else 0)


def _connect(address: str) -> None:
    """Connect to a cluster. Nothing about its use is sent to others."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    for name, limit in _LIMITS.items():
        os.environ.setdefault(name, limit)
    log.info("connecting to the Ray cluster %s", address)
    if problem := problem_at(address):
        raise _unavailable(address, problem, _START)
    try:
        with contextlib.chdir(os.sep):  # Ray's processes import from the current folder of its driver
            ray.init(address=address, namespace="depthboard", logging_level=logging.WARNING)
    except Exception as error:  # Ray raises many kinds
        with contextlib.suppress(Exception):
            ray.shutdown()
        said = " ".join(str(error).split())
        if said.startswith("Version mismatch"):
            raise _unavailable(address, said, _INSTALL) from error
        if address == "auto":
            raise _unavailable(address, said.partition(". ")[0], _START) from error
        raise _unavailable(address, f"{_OTHER_PORT} ({said.partition('. ')[0]})", _START) from error


def _unavailable(address: str, problem: str, cure: str) -> ClusterUnavailable:
    return ClusterUnavailable(f"no Ray cluster can be reached at {address!r}: {problem}; {cure}")
