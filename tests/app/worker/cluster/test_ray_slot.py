"""What slots make of errors and devices; `test_ray_engine.py` has the slots on nodes."""

from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from app.worker.cluster.data_sets import Publisher
from app.worker.cluster.nodes import ClusterNode, Need
from app.worker.cluster.place import Terms
from app.worker.engine import Gone
from app.worker.messages import Ready
from tests import cluster  # noqa: F401  # skips this file without Ray

import ray  # isort: skip
from ray import exceptions  # isort: skip
from app.worker.cluster.ray_slot import KILLED, RaySlot, told  # isort: skip


def slot_on(folder: Path, device: str) -> RaySlot:
    """A slot on such a device of a node, with its artifacts in this folder."""
    place = Terms({}, str(folder), "mark", device, 1), Publisher(folder, str(folder))
    return RaySlot(ClusterNode("a" * 56, "here", 1, 1, 1), "here", Need(1, 1, 1), *place)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (exceptions.GetTimeoutError("late"), "its node did not answer for 10 s"),
        (exceptions.ActorUnschedulableError("no node"), "its node died"),
        (exceptions.ActorUnavailableError("reset by peer", None), "its node can't be reached"),
        (RuntimeError("The actor died because its node has died. Node Id: 1"), "its node died"),
        (
            RuntimeError("creation failed\nModuleNotFoundError: No module named 'app'\n"),
            "Depthboard can't be imported on its node; install it in the Python that runs Ray there",
        ),
        (RuntimeError("the actor died\n  killed by OOM  \n\n"), "its actor ended: killed by OOM"),
        (ConnectionError(""), "its actor ended: ConnectionError"),
        (SystemExit(0), "this worker has left the cluster"),
    ],
)
def test_a_loss_is_told_by_its_cause(error: BaseException, words: str) -> None:
    assert told(error) == words


def lost_slot(folder: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> RaySlot:
    """A slot whose thread gets this error instead of an answer."""
    started: list[Callable[[], None]] = []

    def fail(*_: object, **__: object) -> None:
        raise error

    def start(_slot: RaySlot, target: Callable[..., None], _actors: object, *arguments: object) -> None:
        actors = SimpleNamespace(remote=lambda _: MagicMock())
        started.append(partial(target, actors, *arguments))
        monkeypatch.setattr(RaySlot, "_start", lambda *_: None)

    monkeypatch.setattr(RaySlot, "_start", start)
    monkeypatch.setattr(ray, "get", fail)
    slot = slot_on(folder, "cpu")
    started.pop()()
    return slot


def test_a_slot_tells_apart_that_its_node_lacks_depthboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = RuntimeError("creation failed\nModuleNotFoundError: No module named 'app'\n")
    slot = lost_slot(tmp_path, monkeypatch, error)
    assert slot.receive() == Gone(machine_lost=True)
    assert (slot.fault, slot.kill()) == ("not_installed", slot.lost)


def test_a_slot_that_waits_while_its_worker_leaves_the_cluster_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = lost_slot(tmp_path, monkeypatch, SystemExit(0))  # as Ray ends its waiting threads
    assert slot.receive() == Gone(machine_lost=True)
    assert slot.lost == "this worker has left the cluster"
    slot.connection.close()


@pytest.mark.parametrize(
    ("found", "ends_as", "fault"),
    [("cpu", "PyTorch finds no GPU there", "no_gpu"), ("cuda:0", KILLED, None)],
)
def test_a_slot_on_a_gpu_that_pytorch_does_not_find_ends(
    found: str, ends_as: str, fault: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[Connection] = []

    def start(_slot: RaySlot, _target: object, *arguments: object) -> None:
        ends.extend(each for each in arguments if isinstance(each, Connection))

    monkeypatch.setattr(RaySlot, "_start", start)
    slot = slot_on(tmp_path, "cuda")
    ready = Ready([{"device": found, "name": "it"}], {})
    (theirs,) = ends
    with theirs:
        theirs.send(ready)
        assert slot.receive() == (ready if ends_as == KILLED else Gone())
    assert (slot.kill(), slot.fault) == (ends_as, fault)
