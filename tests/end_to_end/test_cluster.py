"""A study on two nodes of a Ray cluster, while a node dies and the dispatcher is killed."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database
from app.storage.tables import Attempt, Epoch, Run
from tests import cluster
from tests.app.states import queue_run
from tests.cluster import Nodes
from tests.dashboard import COMMAND, ROOT, clean_environment
from tests.few import FEW, link
from tests.processes import PATIENCE, Process
from tests.reliability import SCALE
from tests.waiting import eventually

RUNS = 4 if SCALE == 1 else 30
STUDY: dict[str, Any] = {"depth": 2, "width": 32, "epochs": 60, "batch_size": 20, "dataset": FEW}


class Dispatcher:
    """`depthboard worker --engine ray`, which can be killed and started again."""

    def __init__(self, settings: Settings, address: str) -> None:
        self._settings = settings
        self._address = address
        self.start()

    def start(self) -> None:
        """Start it."""
        words = ["worker", "--engine", "ray", "--ray-address", self._address, "--device", "cpu"]
        places = ["--data-dir", str(self._settings.data_dir), "--lease-seconds", "3"]
        often = ["--heartbeat-seconds", "0.5", "--checkpoint-seconds", "0"]
        self.process = subprocess.Popen(
            [*COMMAND, *words, *places, *often], cwd=ROOT, env=clean_environment(**cluster.ENVIRONMENT)
        )

    def end(self) -> float:
        """Stop it as a service manager does; returns how long that took, in seconds."""
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(PATIENCE)
        return time.monotonic() - began


@pytest.fixture
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with cluster.started(tmp_path_factory.mktemp("cache")) as nodes:
        yield nodes


@pytest.fixture
def dispatcher(settings: Settings, few: Path, nodes: Nodes) -> Iterator[Dispatcher]:
    nodes.add()
    link(settings.data_dir, few)
    dispatcher = Dispatcher(settings, nodes.address)
    yield dispatcher
    dispatcher.process.kill()
    dispatcher.process.wait()


def children(cache: Path) -> list[Process]:
    """The processes that train on the nodes."""
    found = [each for each in Process.all() if "app.worker.slot" in each.command]
    return [each for each in found if str(cache) in " ".join(each.command) and each.alive]


def test_a_study_survives_the_death_of_a_node_and_of_its_dispatcher(
    database: Database, settings: Settings, nodes: Nodes, dispatcher: Dispatcher
) -> None:
    dying = nodes.add()
    study = [queue_run(database, **STUDY, seed=seed) for seed in range(RUNS)]

    def rows() -> list[Run]:
        with database.read() as session:
            return list(session.exec(select(Run).where(col(Run.id).in_(study)).order_by(col(Run.id))))

    def attempts() -> list[Attempt]:
        with database.read() as session:
            return list(session.exec(select(Attempt).order_by(col(Attempt.run_id), col(Attempt.attempt))))

    def training() -> list[Run]:
        return [run for run in rows() if run.status == "running" and run.epochs_done > 1]

    eventually(lambda: len(training()) == 2, PATIENCE)
    nodes.kill(dying)
    eventually(lambda: any(each.outcome == "lost" for each in attempts()), PATIENCE)
    dispatcher.process.kill()
    dispatcher.process.wait()
    eventually(lambda: not children(nodes.cache), PATIENCE)
    dispatcher.start()
    eventually(lambda: all(run.status == "finished" for run in rows()), PATIENCE)
    ended = [(each.outcome, each.reason) for each in attempts() if each.outcome != "finished"]
    assert {("lost", "its node died"), ("lost", "its node can't be reached")} & {*ended}
    assert ("lost", "its worker stopped sending heartbeats") in ended
    assert all(run.crashes == 0 for run in rows())

    disturbed = sorted({each.run_id for each in attempts() if each.attempt > 1})[: 2 * SCALE]
    straight = {run.id: queue_run(database, **STUDY, seed=run.seed) for run in rows() if run.id in disturbed}
    study += straight.values()
    eventually(lambda: all(run.status == "finished" for run in rows()), PATIENCE)
    finished = {run.id: run for run in rows()}
    with database.read() as session:
        for run_id in study:
            epochs = session.exec(
                select(Epoch.epoch).where(Epoch.run_id == run_id).order_by(col(Epoch.epoch))
            )
            assert list(epochs) == list(range(1, STUDY["epochs"] + 1))

    def weights(run_id: int) -> bytes:
        files = artifacts.of_run(settings.artifacts, run_id)
        return files.model(finished[run_id].attempt).read_bytes()

    assert disturbed
    for run_id, undisturbed in straight.items():
        assert weights(run_id or 0) == weights(undisturbed)
    assert dispatcher.end() < 10
    eventually(lambda: not children(nodes.cache))
