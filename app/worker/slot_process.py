"""The engine of this machine: it trains each slot's runs in a child process (`slot.py`)."""

import logging
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, Protocol

import psutil

from app import interpreter
from app.queue.claims import Claim
from app.settings import Settings
from app.storage.artifacts import RunFiles
from app.worker.engine import Engine, Gone, Slot, SlotsUnusable
from app.worker.messages import FromSlot, Leave, Ready, Recorded, Stop, ToSlot, Train
from app.worker.stall import Watch, activity_of

log = logging.getLogger(__name__)

MAX_FALSE_STARTS: Final = 5
"""The engine gives up after this many slots in a row died before they were ready."""

_ENVIRONMENT: Final = {
    "OMP_WAIT_POLICY": "PASSIVE",  # spinning at barriers would starve other processes, first the web server
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # bitwise reproducible results on CUDA
    "PYTHONUNBUFFERED": "1",
}


class Child(Protocol):
    """A slot's child process, as `subprocess.Popen` shows it."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    def poll(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it runs."""
        ...

    def wait(self) -> int:
        """Wait for its end; returns the same as `poll`."""
        ...

    def kill(self) -> None:
        """End it immediately, if it still runs."""
        ...


Start = Callable[[int, Settings], Child]
"""Starts a slot's child process; the file descriptor is its end of the pipe."""


def start(pipe: int, settings: Settings) -> Child:
    """Start a slot in its own interpreter."""
    return launch(pipe, settings.data_dir, settings.device, settings.thread_count)


def launch(pipe: int, data_dir: Path, device: str, threads: int) -> Child:
    """Start a slot that offers this device, with data sets from a folder, in its own interpreter."""
    return subprocess.Popen(  # noqa: S603  # our own interpreter and module
        interpreter.command("app.worker.slot", str(pipe), str(data_dir), device),
        pass_fds=[pipe],
        stdin=subprocess.DEVNULL,
        cwd=os.sep,  # torch does not load in a current folder that was removed
        process_group=0,  # only the worker handles Ctrl-C
        env=interpreter.environment(OMP_NUM_THREADS=str(threads), **_ENVIRONMENT),
    )


def told(code: int) -> str:
    """Returns how a process ended, in words; `code` is as in `Child.poll`."""
    if code < 0:
        return f"its process was killed by {signal.Signals(-code).name}"
    return f"its process exited with code {code}"


class PipedSlot(Slot):
    """A slot at the other end of a pipe; a run with device `auto` gets the device that the slot offers."""

    def train(self, claim: Claim, files: RunFiles, checkpoint_seconds: float) -> None:
        """Start or resume the training of a claimed run."""
        self.claim = claim
        wanted = claim.config.device
        device = self.offered if wanted == "auto" else wanted
        self.send(
            Train(
                claim.config.model_dump(),
                device,
                claim.threads,
                folder=files.folder,
                attempt=claim.attempt,
                epochs_recorded=claim.epochs_done,
                checkpoint_seconds=checkpoint_seconds,
            )
        )

    def acknowledge(self, epoch: int) -> None:
        """Tell the slot that an epoch is in the database."""
        self.send(Recorded(epoch))

    def ask_to_stop(self, kill_at: float) -> None:
        """Ask the slot to stop between two batches; after `kill_at` (monotonic seconds) it is killed."""
        self.kill_at = kill_at
        self.send(Stop())

    def ask_to_leave(self) -> None:
        """Ask the slot to stop with a checkpoint after the current epoch."""
        self.send(Leave())

    def send(self, message: ToSlot) -> None:
        """Send a message to the slot; if it has ended, `receive` says so."""
        with suppress(OSError):
            self.connection.send(message)

    def receive(self) -> FromSlot | Gone:
        """Returns the next message."""
        try:
            message: FromSlot | Gone = self.connection.recv()
        except (EOFError, OSError):
            return Gone()
        return message


class SlotProcess(PipedSlot):
    """A slot that trains in a child process of this one."""

    def __init__(self, settings: Settings, start: Start = start) -> None:
        super().__init__(settings.thread_count, socket.gethostname(), settings.device)
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = start(theirs.fileno(), settings)
        self.connection = Connection(ours.detach())
        self.watch: Watch = Watch(partial(activity_of, psutil.Process(self.process.pid)))

    def get_ready(self, found: Ready) -> None:
        """Note the devices and versions that the slot has found; from now on it takes runs."""
        super().get_ready(found)
        if not self.devices:
            log.error("this machine has no %s device; the worker claims no runs", self.offered)

    def kill(self) -> str:
        """End the child, if it still runs. Returns how it ended, in words. May be repeated."""
        if self.process.poll() is None:
            self.process.kill()
        self.connection.close()
        return told(self.process.wait())


class LocalEngine(Engine):
    """The slots of this machine, as many as the settings say."""

    def __init__(self, settings: Settings, start: Start = start) -> None:
        self._settings = settings
        self._start = start
        self._false_starts = 0

    def open(self, slots: Sequence[Slot]) -> list[Slot]:
        """Start the slots that are missing."""
        return [
            SlotProcess(self._settings, self._start) for _ in range(self._settings.slot_count - len(slots))
        ]

    def note_start(self, slot: Slot) -> None:  # noqa: ARG002
        """Note that a slot has become ready."""
        self._false_starts = 0

    def note_false_start(self, slot: Slot, how: str) -> None:  # noqa: ARG002
        """Note that a slot died before it was ready. Raises `SlotsUnusable` after several in a row."""
        self._false_starts += 1
        if self._false_starts >= MAX_FALSE_STARTS:
            raise SlotsUnusable(
                f"no slot can start: {self._false_starts} in a row died while starting; the last time, {how}"
            )
