"""Why a slot was lost, in words; `test_ray_engine.py` has the slots themselves."""

import pytest

from tests import cluster  # noqa: F401  # skips this file without Ray

from ray import exceptions  # isort: skip
from app.worker.cluster.ray_slot import told  # isort: skip


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
