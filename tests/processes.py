"""The whole dashboard as users start it, with access to its processes to kill them at work."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from app.settings import Settings
from app.worker.cluster import data_sets
from tests.dashboard import Dashboard, running
from tests.waiting import eventually

PATIENCE = 180
ENDLESS = {"depth": 1, "epochs": 10_000, "batch_size": 2048}
"""A run that is too long to finish during a test."""


class Process:
    """A process of this machine, as /proc shows it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @classmethod
    def all(cls) -> list["Process"]:
        """Every process."""
        return [cls(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()]

    @property
    def status(self) -> dict[str, str]:
        """The status fields; empty if the process has ended."""
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
            return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return {}

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self.status.get("State", "Z")[0] not in "ZX"

    @property
    def command(self) -> list[str]:
        """The command line, as a list of arguments."""
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/cmdline").read_text(errors="surrogateescape").split("\0")
        return []

    def option(self, name: str) -> str:
        """The value of an option of the command line; empty without the option."""
        words = self.command
        return words[words.index(name) + 1] if name in words else ""

    def children(self) -> list["Process"]:
        """The running children."""
        found = [each for each in Process.all() if each.status.get("PPid") == str(self.pid)]
        return [each for each in found if each.alive]

    def child(self, word: str) -> "Process":
        """Wait for the child with this word in its command."""
        found = eventually(lambda: [each for each in self.children() if word in each.command], PATIENCE)
        return found[0]

    def family(self) -> list["Process"]:
        """The process and all its descendants."""
        return [self, *(member for each in self.children() for member in each.family())]

    def kill(self) -> None:
        """Kill the process without a chance to clean up."""
        os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """Pause the process until `go_on`, as on a machine that sleeps."""
        os.kill(self.pid, signal.SIGSTOP)
        eventually(lambda: self.status.get("State", "Z")[0] in "TZX")

    def waits(self) -> bool:
        """Whether the process stayed asleep during 0.2 s."""
        before = self.status
        time.sleep(0.2)
        return before.get("State", "Z")[0] == "S" and before == self.status

    def go_on(self) -> None:
        """Resume the process."""
        os.kill(self.pid, signal.SIGCONT)


@dataclass(frozen=True)
class Engine:
    """Where workers train: on this machine, or on the nodes of a cluster, which are on this machine too."""

    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    has_nodes: bool = False

    def slots(self, worker: Process, settings: Settings) -> list[Process]:
        """The processes that train for a worker with these settings, or that trained for its predecessor."""
        folder = str(data_sets.node_folder(settings.artifacts))
        found = (
            [each for each in Process.all() if folder in each.command]
            if self.has_nodes
            else worker.children()
        )
        return [each for each in found if "app.worker.slot" in each.command and each.alive]


LOCAL = Engine()


class Up:
    """A running dashboard, its processes and a client."""

    def __init__(
        self, settings: Settings, dashboard: Dashboard, client: httpx.Client, engine: Engine = LOCAL
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.process = dashboard.process
        self.supervisor = Process(dashboard.process.pid)
        self.client = client

    @property
    def web(self) -> Process:
        """The web process."""
        return self.supervisor.child("serve")

    @property
    def worker(self) -> Process:
        """The worker."""
        return self.supervisor.child("worker")

    @property
    def slot(self) -> Process:
        """The worker's one slot."""
        worker = self.worker
        return eventually(lambda: self.engine.slots(worker, self.settings), PATIENCE)[0]

    def family(self) -> list[Process]:
        """All processes: the supervisor, its descendants, and the slot wherever it is."""
        slot = self.slot
        others = [each for each in self.supervisor.family() if each.pid != slot.pid]
        return [*others, slot]

    def post(self, **body: Any) -> dict[str, Any]:
        """Create a run."""
        answer = self.client.post("/runs", json=body)
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"] == f"/runs/{answer.json()['id']}"
        run: dict[str, Any] = answer.json()
        return run

    def read(self, run: dict[str, Any]) -> dict[str, Any]:
        """The current state of a run."""
        now: dict[str, Any] = self.client.get(f"/runs/{run['id']}").json()
        return now

    def training(self, run: dict[str, Any], epochs: int = 2) -> None:
        """Wait until a run is in the middle of its training."""
        eventually(lambda: self.read(run)["epochs_done"] >= epochs, PATIENCE)

    def ended(self, run: dict[str, Any]) -> dict[str, Any]:
        """Wait for the end of a run and return its state."""
        eventually(lambda: self.read(run)["status"] not in ("queued", "running"), PATIENCE)
        return self.read(run)

    def results(self, run: dict[str, Any]) -> tuple[bytes, dict[str, list[float]]]:
        """The file of final weights, and the epochs without their seconds, which always differ."""
        columns = self.client.get(f"/runs/{run['id']}/epochs").json()
        del columns["seconds"]
        answer = self.client.get(f"/runs/{run['id']}/model.safetensors")
        assert answer.status_code == 200
        return answer.content, columns


@contextlib.contextmanager
def up(
    folder: Path,
    database_url: str | None = None,
    artifacts_url: str | None = None,
    engine: Engine = LOCAL,
) -> Iterator[Up]:
    """A dashboard that saves a checkpoint after every epoch, by default on SQLite and the local disk."""
    settings = Settings(data_dir=folder, database_url=database_url, artifacts_url=artifacts_url)
    options = ["--device", "cpu", "--checkpoint-seconds", "0", *engine.options]
    if database_url:
        options += ["--database-url", database_url]
    if artifacts_url:
        options += ["--artifacts-url", artifacts_url]
    with (
        running(folder, *options, environment=engine.environment) as dashboard,
        httpx.Client(base_url=dashboard.url, timeout=PATIENCE) as client,
    ):
        yield Up(settings, dashboard, client, engine)
