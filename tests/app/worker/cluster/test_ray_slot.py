"""What slots make of errors and devices; `test_ray_engine.py` has the slots on nodes."""

from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from app.worker.cluster.data_sets import Publisher
from app.worker.cluster.nodes import ClusterNode, Need
from app.worker.cluster.place import Terms
from app.worker.engine import Gone
from app.worker.messages import Ready
from tests import cluster  # noqa: F401  # skips this file without Ray

from ray import exceptions  # isort: skip
from app.worker.cluster.ray_slot import KILLED, RaySlot, told  # isort: skip


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
    ],
)
def test_a_loss_is_told_by_its_cause(error: Exception, words: str) -> None:
    assert told(error) == words


@pytest.mark.parametrize(("found", "ends_as"), [("cpu", "PyTorch finds no GPU there"), ("cuda:0", KILLED)])
def test_a_slot_on_a_gpu_that_pytorch_does_not_find_ends(
    found: str, ends_as: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[Connection] = []

    def start(_slot: RaySlot, _target: object, *arguments: object) -> None:
        ends.extend(each for each in arguments if isinstance(each, Connection))

    monkeypatch.setattr(RaySlot, "_start", start)
    place = Terms({}, str(tmp_path), "mark", "cuda", 1), Publisher(tmp_path, str(tmp_path))
    slot = RaySlot(ClusterNode("a" * 56, "here", 1, 1, 1), "here", Need(1, 1, 1), *place)
    ready = Ready([{"device": found, "name": "it"}], {})
    (theirs,) = ends
    with theirs:
        theirs.send(ready)
        assert slot.receive() == (ready if ends_as == KILLED else Gone())
    assert slot.kill() == ends_as
