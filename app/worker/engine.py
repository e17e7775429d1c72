"""The interface of engines, which make slots, and of slots, which train one run at a time."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol

from sqlmodel import Session

from app.queue import registry
from app.queue.claims import Claim
from app.storage.artifacts import RunFiles
from app.worker.messages import FromSlot, Ready


@dataclass(frozen=True, slots=True)
class Gone:
    """The slot has ended by itself; with `machine_lost`, because its machine is gone, not its process."""

    machine_lost: bool = False


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """A slot's report can't be recorded; the reason is for the user who queued the run."""

    reason: str


Settle = Callable[[Session, Claim, str], object]
"""A step of the queue that settles a run, given how its slot ended, in words."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The worker has ended the slot, but its run is not settled yet."""

    how: str
    settle: Settle


class Watcher(Protocol):
    """Watches the progress of a slot's run; times are monotonic seconds."""

    def begin(self, moment: float) -> None:
        """Start watching a run, which first reads its data."""

    def hear(self, moment: float, report: object) -> None:
        """Note that a report of the slot was handled at this moment."""

    def restart(self, moment: float) -> None:
        """Count from this moment; used, for example, after the worker was suspended."""

    def why_stalled(self, moment: float, *, threads: int, stall_seconds: float) -> str | None:
        """Returns why the slot counts as stalled, in words; None while it does not."""


class Slot(ABC):
    """A place for one run at a time; `claim` is the run it trains, None when it is idle.

    `report` is a report that has not been handled yet, `died_at` is when its end was noticed (monotonic
    seconds), `connection` becomes readable when it reports something, and `watch` detects stalls. The slot is
    on `host`, and offers the kind of device `offered` there, or all with `auto`; `devices` are those it has
    found. Its runs may take `memory` bytes; None without a limit. It is `placed` once its host has room for
    it.
    """

    connection: Connection
    watch: Watcher

    def __init__(self, threads: int, host: str, offered: str = "auto") -> None:
        self.threads = threads
        self.host = host
        self.offered = offered
        self.memory: int | None = None
        self.devices: list[dict[str, str]] = []
        self.versions: dict[str, str] = {}
        self.placed = True
        self.ready = False
        self.claim: Claim | None = None
        self.report: FromSlot | Gone | Unrecorded | Ended | None = None
        self.died_at: float | None = None
        self.kill_at: float | None = None

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of device (`cpu`, `cuda`, …) for which it takes runs; empty until it is ready."""
        return registry.kinds(self.devices)

    def get_ready(self, found: Ready) -> None:
        """Note the devices and versions that the slot has found; from now on it takes runs."""
        self.ready = True
        self.versions = found.versions
        self.devices = [
            device for device in found.devices if self.offered in ("auto", *registry.kinds([device]))
        ]

    def rest(self) -> Claim | None:
        """Clear the claim after its end, and return it; the slot is then idle."""
        claim, self.claim, self.kill_at = self.claim, None, None
        return claim

    @abstractmethod
    def train(self, claim: Claim, files: RunFiles, checkpoint_seconds: float) -> None:
        """Start or resume the training of a claimed run."""

    @abstractmethod
    def acknowledge(self, epoch: int) -> None:
        """Tell the slot that an epoch is in the database."""

    @abstractmethod
    def ask_to_stop(self, kill_at: float) -> None:
        """Ask the slot to stop between two batches; after `kill_at` (monotonic seconds) it is killed."""

    @abstractmethod
    def ask_to_leave(self) -> None:
        """Ask the slot to stop with a checkpoint after the current epoch."""

    @abstractmethod
    def receive(self) -> FromSlot | Gone:
        """Returns the next message."""

    @abstractmethod
    def kill(self) -> str:
        """End the slot, if it still runs. Returns how it ended, in words. May be repeated."""


class SlotsUnusable(Exception):
    """No slot becomes ready; the output of the slots says why."""


class EngineMissing(Exception):
    """The engine is not installed; the message says what to do."""


class ClusterUnavailable(Exception):
    """The engine can't reach its cluster; the message says what to do."""


class Engine(ABC):
    """Makes slots, as many as it has places for.

    No method waits for anything but the start of a local process.
    """

    @abstractmethod
    def open(self, slots: Sequence[Slot]) -> list[Slot]:
        """Start slots in the places that none of these slots takes, and return them."""

    @abstractmethod
    def note_start(self, slot: Slot) -> None:
        """Note that a slot has become ready."""

    @abstractmethod
    def note_false_start(self, slot: Slot, how: str) -> None:
        """Note that a slot died before it was ready. Raises `SlotsUnusable` if no other one can do better."""

    def nodes(self) -> list[registry.Node]:
        """The machines of a cluster, with or without slots; none if all slots are on this machine."""
        return []

    def close(self) -> None:  # noqa: B027  # most engines hold nothing
        """Release what the engine holds, after its slots were killed."""
