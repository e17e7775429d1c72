"""A slot's place on a node, in a Ray actor: starts the child that trains, and passes messages on."""

import platform
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import psutil

import app
from app.storage import artifacts
from app.worker.cluster import data_sets
from app.worker.cluster.data_sets import NotCopied, Published
from app.worker.messages import Failed, FromSlot, ToSlot, Train
from app.worker.slot_process import Child, launch, told
from app.worker.stall import Activity, activity_of

HEAR_SECONDS: Final = 2.0
"""How long `hear` waits for a message."""

EXIT_SECONDS: Final = 1.0
"""How long a child may take to exit after its pipe was closed."""

MOST_MESSAGES: Final = 100
"""The most messages of one answer."""


def versions() -> dict[str, str]:
    """Returns the versions that must be the same on the dispatcher and its nodes."""
    return {
        "Depthboard": app.__version__,
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "PyTorch": metadata.version("torch").partition("+")[
            0
        ],  # 2.13.0+cpu and 2.13.0+cu130 resume each other
    }


@dataclass(frozen=True, slots=True)
class Terms:
    """What a place must provide: the dispatcher's versions, and the artifacts with this mark in them."""

    versions: dict[str, str]
    artifacts: str
    mark: str
    device: str
    threads: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What a child has said, what it does, and how it has ended, in words; `child` is its process id."""

    child: int
    messages: list[FromSlot] = field(default_factory=list)
    activity: Activity = field(default_factory=Activity)
    ended: str | None = None


Launch = Callable[[int, Path, str, int], Child]
"""Starts a child: its end of the pipe, data folder, device and threads."""


class Place:
    """The child of one slot. Call `begin` first; then `tell` and `hear` may be called by two threads."""

    def __init__(self, terms: Terms, launch: Launch = launch) -> None:
        self._terms = terms
        self._launch = launch
        self._data_dir = data_sets.node_folder(terms.artifacts)
        self._said: SimpleQueue[FromSlot] = SimpleQueue()
        self._pipe: Connection | None = None
        self._child: Child | None = None
        self._process: psutil.Process | None = None

    def begin(self) -> str | None:
        """Start the child; returns why this node can't, in words, or None."""
        if problem := self._problem():
            return problem
        ours, theirs = socket.socketpair()
        with theirs:
            self._child = self._launch(
                theirs.fileno(), self._data_dir, self._terms.device, self._terms.threads
            )
        self._pipe = Connection(ours.detach())
        self._process = psutil.Process(self._child.pid)
        return None

    def _problem(self) -> str | None:
        for name, wanted in self._terms.versions.items():
            if (here := versions()[name]) != wanted:
                return f"this node has {name} {here}, the dispatcher {wanted}; install the same version"
        try:
            if artifacts.mark(self._terms.artifacts, create=False) == self._terms.mark:
                return None
            problem = "they are not the dispatcher's"
        except Exception as error:  # noqa: BLE001  # drivers of stores raise many kinds
            problem = str(error)
        return (
            f"this node can't read the artifacts of the dispatcher ({problem}); use a folder that all nodes "
            "share at the same path, or an object store (DEPTHBOARD_ARTIFACTS_URL)"
        )

    def tell(self, message: ToSlot, published: Published | None = None) -> None:
        """Send a message to the child; first copy the data set that it needs."""
        try:
            if published:
                data_sets.fetch(published, self._data_dir)
        except NotCopied as error:
            name = message.config["dataset"] if isinstance(message, Train) else ""
            self._said.put(Failed(f"the data set {name} can't be used: {error}", None))
            return
        with suppress(OSError):  # it has ended; `hear` says so
            if self._pipe:
                self._pipe.send(message)

    def hear(self) -> Heard:
        """Returns messages of the child; waits for the first one, but not long."""
        if self._pipe is None or self._child is None or self._process is None:
            raise RuntimeError("hear was called before begin")
        messages: list[FromSlot] = []
        ended = None
        seconds = HEAR_SECONDS if self._said.empty() else 0.0
        try:
            while len(messages) < MOST_MESSAGES and self._pipe.poll(seconds):
                messages.append(self._pipe.recv())
                seconds = 0.0
        except (EOFError, OSError):
            ended = told(_ended(self._child))
        while not self._said.empty():
            messages.append(self._said.get())
        return Heard(self._child.pid, messages, activity_of(self._process), ended)


def _ended(child: Child) -> int:
    """Returns the exit code of a child whose pipe is closed; it may take a moment to exit."""
    deadline = time.monotonic() + EXIT_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    child.kill()
    return child.wait()
