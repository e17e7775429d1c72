"""Studies for programs."""

from typing import Any

import httpx
import pytest

from tests.app.web.asking import problem


def test_a_study_over_http(client: httpx.Client) -> None:
    body = {"depth": [1, 2, 3, 4, 5], "seed": [0, 1, 2], "epochs": 20, "reuse": False}
    preview = client.post("/studies/preview", json=body)
    assert preview.status_code == 200
    assert (preview.json()["runs"], preview.json()["duplicates"]) == (15, 0)
    assert preview.json()["seconds"] > 0
    assert client.get("/runs").json()["total"] == 0
    answer = client.post("/studies", json=body)
    assert answer.status_code == 201
    assert answer.headers["location"] == "/studies/1"
    study = answer.json()
    assert study.keys() == {
        "id",
        "name",
        "created_at",
        "runs",
        "counts",
        "progress",
        "eta_seconds",
        "eta_range",
    }
    assert len(study["runs"]) == 15
    assert client.get("/studies/1").json() == study
    assert client.get("/studies").json() == {"studies": [study]}
    assert client.get("/runs?study=1").json()["total"] == 15
    larger = client.post("/studies/1/runs", json={"seeds": 4})
    assert larger.status_code == 201
    assert len(larger.json()["runs"]) == 35
    cancelled = client.post("/studies/1/cancel").json()
    assert cancelled["counts"]["cancelled"] == 35
    assert cancelled["progress"] == 1


def test_a_grid_that_is_too_large_is_refused(unchanged: httpx.Client) -> None:
    body = {"depth": [1, 2, 3], "seed": list(range(400))}
    for path in ("/studies", "/studies/preview"):
        assert "1,200 runs; at most 1,000" in problem(unchanged.post(path, json=body), 422)["detail"]


def test_a_study_that_would_grow_too_large_is_a_conflict(client: httpx.Client) -> None:
    client.post("/studies", json={"depth": [1, 2, 3, 4, 5], "seed": list(range(190))})
    problem(client.post("/studies/1/runs", json={"seeds": 20}), 409)
    assert len(client.get("/studies/1").json()["runs"]) == 950


def test_configurations_get_different_numbers_of_seeds_in_one_request(client: httpx.Client) -> None:
    client.post("/studies", json={"depth": [1, 2, 3]})
    parts = [{"seeds": 2, "only": {"depth": [1, 2]}}, {"seeds": 1, "only": {"depth": [3]}}]
    answer = client.post("/studies/1/runs", json={"parts": parts})
    assert answer.status_code == 201
    added = [client.get(f"/runs/{run_id}").json() for run_id in answer.json()["runs"][3:]]
    assert [(run["depth"], run["seed"]) for run in added] == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1)]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "expected either `seeds` (with an optional `only`) or `parts`"),
        (
            {"seeds": 1, "parts": [{"seeds": 1}]},
            "expected either `seeds` (with an optional `only`) or `parts`",
        ),
        ({"only": {"depth": [1]}, "parts": [{"seeds": 1}]}, "set it in each part"),
    ],
)
def test_seeds_and_parts_exclude_each_other(
    unchanged: httpx.Client, body: dict[str, Any], words: str
) -> None:
    assert words in problem(unchanged.post("/studies/1/runs", json=body), 422)["detail"]


def test_a_part_that_matches_nothing_adds_nothing(client: httpx.Client) -> None:
    client.post("/studies", json={"depth": [1, 2]})
    parts = [{"seeds": 2, "only": {"depth": [1]}}, {"seeds": 1, "only": {"depth": [9]}}]
    found = problem(client.post("/studies/1/runs", json={"parts": parts}), 422)
    assert "depth 9" in found["detail"]
    assert len(client.get("/studies/1").json()["runs"]) == 2
