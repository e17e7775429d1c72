"""How many slots nodes have room for, and what they are called."""

from typing import Any

import pytest

from app.worker.cluster.nodes import ClusterNode, Names, Need, alive, places, shortage

GIB = 2**30


def node(node_id: str = "a", hostname: str = "here", **resources: float) -> ClusterNode:
    amounts = {"cpus": 8.0, "gpus": 0.0, "memory": 100 * GIB, **resources}
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
        ({}, Need(1, 1, GIB), {"cpu": 8}),
        ({"cpus": 7}, Need(2, 1, GIB), {"cpu": 3}),
        ({"cpus": 1}, Need(2, 1, GIB), {}),
        ({"cpus": 0}, Need(1, 1, GIB), {}),
        ({"memory": 2.5 * GIB}, Need(1, 1, GIB), {"cpu": 2}),
        ({"memory": 2.5 * GIB}, Need(1, 1, GIB // 2), {"cpu": 5}),
        ({"gpus": 2}, Need(1, 1, GIB), {"cuda": 2, "cpu": 6}),
        ({"gpus": 2}, Need(1, 0.25, GIB), {"cuda": 8}),
        ({"gpus": 1}, Need(1, 0.1, GIB), {"cuda": 8}),
        ({"gpus": 1, "cpus": 16}, Need(1, 0.1, GIB), {"cuda": 10, "cpu": 6}),
        ({"gpus": 2}, Need(1, 1, GIB, "cpu"), {"cpu": 8}),
        ({"gpus": 2}, Need(1, 1, GIB, "cuda"), {"cuda": 2}),
        ({}, Need(1, 1, GIB, "cuda"), {}),
    ],
)
def test_a_node_has_room_for_as_many_slots_as_each_of_its_resources(
    resources: dict[str, float], need: Need, expected: dict[str, int]
) -> None:
    assert places(node("a", "here", **resources), need) == expected


@pytest.mark.parametrize(
    ("resources", "need", "lacks"),
    [
        ({}, Need(8, 1, GIB), None),
        ({"cpus": 0, "memory": 0}, Need(1, 1, GIB), None),
        ({"cpus": 1}, Need(2, 1, GIB), "a slot takes 2 CPUs"),
        ({"memory": GIB}, Need(1, 1, 3 * GIB // 2), "a slot takes 1.5 GiB of memory"),
        ({"gpus": 1}, Need(1, 1, GIB, "cuda"), None),
        ({}, Need(1, 1, GIB, "cuda"), "it has no cuda device"),
    ],
)
def test_a_node_without_room_for_a_slot_says_what_it_lacks(
    resources: dict[str, float], need: Need, lacks: str | None
) -> None:
    assert shortage(node("a", "here", **resources), need) == lacks


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
