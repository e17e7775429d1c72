"""The whole dashboard as people start it: real processes, killed in the middle of their work."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import run_queue
from app.db import Database
from tests.app.states import row
from tests.dashboard import Dashboard, running
from tests.waiting import eventually

PATIENCE = 180
ENDLESS = {"depth": 1, "epochs": 10_000}
"""A run that no machine finishes before it is interrupted."""
RESIDENT = 110_000_000
"""Bytes that the web process may hold before the first comparison."""


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
        """Its status by field; empty when it is gone."""
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
            return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return {}

    @property
    def alive(self) -> bool:
        """Whether it runs, or could."""
        return self.status.get("State", "Z")[0] not in "ZX"

    @property
    def command(self) -> list[str]:
        """The words it was started with."""
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/cmdline").read_text().split("\0")
        return []

    def children(self) -> list["Process"]:
        """The live processes that it started."""
        found = [each for each in Process.all() if each.status.get("PPid") == str(self.pid)]
        return [each for each in found if each.alive]

    def child(self, word: str) -> "Process":
        """The one child whose command has this word, once there is one."""
        found = eventually(lambda: [each for each in self.children() if word in each.command], PATIENCE)
        return found[0]

    def family(self) -> list["Process"]:
        """Itself and everything below it."""
        return [self, *(member for each in self.children() for member in each.family())]

    def kill(self) -> None:
        """End it at once, without a chance to clean up."""
        os.kill(self.pid, signal.SIGKILL)


class Up:
    """A running dashboard, its processes and a client."""

    def __init__(self, folder: Path, dashboard: Dashboard, client: httpx.Client) -> None:
        self.folder = folder
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
        return self.worker.child("app.slot")

    def post(self, **body: Any) -> dict[str, Any]:
        """A new run."""
        answer = self.client.post("/runs", json=body)
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"] == f"/runs/{answer.json()['id']}"
        run: dict[str, Any] = answer.json()
        return run

    def read(self, run: dict[str, Any]) -> dict[str, Any]:
        """A run as it is now."""
        now: dict[str, Any] = self.client.get(f"/runs/{run['id']}").json()
        return now

    def training(self, run: dict[str, Any], epochs: int = 2) -> None:
        """Wait until a run is in the middle of its training."""
        eventually(lambda: self.read(run)["epochs_done"] >= epochs, PATIENCE)

    def ended(self, run: dict[str, Any]) -> dict[str, Any]:
        """A run at its end."""
        eventually(lambda: self.read(run)["status"] not in ("queued", "running"), PATIENCE)
        return self.read(run)

    def results(self, run: dict[str, Any]) -> tuple[bytes, dict[str, list[float]]]:
        """The final weights as a file, and the epochs without the one figure that is never the same twice."""
        columns = self.client.get(f"/runs/{run['id']}/epochs").json()
        del columns["seconds"]
        answer = self.client.get(f"/runs/{run['id']}/model.safetensors")
        assert answer.status_code == 200
        return answer.content, columns

    def shorten(self, run: dict[str, Any]) -> None:
        """Let the next attempt at a run be one of three epochs; the one under way does not notice."""
        database = Database(f"sqlite:///{self.folder / 'depthboard.sqlite3'}")
        with database.write() as session:
            run_queue.get(session, run["id"]).epochs = 3
        database.close()

    def finished_once(self, run: dict[str, Any]) -> bool:
        """Whether a shortened run was finished by its second attempt, with every epoch recorded once."""
        now = self.ended(run)
        columns = self.client.get(f"/runs/{run['id']}/epochs").json()
        return (now["status"], now["attempt"], now["crashes"]) == ("finished", 2, 1) and (
            columns["epoch"] == [1, 2, 3]
        )


@contextlib.contextmanager
def up(folder: Path) -> Iterator[Up]:
    options = ("--device", "cpu", "--checkpoint-seconds", "0")
    with running(folder, *options) as dashboard, httpx.Client(base_url=dashboard.url) as client:
        yield Up(folder, dashboard, client)


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("dashboard")) as started:
        yield started


def test_a_posted_run_is_trained_and_every_epoch_kept(dashboard: Up) -> None:
    run = dashboard.ended(dashboard.post(depth=1, epochs=5))
    assert (run["status"], run["attempt"], run["device_used"]) == ("finished", 1, "cpu")
    columns = dashboard.client.get(f"/runs/{run['id']}/epochs").json()
    assert {len(column) for column in columns.values()} == {5}
    assert columns["epoch"] == [1, 2, 3, 4, 5]


def test_the_web_process_stays_small_and_without_torch(dashboard: Up) -> None:
    for path in ("/runs", "/runs/new", "/studies", "/workers", "/openapi.json"):
        for accept in ("text/html", "application/json"):
            dashboard.client.get(path, headers={"Accept": accept})
    assert int(dashboard.web.status["VmRSS"].removesuffix("kB")) * 1024 < RESIDENT
    assert "torch" not in Path(f"/proc/{dashboard.web.pid}/maps").read_text()
    assert eventually(lambda: "torch" in Path(f"/proc/{dashboard.slot.pid}/maps").read_text())


def test_a_run_whose_slot_is_killed_finishes_once_with_every_epoch_once(dashboard: Up) -> None:
    run = dashboard.post(**ENDLESS)
    dashboard.training(run)
    dashboard.shorten(run)
    dashboard.slot.kill()
    assert dashboard.finished_once(run)


def test_a_run_whose_worker_is_killed_finishes_once_with_every_epoch_once(dashboard: Up) -> None:
    run = dashboard.post(**ENDLESS)
    dashboard.training(run)
    dashboard.shorten(run)
    worker, slot = dashboard.worker, dashboard.slot
    worker.kill()
    assert dashboard.finished_once(run)
    eventually(lambda: not slot.alive, PATIENCE)
    assert len(dashboard.client.get("/workers").json()["workers"]) == 1


@pytest.mark.parametrize("victim", ["slot", "worker"])
@pytest.mark.parametrize("depth", [1, 3])
def test_a_run_whose_processes_are_killed_ends_at_the_same_bytes_as_one_left_alone(
    dashboard: Up, depth: int, victim: str
) -> None:
    config = {"depth": depth, "epochs": 6, "batch_size": 256}
    straight = dashboard.ended(dashboard.post(**config))
    run = dashboard.post(**config)
    dashboard.training(run)
    process: Process = getattr(dashboard, victim)
    process.kill()
    ended = dashboard.ended(run)
    assert (ended["status"], ended["attempt"], ended["crashes"]) == ("finished", 2, 1)
    assert ended["resumed_from"] >= 1
    assert dashboard.results(run) == dashboard.results(straight)


def test_training_goes_on_while_the_web_process_is_killed_and_restarted(dashboard: Up) -> None:
    run = dashboard.post(**ENDLESS)
    dashboard.training(run)
    dashboard.web.kill()

    def answers() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return dashboard.client.get("/health").status_code == 200
        return False

    eventually(answers, PATIENCE)
    dashboard.training(run, dashboard.read(run)["epochs_done"] + 1)
    dashboard.client.post(f"/runs/{run['id']}/cancel")
    ended = dashboard.ended(run)
    assert (ended["status"], ended["attempt"], ended["crashes"]) == ("cancelled", 1, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_and_gives_the_run_back(tmp_path: Path, number: signal.Signals) -> None:
    with up(tmp_path) as dashboard:
        run = dashboard.post(**ENDLESS)
        dashboard.training(run)
        family = dashboard.supervisor.family()
        assert len(family) == 4
        dashboard.process.send_signal(number)
        assert dashboard.process.wait(60) == 0
        assert not [process.command for process in family if process.alive]
    database = Database(f"sqlite:///{tmp_path / 'depthboard.sqlite3'}")
    stored = row(database, run["id"])
    assert (stored.status, stored.crashes, stored.worker_id) == ("queued", 0, None)
    database.close()


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with up(tmp_path) as dashboard:
        dashboard.training(dashboard.post(**ENDLESS), epochs=1)
        family = dashboard.supervisor.family()
        assert len(family) == 4
        dashboard.supervisor.kill()
        eventually(lambda: not [process for process in family if process.alive], PATIENCE)
