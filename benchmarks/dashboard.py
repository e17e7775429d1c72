"""A dashboard of its own for each measurement."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.processes import Process


class Dashboard:
    """A running `depthboard up` on a free port, with its data in `folder`; ready once `/health` responds."""

    def __init__(self, folder: Path) -> None:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("DEPTHBOARD_")
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "up", "--port", "0", "--data-dir", str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        greeting = self._process.stdout.readline() if self._process.stdout else ""
        self.url = re.findall(r"http://\S+", greeting)[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait()

    def mebibytes(self, word: str, field: str = "VmRSS") -> list[float]:
        """Memory of its processes with this word in their command; `VmHWM` is the peak."""
        family = Process(self._process.pid).family()
        return [int(each.status[field].split()[0]) / 1024 for each in family if word in each.command]
