"""A real dashboard for tests: web process and worker, on a free port of this machine."""

import http.client
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parent.parent
COMMAND = (sys.executable, "-P", "-m", "app.cli")
"""The command line of this checkout, which is installed as a link."""


@dataclass
class Dashboard:
    """A running `depthboard up`."""

    url: str
    process: subprocess.Popen[str]


def clean_environment(**changes: str) -> dict[str, str]:
    """This process's environment without Depthboard's settings, and with these changes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DEPTHBOARD_")}
    return kept | changes


@contextmanager
def running(
    folder: Path,
    *options: str,
    command: Sequence[str] = COMMAND,
    cwd: Path = ROOT,
    user: int | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Dashboard]:
    """A dashboard with its data in `folder`, stopped after the block as by Ctrl-C.

    It trains in one slot on one thread, because other tests run at the same time.
    """
    words = ("up", "--port", "0", "--slots", "1", "--threads", "1", "--data-dir", str(folder))
    process = subprocess.Popen(
        [*command, *words, *options],
        stdout=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=clean_environment(**environment),
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    assert process.stdout
    try:
        greeting = process.stdout.readline()
        found = re.search(r"http://\S+", greeting)
        assert found, f"the dashboard did not start: {greeting!r}"
        yield Dashboard(found[0], process)
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def get(url: str, path: str, accept: str = "application/json") -> tuple[int, str]:
    """Status and text of a GET."""
    status, body = get_bytes(url, path, accept)
    return status, body.decode()


def get_bytes(url: str, path: str, accept: str = "*/*") -> tuple[int, bytes]:
    """Status and body of a GET, such as of a font."""
    with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)) as connection:
        connection.request("GET", path, headers={"Accept": accept})
        response = connection.getresponse()
        return response.status, response.read()
