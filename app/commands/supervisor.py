"""`depthboard up`: starts the web process and a worker, restarts what dies, and stops both together."""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from app import interpreter
from app.address import EXIT_ADDRESS, Address

EXIT_SETTINGS: Final = 2
"""A child's exit code for invalid settings, after which a restart would not help."""

EXIT_CLUSTER: Final = 4
"""A worker's exit code if its cluster can't be reached, after which it is started again without a limit."""

_WEB: Final = "web process"
WEB_MEMORY: Final = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "131072"}
"""The web process's use of memory in glibc, so that less stays unused.

Its threads, which run one at a time, share one heap. Blocks of 128 KiB or more, such as large responses, go
back to the system when they are freed; by default that size grows with them.
"""

EXIT_NOT_FOUND: Final = 127
EXIT_KILLED: Final = 130


@dataclass(frozen=True)
class Patience:
    """Delays and time limits of the supervisor in seconds, and its number of attempts."""

    first_delay: float = 0.5
    longest_delay: float = 30
    long_life: float = 60
    """After a child has run this long, the delay returns to `first_delay`."""
    short_life: float = 5
    """A child that ends sooner counts as failed to start."""
    short_lives: int = 5
    """The supervisor gives up after this many failed starts in a row."""
    head_start: float = 10
    """The worker starts when the web process answers, or after this long."""
    drain: float = 15
    """Time for a child to end before it is killed."""


class Supervisor:
    """Keeps two child processes alive: `web`, and `worker` once `answers` returns True for the web process.

    Both commands get `--parent` with the supervisor's process id, so that a child notices the supervisor's
    death (`app.lifeline`). Once the web process has answered, they also get `--again`: a child then
    creates no new database if the old one is missing. The worker also gets `--id` and, after a death,
    `--replaces` with its predecessor's id. The web process reads the ids of dead workers from its standard
    input, one per line. Each child has its own process group: Ctrl-C reaches only the supervisor, which
    passes it on once.
    """

    def __init__(
        self,
        web: Sequence[str],
        worker: Sequence[str],
        answers: Callable[[], bool],
        *,
        greeting: str,
        patience: Patience | None = None,
    ) -> None:
        self._web = web
        self._worker = worker
        self._answers = answers
        self._greeting = greeting
        self._patience = patience or Patience()
        self._answering = False
        self._stopping = asyncio.Event()
        self._processes: dict[str, Process] = {}
        self._exit_code = 0

    async def run(self) -> int:
        """Run until a signal arrives or a child fails to start, and return the exit code.

        SIGINT, SIGTERM and SIGHUP stop the children gracefully; a second signal kills them.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
                loop.add_signal_handler(number, self._on_signal)
        tasks = {asyncio.create_task(task) for task in (self._keep_web(), self._keep_worker(), self._greet())}
        await self._stopping.wait()
        self._each(Process.terminate)
        _, late = await asyncio.wait(tasks, timeout=self._patience.drain)
        if late:
            self._each(Process.kill)
            await asyncio.wait(late)
        await asyncio.gather(*tasks)
        return self._exit_code

    @property
    def _parent(self) -> list[str]:
        return ["--parent", str(os.getpid()), *(["--again"] if self._answering else [])]

    def _on_signal(self) -> None:
        if self._stopping.is_set():
            self._exit_code = EXIT_KILLED
            self._each(Process.kill)
        else:
            _say("Stopping; runs go back to the queue. Press Ctrl-C again to stop at once.")
            self._stopping.set()

    def _each(self, end: Callable[[Process], None]) -> None:
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                end(process)

    def _give_up(self, exit_code: int) -> None:
        self._exit_code = exit_code
        self._stopping.set()

    async def _greet(self) -> None:
        while not self._stopping.is_set():
            if await asyncio.to_thread(self._answers):
                self._answering = True
                sys.stdout.write(f"{self._greeting}\n")
                sys.stdout.flush()
                return
            await self._pause(0.05)

    async def _keep_web(self) -> None:
        await self._keep(_WEB, lambda: [*self._web, *self._parent])

    async def _keep_worker(self) -> None:
        deadline = time.monotonic() + self._patience.head_start
        while not (self._answering or self._stopping.is_set() or time.monotonic() > deadline):
            await self._pause(0.05)
        ids: list[str] = []

        def command() -> list[str]:
            predecessor = ["--replaces", ids[-1]] if ids else []
            ids.append(secrets.token_hex(8))
            return [*self._worker, *self._parent, "--id", ids[-1], *predecessor]

        await self._keep("worker", command, lambda: self._tell_of_death(ids[-1]))

    def _tell_of_death(self, worker_id: str) -> None:
        """Let the web process requeue the runs of a dead worker before its successor starts."""
        web = self._processes.get(_WEB)
        if web and web.stdin:
            web.stdin.write(f"{worker_id}\n".encode())

    async def _keep(
        self, name: str, command: Callable[[], Sequence[str]], on_death: Callable[[], None] = lambda: None
    ) -> None:
        """Restart a child until the supervisor stops or the child keeps failing to start."""
        patience = self._patience
        delay = patience.first_delay
        short_lives = 0
        while not self._stopping.is_set():
            born = time.monotonic()
            code = await self._live(name, command())
            life = time.monotonic() - born
            if self._stopping.is_set():
                return
            on_death()
            if code != EXIT_CLUSTER:
                short_lives = short_lives + 1 if life < patience.short_life else 0
            if code in (EXIT_SETTINGS, EXIT_ADDRESS):
                self._give_up(code)
                return
            if short_lives == patience.short_lives:
                failed = f"The {name} failed to start {short_lives} times in a row"
                _say(f"{failed}; the last time, it {_ending(code)}. Giving up.")
                self._give_up(1)
                return
            if life >= patience.long_life:
                delay = patience.first_delay
            _say(f"The {name} {_ending(code)}; starting it again in {delay:g} s.")
            await self._pause(delay)
            delay = min(2 * delay, patience.longest_delay)

    async def _live(self, name: str, command: Sequence[str]) -> int:
        """Start a child, wait for its end, and return its exit code, or minus the signal that killed it."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE if name == _WEB else asyncio.subprocess.DEVNULL,
                env=interpreter.environment(**(WEB_MEMORY if name == _WEB else {})),
                process_group=0,
            )
        except OSError as error:
            _say(f"The {name} can't be started: {error}.")
            return EXIT_NOT_FOUND
        self._processes[name] = process
        if self._stopping.is_set():  # the other children were stopped while this one was starting
            process.terminate()
        code = await process.wait()
        del self._processes[name]
        return code

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def _ending(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def greeting(address: Address, hosts: Iterable[str]) -> str:
    """The dashboard's address and its exposure to other machines."""
    here = f"Depthboard is at {address.url} (Ctrl-C stops it)."
    if address.exposure is None:
        return here
    return (
        f"{here}\n{address.exposure} It accepts requests to the host names {', '.join(hosts)} "
        "(DEPTHBOARD_ALLOWED_HOSTS)."
    )


def up(address: Address, hosts: Iterable[str]) -> int:
    """Run the dashboard at a free address until it is stopped, and return the exit code.

    Children get the settings from the environment. `hosts` are the names that the server answers to.
    """
    supervisor = Supervisor(
        interpreter.command("app.cli", "serve"),
        interpreter.command("app.cli", "worker"),
        address.is_served,
        greeting=greeting(address, hosts),
    )
    return asyncio.run(supervisor.run())
