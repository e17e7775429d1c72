"""The engine of this machine: it trains each slot's runs in a child process (`slot.py`)."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Final, Protocol

from app import interpreter
from app.queue.claims import Claim
from app.settings import Settings
from app.storage.artifacts import RunFiles
from app.worker.engine import Gone, Slot
from app.worker.messages import FromSlot, Leave, Recorded, Stop, ToSlot, Train
from app.worker.stall import Watch

_ENVIRONMENT: Final = {
    "OMP_WAIT_POLICY": "PASSIVE",  # spinning at barriers would starve the neighbours, the web server first
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # the same bits every time, on CUDA too
    "PYTHONUNBUFFERED": "1",
}


class Child(Protocol):
    """A slot's child process, as `subprocess.Popen` shows it."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    def poll(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it lives."""
        ...

    def wait(self) -> int:
        """The same, once it has ended."""
        ...

    def kill(self) -> None:
        """End it at once, if it still lives."""
        ...


Start = Callable[[int, Settings], Child]
"""Starts a slot's child process with its end of the pipe, a file descriptor."""


def start(pipe: int, settings: Settings) -> Child:
    """Start a slot in an interpreter of its own."""
    return subprocess.Popen(  # noqa: S603  # our own interpreter and module
        interpreter.command("app.worker.slot", str(pipe), str(settings.data_dir), settings.device),
        pass_fds=[pipe],
        stdin=subprocess.DEVNULL,
        cwd=os.sep,  # a current folder that is gone would keep torch from loading
        process_group=0,  # Ctrl-C is the worker's to handle
        env=interpreter.environment(OMP_NUM_THREADS=str(settings.thread_count), **_ENVIRONMENT),
    )


class SlotProcess(Slot):
    """A slot whose engine is a child process, at the other end of a pipe.

    A run that leaves its device open gets the one that the settings offer.
    """

    def __init__(self, settings: Settings, start: Start = start) -> None:
        super().__init__(settings.thread_count)
        self._offered = settings.device
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = start(theirs.fileno(), settings)
        self.connection = Connection(ours.detach())
        self.watch: Watch = Watch(self.process.pid)

    def train(self, claim: Claim, files: RunFiles, checkpoint_seconds: float) -> None:
        """Start training a claimed run, or go on with it."""
        self.claim = claim
        wanted = claim.config.device
        device = self._offered if wanted == "auto" else wanted
        self._send(
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
        """Tell it that an epoch is in the database."""
        self._send(Recorded(epoch))

    def ask_to_stop(self, kill_at: float) -> None:
        """Ask it to stop between two batches; after `kill_at` (monotonic seconds) it is killed."""
        self.kill_at = kill_at
        self._send(Stop())

    def ask_to_leave(self) -> None:
        """Ask it to end with a checkpoint after the epoch under way."""
        self._send(Leave())

    def _send(self, message: ToSlot) -> None:
        with suppress(OSError):  # the child is gone, which `receive` tells
            self.connection.send(message)

    def receive(self) -> FromSlot | Gone:
        """The next message."""
        try:
            message: FromSlot = self.connection.recv()
        except (EOFError, OSError):
            return Gone()
        return message

    def kill(self) -> str:
        """End the child now, if it still lives; how it ended, in words. May be repeated."""
        if self.process.poll() is None:
            self.process.kill()
        self.connection.close()
        code = self.process.wait()
        if code < 0:
            return f"its process was killed by {signal.Signals(-code).name}"
        return f"its process exited with code {code}"
