"""A slot's place on a node, with a child that echoes every message."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.storage import artifacts
from app.worker.cluster.data_sets import Published
from app.worker.cluster.place import Place, Terms, versions
from app.worker.messages import Failed, Leave, Recorded, Stop, Train
from app.worker.slot_process import Child
from tests.app.worker.test_slot_process import ECHO
from trainer.config import TrainConfig

ROOT = Path(__file__).parents[4]


def launch(pipe: int, data_dir: Path, device: str, threads: int) -> Child:
    """Start the child."""
    assert (device, threads) == ("cpu", 2)
    assert data_dir.parent.name == "depthboard"
    return subprocess.Popen(
        [sys.executable, "-c", ECHO, str(pipe)], pass_fds=[pipe], env={"PYTHONPATH": str(ROOT)}
    )


@pytest.fixture
def terms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terms:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    location = str(tmp_path / "artifacts")
    return Terms(versions(), location, artifacts.mark(location, create=True), "cpu", 2)


def test_messages_are_passed_on_in_order_until_the_child_ends(terms: Terms) -> None:
    place = Place(terms, launch)
    assert place.begin() is None
    place.tell(Recorded(1))
    place.tell(Stop())
    told: list[object] = []
    while len(told) < 2:
        heard = place.hear()
        told += heard.messages
        assert heard.activity.cpu_seconds is not None
        assert heard.ended is None
    assert told == [Recorded(1), Stop()]
    place.tell(Leave())
    while not (heard := place.hear()).ended:
        pass
    assert heard.ended == "its process exited with code 7"


def test_a_data_set_that_cannot_be_copied_fails_the_run(terms: Terms, tmp_path: Path) -> None:
    place = Place(terms, launch)
    place.begin()
    config = TrainConfig(depth=1, dataset="few").model_dump()
    missing = Published("few", "d", tmp_path / "missing", {"a": "b"})
    place.tell(Train(config, "cpu", 1, tmp_path, 1, 0, 5), missing)
    (failed,) = place.hear().messages
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("the data set few can't be used: it could not be copied to this node")
    place.tell(Leave())
    while not place.hear().ended:
        pass


@pytest.mark.parametrize("name", ["Depthboard", "Python", "PyTorch"])
def test_a_node_with_another_version_is_refused(terms: Terms, name: str) -> None:
    other = replace(terms, versions={**versions(), name: "99"})
    problem = Place(other, launch).begin()
    assert problem == (
        f"this node has {name} {versions()[name]}, the dispatcher 99; install the same version"
    )


def test_a_node_that_does_not_see_the_artifacts_is_refused(terms: Terms, tmp_path: Path) -> None:
    for other, why in (
        (replace(terms, artifacts=str(tmp_path / "elsewhere")), "No such file"),
        (replace(terms, mark="another"), "they are not the dispatcher's"),
        (replace(terms, artifacts="memory://here"), "in-memory storage"),
    ):
        problem = Place(other, launch).begin()
        assert problem
        assert problem.startswith("this node can't read the artifacts of the dispatcher")
        assert why in problem
        assert "use a folder that all nodes share" in problem


def test_hearing_before_the_begin_is_an_error(terms: Terms) -> None:
    with pytest.raises(RuntimeError, match="before begin"):
        Place(terms, launch).hear()
