"""How many slots nodes have room for, and what they are called."""

from typing import Any

import pytest

from app.worker.cluster.nodes import SLOT_MEMORY, ClusterNode, Names, Need, alive, places


def node(node_id: str = "a", hostname: str = "here", **resources: float) -> ClusterNode:
    amounts = {"cpus": 8.0, "gpus": 0.0, "memory": 100 * SLOT_MEMORY, **resources}
    return ClusterNode(node_id, hostname, amounts["cpus"], amounts["gpus"], int(amounts["memory"]))


def test_live_nodes_are_read_from_the_description_of_a_cluster() -> None:
    described: list[dict[str, Any]] = [
        {
            "NodeID": "b",
            "NodeManagerHostname": "there",
            "Alive": True,
            "Resources": {"CPU": 2.0, "memory": 7.0},
        },
        {"NodeID": "c", "NodeManagerHostname": "dead", "Alive": False, "Resources": {}},
        {"NodeID": "a", "NodeManagerHostname": "here", "Alive": True, "Resources": {"GPU": 1.0}},
    ]
    assert alive(described) == [
        ClusterNode("a", "here", 0.0, 1.0, 0),
        ClusterNode("b", "there", 2.0, 0.0, 7),
    ]


@pytest.mark.parametrize(
    ("resources", "need", "expected"),
    [
        ({}, Need(1, 1), {"cpu": 8}),
        ({"cpus": 7}, Need(2, 1), {"cpu": 3}),
        ({"cpus": 1}, Need(2, 1), {}),
        ({"cpus": 0}, Need(1, 1), {}),
        ({"memory": 2.5 * SLOT_MEMORY}, Need(1, 1), {"cpu": 2}),
        ({"gpus": 2}, Need(1, 1), {"cuda": 2, "cpu": 6}),
        ({"gpus": 2}, Need(1, 0.25), {"cuda": 8}),
        ({"gpus": 1}, Need(1, 0.1), {"cuda": 8}),
        ({"gpus": 1, "cpus": 16}, Need(1, 0.1), {"cuda": 10, "cpu": 6}),
        ({"gpus": 2}, Need(1, 1, "cpu"), {"cpu": 8}),
        ({"gpus": 2}, Need(1, 1, "cuda"), {"cuda": 2}),
        ({}, Need(1, 1, "cuda"), {}),
    ],
)
def test_a_node_has_room_for_as_many_slots_as_each_of_its_resources(
    resources: dict[str, float], need: Need, expected: dict[str, int]
) -> None:
    assert places(node("a", "here", **resources), need) == expected


def test_nodes_of_one_machine_have_different_names_which_stay() -> None:
    names = Names()
    first, second, other = node("aaaaaaaa"), node("bbbbbbbb"), node("cccccccc", "there")
    assert names.of([first]) == {"aaaaaaaa": "here"}
    assert names.of([second, first, other]) == {
        "aaaaaaaa": "here",
        "bbbbbbbb": "here bbbbbb",
        "cccccccc": "there",
    }
    assert names.of([second]) == {"bbbbbbbb": "here bbbbbb"}
    assert names.of([second, node("dddddddd")])["dddddddd"] == "here"
