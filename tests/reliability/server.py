"""A web server as a separate process, to be killed and restarted at the same address."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import httpx

from app.settings import Settings
from tests.dashboard import ROOT, clean_environment
from tests.waiting import eventually


def free_port() -> int:
    """A free port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Started(Protocol):
    """A started process, with the methods of `subprocess.Popen`."""

    @property
    def pid(self) -> int:
        """The process id."""
        ...

    def poll(self) -> int | None:
        """The exit code; None while the process runs."""
        ...

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        ...

    def send_signal(self, number: int, /) -> None:
        """Send a signal to the process."""
        ...


def command(*words: str) -> Started:
    """Start the command `depthboard`."""
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", *words],
        cwd=ROOT,
        env=clean_environment(),
        stderr=subprocess.DEVNULL,
    )


Start = Callable[..., Started]
"""Starts `depthboard` with these arguments."""


class Server:
    """`depthboard serve` on a fixed port."""

    def __init__(self, settings: Settings, start: Start = command) -> None:
        self._settings = settings
        self._start = start
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start the server and wait until it responds."""
        words = ["serve", "--port", str(self._port)]
        words += ["--data-dir", str(self._settings.data_dir), "--parent", str(os.getpid())]
        if self._settings.database_url:
            words += ["--database-url", self._settings.database_url]
        self.process = self._start(*words)
        eventually(self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None, "the server ended while it started"
        try:
            return httpx.get(f"{self.url}/health").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """Kill the server without a chance to clean up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Stop the server as a service manager does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def mebibytes(self) -> float:
        """The resident memory of the server."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024
