"""The slot interface: what an engine that trains runs must offer. An engine is one implementation of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol

from sqlmodel import Session

from app.queue.claims import Claim
from app.storage.artifacts import RunFiles
from app.worker.messages import FromSlot


@dataclass(frozen=True, slots=True)
class Gone:
    """The slot has ended by itself."""


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """What the slot did can't be written down; the reason is for the person who asked for the run."""

    reason: str


Settle = Callable[[Session, Claim, str], object]
"""A step of the queue that says what becomes of a run, given how its slot ended, in words."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The worker has ended the slot, and what becomes of its run is still to be written down."""

    how: str
    settle: Settle


class Watcher(Protocol):
    """Follows the signs that a slot gives of its run; times are monotonic seconds."""

    def begin(self, moment: float) -> None:
        """A run begins, by reading its data."""

    def hear(self, moment: float, report: object) -> None:
        """The slot has said something, which has been dealt with at this moment."""

    def restart(self, moment: float) -> None:
        """Count from this moment, as after a time in which the worker itself did not run."""

    def why_stalled(self, moment: float, *, threads: int, stall_seconds: float) -> str | None:
        """Why the slot counts as stalled, in words; None while it does not."""


class Slot(ABC):
    """A place for one run at a time; `claim` is the run it trains, None when it is idle.

    `report` is what it said and has not been dealt with yet, `died_at` when its end was noticed (monotonic
    seconds), `connection` can be waited for until it says something, `watch` judges its silence.
    """

    connection: Connection
    watch: Watcher

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.ready = False
        self.claim: Claim | None = None
        self.report: FromSlot | Gone | Unrecorded | Ended | None = None
        self.died_at: float | None = None
        self.kill_at: float | None = None

    def rest(self) -> Claim | None:
        """Forget the claim, which has come to an end, and be idle."""
        claim, self.claim, self.kill_at = self.claim, None, None
        return claim

    @abstractmethod
    def train(self, claim: Claim, files: RunFiles, checkpoint_seconds: float) -> None:
        """Start training a claimed run, or go on with it."""

    @abstractmethod
    def acknowledge(self, epoch: int) -> None:
        """Tell it that an epoch is in the database."""

    @abstractmethod
    def ask_to_stop(self, kill_at: float) -> None:
        """Ask it to stop between two batches; after `kill_at` (monotonic seconds) it is killed."""

    @abstractmethod
    def ask_to_leave(self) -> None:
        """Ask it to end with a checkpoint after the epoch under way."""

    @abstractmethod
    def receive(self) -> FromSlot | Gone:
        """The next message."""

    @abstractmethod
    def kill(self) -> str:
        """End it now, if it still lives; how it ended, in words. May be repeated."""
