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
    return subprocess.Popen(  # noqa: S603  # our own interpreter and module
        interpreter.command("app.worker.slot", str(pipe), str(settings.data_dir), settings.device),
        pass_fds=[pipe],
        stdin=subprocess.DEVNULL,
        cwd=os.sep,  # torch does not load in a current folder that was removed
        process_group=0,  # only the worker handles Ctrl-C
        env=interpreter.environment(OMP_NUM_THREADS=str(settings.thread_count), **_ENVIRONMENT),
    )


class SlotProcess(Slot):
    """A slot that trains in a child process, at the other end of a pipe.

    A run with device `auto` gets the device of the settings.
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
        """Start or resume the training of a claimed run."""
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
        """Tell the slot that an epoch is in the database."""
        self._send(Recorded(epoch))

    def ask_to_stop(self, kill_at: float) -> None:
        """Ask the slot to stop between two batches; after `kill_at` (monotonic seconds) it is killed."""
        self.kill_at = kill_at
        self._send(Stop())

    def ask_to_leave(self) -> None:
        """Ask the slot to stop with a checkpoint after the current epoch."""
        self._send(Leave())

    def _send(self, message: ToSlot) -> None:
        with suppress(OSError):  # the child has ended; `receive` reports that
            self.connection.send(message)

    def receive(self) -> FromSlot | Gone:
        """Returns the next message."""
        try:
            message: FromSlot = self.connection.recv()
        except (EOFError, OSError):
            return Gone()
        return message

    def kill(self) -> str:
        """End the child, if it still runs. Returns how it ended, in words. May be repeated."""
        if self.process.poll() is None:
            self.process.kill()
        self.connection.close()
        code = self.process.wait()
        if code < 0:
            return f"its process was killed by {signal.Signals(-code).name}"
        return f"its process exited with code {code}"
