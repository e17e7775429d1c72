"""Processes of the product that start in milliseconds: forks of one that has imported it and PyTorch.

A fork is a real process and a child of the requesting one. It has its own process id, process group,
environment and current folder, and signals end it. Forks do not test how a command is found and started, nor
Python's own set-up, such as encodings. Tests of these start the command itself.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

from tests.dashboard import ROOT, clean_environment

PRELOADED: Final = (
    *("app.cli", "app.client", "app.main", "app.worker.program", "app.worker.slot", "app.commands.backup"),
    *("app.commands.remote", "app.commands.restore"),
    *("app.commands.supervisor", "app.commands.terminal", "trainer.command", "trainer.terminal"),
)
_SET_CHILD_SUBREAPER: Final = 36
_SET_DEATH_SIGNAL: Final = 1
_LONGEST: Final = 100_000
"""Maximum bytes of a request: arguments and environment."""

_FREE: Final = 100
"""File descriptors from this number on are free for temporary use."""


class Fork:
    """A started process, with the methods of `subprocess.Popen` that tests and the product use."""

    def __init__(self, pid: int, outputs: Sequence[IO[bytes]] = ()) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._outputs = outputs

    def poll(self) -> int | None:
        """The exit code, or minus the signal that ended the process; None while it runs."""
        return self._look(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end of the process and return its exit code.

        Raises:
            TimeoutError: it still runs after `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self._look(0 if deadline is None else os.WNOHANG)) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"process {self.pid} has not ended after {timeout} s")
            time.sleep(0.01)
        return code

    def output(self, timeout: float | None = None) -> list[bytes]:
        """Wait for the end, and return the contents of standard output and error."""
        self.wait(timeout)
        written = []
        for file in self._outputs:
            with file:
                file.seek(0)
                written.append(file.read())
        return written

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """The same as `output`, as text."""
        out, err = self.output(timeout)
        return out.decode(), err.decode()

    def send_signal(self, number: int) -> None:
        """Send a signal to the process if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the process."""
        self.send_signal(signal.SIGKILL)

    def _look(self, how: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, how)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


class Forks:
    """Starts forks one at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def start(
        self,
        program: str,
        *arguments: str,
        cwd: Path = ROOT,
        environment: Mapping[str, str] | None = None,
        inherited: int | None = None,
        outputs: Sequence[IO[bytes]] = (),
    ) -> Fork:
        """Run a module, or the Python file at a path, with arguments.

        The fork inherits the file descriptor `inherited` under the same number. Its standard output and error
        are the two `outputs`, or those of this process. It ends with this process.
        """
        with open(os.devnull) as nothing:  # noqa: PTH123
            given = {0: nothing.fileno(), 1: 1, 2: 2}
            given |= {number: file.fileno() for number, file in enumerate(outputs, 1)}
            if inherited is not None:
                given[inherited] = inherited
            request = {
                "parent": os.getpid(),
                "words": [program, *arguments],
                "cwd": str(cwd),
                "environment": clean_environment() if environment is None else dict(environment),
                "numbers": list(given),
            }
            with _adopting():
                socket.send_fds(self._connection, [json.dumps(request).encode()], list(given.values()))
                answer = self._connection.recv(_LONGEST)
        assert answer, "the process that is forked has ended"
        return Fork(int(answer), outputs)

    def captured(
        self, program: str, *arguments: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
    ) -> Fork:
        """Run a module and capture its output for `communicate`."""
        outputs = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115
        return self.start(program, *arguments, cwd=cwd, environment=environment, outputs=outputs)

    def run(
        self, program: str, *arguments: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a module to its end."""
        fork = self.captured(program, *arguments, cwd=cwd, environment=environment)
        out, err = fork.communicate()
        return subprocess.CompletedProcess([program, *arguments], fork.wait(), out, err)


@contextmanager
def _adopting() -> Iterator[None]:
    """Make this process the parent of orphaned descendants."""
    control = ctypes.CDLL(None).prctl
    control(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        control(_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@contextmanager
def forking() -> Iterator[Forks]:
    """A process that serves forks until the end of the block, or until this process ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tests.forked", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=ROOT,
                env=clean_environment(OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE", PYTHONPATH=str(ROOT)),
                process_group=0,
            )
        forks = Forks(ours)
        try:
            assert ours.recv(_LONGEST) == b"ready"
            yield forks
        finally:
            ours.close()
            process.wait()


def _next_fork(connection: socket.socket) -> dict[str, Any] | None:
    """Serve requests. Returns the request in each fork, and None in this process at the end.

    A fork's parent exits immediately, so that the requesting process becomes the parent.
    """
    while True:
        message, given, _, _ = socket.recv_fds(connection, _LONGEST, 8)
        if not message:
            return None
        between = os.fork()
        if not between:
            if os.fork():
                os._exit(0)
            request: dict[str, Any] = json.loads(message)
            while os.getppid() != request["parent"]:
                time.sleep(0.0005)
            _take(given, request["numbers"])
            os.setpgid(0, 0)
            connection.send(str(os.getpid()).encode())
            connection.close()
            return request
        os.waitpid(between, 0)
        for descriptor in given:
            os.close(descriptor)


def _take(given: list[int], numbers: list[int]) -> None:
    """Move file descriptors to their requested numbers."""
    high = [_FREE + index for index in range(len(given))]
    for descriptor, free in zip(given, high, strict=True):
        os.dup2(descriptor, free)
        os.close(descriptor)
    for free, number in zip(high, numbers, strict=True):
        os.dup2(free, number)
        os.close(free)


def _become(request: dict[str, Any]) -> int:
    """Run the requested program in this process and return its exit code."""
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    sys.stdin = open(0, encoding=encoding)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding=encoding)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding=encoding, errors="backslashreplace", buffering=1)  # noqa: SIM115
    warnings.simplefilter("ignore", RuntimeWarning)  # that the module was imported before is the point
    sys.argv = request["words"]
    program = sys.argv[0]
    try:
        if program.endswith(".py"):
            runpy.run_path(program, run_name="__main__")
        else:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # as Python does
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> None:
    """Exit as Python does, but without unloading modules, which takes a second."""
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001  # waits for threads
    atexit._run_exitfuncs()  # noqa: SLF001
    for stream in (sys.stdout, sys.stderr):
        with suppress(ValueError):  # it has been closed
            stream.flush()
    os._exit(code)


def _remember_shipped_data() -> None:
    """Read MNIST once for all forks."""
    from trainer.data import loading  # noqa: PLC0415  # with PyTorch, which only this process needs
    from trainer.data.folder import SHIPPED, DataFolder  # noqa: PLC0415

    load = loading.load
    arrays = load(SHIPPED, DataFolder.of(SHIPPED, ROOT))
    loading.__dict__["load"] = lambda dataset, folder: arrays if dataset == SHIPPED else load(dataset, folder)


def main() -> None:
    """Import the modules that forks need, and serve forks until the connection closes."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    _remember_shipped_data()
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()  # or each fork's garbage collector would copy what it looks at
    connection.send(b"ready")
    request = _next_fork(connection)
    if request:
        _end(_become(request))


if __name__ == "__main__":
    main()
