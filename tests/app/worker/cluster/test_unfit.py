"""Which nodes get no slots, for how long, and what is said of them."""

import pytest

from app.worker.cluster.nodes import ClusterNode, Need
from app.worker.cluster.unfit import LOST_SECONDS, UNFIT_SECONDS, Unfit

NODE = ClusterNode("a", "here", 4, 1, 2**30)
OTHER = ClusterNode("b", "there", 4, 1, 2**30)


class Clock:
    """A clock that is set by hand, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def unfit(clock: Clock) -> Unfit:
    return Unfit(Need(1, 1, 2**30), clock)


def test_a_node_that_lost_a_slot_gets_no_other_one_for_a_moment(unfit: Unfit, clock: Clock) -> None:
    unfit.note_loss(NODE.id, "its node can't be reached")
    assert (unfit.usable(NODE), unfit.problem(NODE)) == (None, "its node can't be reached")
    assert (unfit.usable(OTHER), unfit.problem(OTHER)) == (OTHER, None)
    clock.now += LOST_SECONDS
    assert (unfit.usable(NODE), unfit.problem(NODE)) == (NODE, None)


def test_a_loss_does_not_shorten_the_rest_after_a_false_start(unfit: Unfit, clock: Clock) -> None:
    unfit.note_false_start(NODE.id, "it failed")
    unfit.note_loss(NODE.id, "its actor ended")
    clock.now += UNFIT_SECONDS - 0.1
    assert (unfit.usable(NODE), unfit.problem(NODE)) == (None, "it failed")


def test_the_reason_of_a_false_start_is_shown_until_a_slot_has_started(unfit: Unfit, clock: Clock) -> None:
    unfit.note_false_start(NODE.id, "it failed")
    clock.now += UNFIT_SECONDS
    assert (unfit.usable(NODE), unfit.problem(NODE)) == (NODE, "it failed")
    unfit.note_start(NODE.id)
    assert unfit.problem(NODE) is None


def test_a_node_without_depthboard_is_tried_rarely(unfit: Unfit, clock: Clock) -> None:
    unfit.note_false_start(NODE.id, "it can't be imported", "not_installed")
    clock.now += 9 * UNFIT_SECONDS
    assert unfit.usable(NODE) is None
    clock.now += UNFIT_SECONDS
    assert unfit.usable(NODE) == NODE


def test_a_node_whose_gpu_pytorch_does_not_find_has_its_cpus_left(unfit: Unfit) -> None:
    unfit.note_false_start(NODE.id, "it has none", "no_gpu")
    unfit.note_start(NODE.id)
    assert unfit.usable(NODE) == ClusterNode("a", "here", 4, 0, 2**30)
    assert unfit.problem(NODE) == "PyTorch finds no GPU there"


def test_a_node_without_room_says_what_it_lacks(unfit: Unfit) -> None:
    small = ClusterNode("c", "here", 4, 0, 1)
    assert (unfit.usable(small), unfit.problem(small)) == (small, "a slot takes 1 GiB of memory")
