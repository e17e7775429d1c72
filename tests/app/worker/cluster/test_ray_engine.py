"""A worker whose slots are on two nodes of a Ray cluster, driven turn by turn."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from app.commands.supervisor import EXIT_CLUSTER
from app.queue import actions, registry
from app.schemas.monitoring import WorkerOut
from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database
from app.storage.tables import Attempt, Run
from app.worker.cluster import data_sets, probe
from app.worker.engine import ClusterUnavailable, Engine
from tests import cluster
from tests.app.states import queue_run, row, shown
from tests.app.worker import test_loop
from tests.app.worker.test_loop import LONG, PATIENCE, SHORT, cancel
from tests.cluster import Nodes
from tests.dashboard import clean_environment
from tests.few import link
from tests.processes import Process
from tests.waiting import eventually

# The same tests as for the engine of one machine, with the fixture `bench` of this file.
from tests.app.worker.test_loop import (  # isort: skip
    test_a_diverged_run_fails_no_other_run,  # noqa: F401
    test_a_retried_cancelled_run_resumes_from_its_checkpoint,  # noqa: F401
    test_a_run_is_cancelled_while_it_trains,  # noqa: F401
    test_a_run_is_trained_and_every_epoch_stored,  # noqa: F401
    test_a_slot_that_does_not_stop_is_killed,  # noqa: F401
    test_the_same_configuration_gives_the_same_figures,  # noqa: F401
)

from app.worker.cluster import ray_engine  # isort: skip
from app.worker.cluster.ray_engine import RayEngine  # isort: skip
from app.worker.cluster.ray_slot import RaySlot  # isort: skip

RESUMED: dict[str, Any] = {"depth": 2, "width": 32, "epochs": 4, "batch_size": 2048}


class Bench(test_loop.Bench):
    """A worker with slots on the nodes of a cluster."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, None)

    def engine(self) -> Engine:
        return RayEngine(self.settings)

    def worker_row(self) -> WorkerOut:
        """The worker, as the database describes it."""
        with self.database.read() as session:
            (worker,) = registry.list_workers(session)
        return worker

    def children(self) -> list[Process]:
        """The processes that train on the nodes."""
        folder = str(data_sets.node_folder(self.settings.artifacts))
        found = [each for each in Process.all() if folder in each.command]
        return [each for each in found if each.alive]

    def pid(self) -> int:
        """The process id of the slot's child; 0 until it has started."""
        (slot,) = self.start().slots
        assert isinstance(slot, RaySlot)
        return slot.child

    def silence(self) -> int:
        """Stop the slot's child, deal with all that it has said before, and return its process id."""
        slot, child = self.start().slots[0], self.pid()
        Process(child).stop()
        self.turn_until(lambda: slot.report is None and not slot.connection.poll())
        return child

    def ready(self, slots: int) -> None:
        """Let so many slots become ready."""
        self.turn_until(lambda: [slot.ready for slot in self.start().slots] == [True] * slots)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with cluster.started(tmp_path_factory.mktemp("cache")) as nodes:
        nodes.add()
        yield nodes


@pytest.fixture(scope="module")
def shared_bench(
    nodes: Nodes, migrated: Path, few: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("dispatcher")
    shutil.copy(migrated, folder)
    link(folder, few)
    settings = Settings(
        data_dir=folder, engine="ray", ray_address=nodes.address, device="cpu", checkpoint_seconds=0
    )
    bench = Bench(settings)
    bench.ready(1)
    yield bench
    bench.end()
    bench.database.close()


@pytest.fixture
def bench(shared_bench: Bench) -> Iterator[Bench]:
    """The worker's bench, with nothing left to do at the end of each test."""
    yield shared_bench
    with shared_bench.database.write() as session:
        for run in session.exec(select(Run).where(Run.status == "queued")).all():
            actions.cancel(session, run.id or 0)


def hosts(database: Database, run_id: int) -> list[str]:
    """The machines of a run's attempts."""
    with database.read() as session:
        return list(
            session.exec(select(Attempt.host).where(Attempt.run_id == run_id).order_by(col(Attempt.attempt)))
        )


def test_nodes_are_shown_with_their_resources_and_runs(bench: Bench) -> None:
    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id)
    head, node = bench.worker_row().nodes
    if head.cpus:
        head, node = node, head
    assert (head.slots, head.runs) == (0, [])
    assert (node.cpus, node.gpus, node.memory, node.slots) == (1, 0, cluster.MEMORY, 1)
    assert ([device.device for device in node.devices], node.runs) == (["cpu"], [run_id])
    assert hosts(bench.database, run_id) == [node.host]
    began = time.monotonic()
    cancel(bench, run_id)
    assert bench.ended(run_id).status == "cancelled"
    assert time.monotonic() - began < 2


def test_a_data_set_is_copied_to_the_node_and_checked(bench: Bench) -> None:
    run = bench.ended(queue_run(bench.database, **SHORT))
    assert (run.status, run.reason) == ("finished", None)
    copied = data_sets.node_folder(bench.settings.artifacts) / "datasets" / SHORT["dataset"]
    assert {path.name for path in copied.iterdir()}
    (published,) = (Path(bench.settings.artifacts) / "datasets").iterdir()
    assert {path.name for path in published.iterdir()} == {path.name for path in copied.iterdir()}


def test_a_run_whose_child_was_killed_resumes_with_the_same_weights(bench: Bench) -> None:
    straight = bench.ended(queue_run(bench.database, **RESUMED))
    run_id = queue_run(bench.database, **RESUMED)
    bench.wait_for_epochs(run_id, 2)
    os.kill(bench.pid(), signal.SIGKILL)
    bench.turn_until(lambda: row(bench.database, run_id).status == "queued")
    assert (row(bench.database, run_id).crashes, row(bench.database, run_id).worker_losses) == (1, 0)
    run = bench.ended(run_id)
    assert (run.status, run.attempt) == ("finished", 2)
    assert bench.weights(run_id) == bench.weights(straight.id)
    assert bench.figures(run_id) == bench.figures(straight.id)


def test_a_run_that_needs_what_no_node_has_waits_and_says_so(bench: Bench) -> None:
    run_id = queue_run(bench.database, **SHORT, device="cuda")
    assert bench.ended(queue_run(bench.database, **SHORT)).status == "finished"
    assert shown(bench.database, run_id).reason == "no live worker has cuda"
    assert bench.settings.memory_per_run == 1
    large = queue_run(bench.database, depth=5, batch_size=60_000, epochs=1, dataset=SHORT["dataset"])
    assert bench.ended(queue_run(bench.database, **SHORT)).status == "finished"
    assert (
        shown(bench.database, large).reason == "no live worker has 1.3\N{NO-BREAK SPACE}GB of memory per run"
    )


def test_a_draining_worker_saves_its_run_and_leaves_no_process(bench: Bench) -> None:
    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id)
    assert bench.children()
    bench.end()
    stored = row(bench.database, run_id)
    assert (stored.status, stored.crashes, stored.worker_losses) == ("queued", 0, 0)
    (saved, *_) = artifacts.of_run(bench.settings.artifacts, run_id).usable(10_000)
    assert saved.epoch == stored.epochs_done
    eventually(lambda: not bench.children())


def test_a_stopped_head_holds_up_no_run_while_a_slot_is_replaced(bench: Bench, nodes: Nodes) -> None:
    second = nodes.add()
    bench.ready(2)
    runs = [queue_run(bench.database, **LONG) for _ in range(2)]
    for run_id in runs:
        bench.wait_for_epochs(run_id)
    kept, killed = (slot for slot in bench.start().slots if isinstance(slot, RaySlot))
    assert killed.claim
    assert kept.claim
    lost, running = killed.claim.run_id, kept.claim.run_id
    with nodes.stopped_head():
        os.kill(killed.child, signal.SIGKILL)
        bench.turn_until(lambda: row(bench.database, lost).crashes == 1)
        bench.turn_until(lambda: len(bench.start().slots) == 2)  # one waits for the head
        epochs = row(bench.database, running).epochs_done
        began = time.monotonic()
        bench.wait_for_epochs(running, epochs + 5)
        assert time.monotonic() - began < 5
        assert bench.worker_row().heartbeat_age_seconds < bench.settings.lease_seconds
        assert not [slot for slot in bench.start().slots if slot.ready and slot is not kept]
    nodes.remove(second)
    bench.turn_until(lambda: len(bench.start().slots) == 1)
    for run_id in runs:
        cancel(bench, run_id)
        assert bench.ended(run_id).status == "cancelled"


def test_a_silent_head_is_shown_and_runs_go_on(
    bench: Bench, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "ANSWER_SECONDS", 0.5)
    run_id = queue_run(bench.database, **LONG)
    bench.wait_for_epochs(run_id)

    def problems() -> set[str | None]:
        return {node.problem for node in bench.worker_row().nodes}

    with nodes.stopped_head():
        bench.turn_until(lambda: None not in problems())
        (problem,) = problems()
        assert problem
        assert problem.startswith(
            "the head of the cluster does not answer: 127.0.0.1 does not answer on port"
        )
        bench.wait_for_epochs(run_id, row(bench.database, run_id).epochs_done + 1)
    bench.turn_until(lambda: problems() == {None})
    assert row(bench.database, run_id).attempt == 1
    cancel(bench, run_id)
    assert bench.ended(run_id).status == "cancelled"


OTHER = """
import sys
import ray
ray.init(sys.argv[1], logging_level="ERROR")
class Holder:
    pass
holder = ray.remote(num_cpus=1)(Holder).remote()
ray.get(holder.__ray_ready__.remote())
print("held", flush=True)
input()
"""


def test_a_node_whose_cpu_others_use_is_waited_for(
    bench: Bench, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.end()
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, nodes.address],
        env=clean_environment(**cluster.ENVIRONMENT),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout
    assert other.stdout.readline() == "held\n"
    monkeypatch.setattr(ray_engine, "PLACED_SECONDS", 0)
    bench.turn_until(lambda: ray_engine.WAITING in {node.problem for node in bench.worker_row().nodes})
    worker = bench.worker_row()
    assert (worker.slots, [node.slots for node in worker.nodes]) == (0, [0, 0])
    other.communicate("\n")
    bench.ready(1)
    bench.turn_until(lambda: bench.worker_row().slots == 1)


IMPATIENT = """
import sys
from app import cli
from app.worker.cluster import probe, ray_engine
probe.ANSWER_SECONDS = 0.5
ray_engine.HEAD_SILENT_SECONDS = 1
sys.exit(cli.main())
"""


def test_a_worker_whose_head_stays_silent_says_so_and_gives_its_runs_back(bench: Bench, nodes: Nodes) -> None:
    bench.end()
    run_id = queue_run(bench.database, **LONG)
    words = ["worker", *nodes.engine.options, "--device", "cpu", "--data-dir", str(bench.settings.data_dir)]
    process = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, *words],
        env=clean_environment(**cluster.ENVIRONMENT),
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: row(bench.database, run_id).epochs_done)
    with nodes.stopped_head():
        said = process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == EXIT_CLUSTER
        assert f"The worker can't train: the head of the Ray cluster at {nodes.address} has not" in said
    stored = row(bench.database, run_id)
    assert (stored.status, stored.crashes, stored.worker_losses) == ("queued", 0, 0)
    eventually(lambda: not bench.children())


def why_not(bench: Bench, address: str) -> str:
    """Why there is no cluster at this address."""
    bench.end()
    with pytest.raises(ClusterUnavailable) as found:
        RayEngine(bench.settings.model_copy(update={"ray_address": address}))
    return str(found.value)


def test_without_a_cluster_the_reason_and_a_cure_are_given(bench: Bench) -> None:
    said = why_not(bench, "nowhere")
    assert said.startswith("no Ray cluster can be reached at 'nowhere': an address is HOST:PORT, ray://")
    assert "; start one with `ray start --head`" in said


def test_the_port_of_a_node_is_not_taken_for_that_of_the_head(bench: Bench, nodes: Nodes) -> None:
    said = why_not(bench, nodes.address_of_a_node)
    assert "the server there does not answer as a cluster; name the port of the head" in said


def test_a_cluster_of_another_version_is_refused(bench: Bench, nodes: Nodes) -> None:
    with nodes.pretending(ray_version="2.9.3"):
        said = why_not(bench, nodes.address)
    assert "Version mismatch: The cluster was started with: Ray: 2.9.3 Python: 3" in said
    assert said.endswith("; install the same versions here and on its nodes")
