"""What is known of a cluster whose head answers, falls silent and answers again."""

import logging
import threading
from collections.abc import Iterator

import pytest

from app.worker.cluster import head
from app.worker.cluster.head import Head
from app.worker.cluster.nodes import ClusterNode

NODE = ClusterNode("a", "here", 1, 0, 1)


class Cluster:
    """What a head is asked for: why it can't be asked, and its nodes or an error."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self.nodes: list[ClusterNode] | Exception = [NODE]
        self.asked = threading.Event()

    def why(self) -> str | None:
        """Why it can't be asked."""
        self.asked.set()
        return self.problem

    def read(self) -> list[ClusterNode]:
        """Its nodes."""
        if isinstance(self.nodes, Exception):
            raise self.nodes
        return self.nodes


def why(known: Head) -> str | None:
    """Why the head is silent; None if it is not."""
    return known.silence.why if known.silence else None


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def known(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Head]:
    """A head that is asked by hand."""
    monkeypatch.setattr(head, "CHECK_SECONDS", 1000)
    known = Head(cluster.why, cluster.read)
    yield known
    known.close()


def test_a_silence_is_logged_once_and_so_is_its_end(
    cluster: Cluster, known: Head, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    known.check()
    cluster.problem = "nothing listens"
    known.check()
    first = known.silence
    known.check()
    assert first
    assert known.silence
    assert (first.why, first.seconds) == ("nothing listens", 0)
    assert known.silence.seconds > 0
    cluster.problem = None
    known.check()
    assert why(known) is None
    assert [record.getMessage() for record in caplog.records] == [
        "the head of the cluster does not answer: nothing listens; running runs continue",
        "the head of the cluster answers again",
    ]


def test_a_new_silence_is_counted_from_its_own_start(cluster: Cluster, known: Head) -> None:
    for problem in ("one", None, "two"):
        cluster.problem = problem
        known.check()
    assert known.silence
    assert known.silence.seconds == 0


def test_without_an_answer_the_nodes_stay_and_the_error_is_the_reason(cluster: Cluster, known: Head) -> None:
    cluster.nodes = ConnectionError("not connected\nto any cluster")
    known.read()
    known.check()
    assert known.nodes == [NODE]
    assert why(known) == "not connected"
    cluster.nodes = []
    known.read()
    known.check()
    assert not known.nodes
    assert why(known) is None


def test_the_head_is_asked_again_and_again_until_the_end(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head, "CHECK_SECONDS", 0.01)
    known = Head(cluster.why, cluster.read)
    for _ in range(3):
        cluster.asked.clear()
        assert cluster.asked.wait(30)
    known.close()
    cluster.problem = "it is gone"
    known.check()
    assert known.silence is None
