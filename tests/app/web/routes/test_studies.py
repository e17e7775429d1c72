"""Studies for programs."""

from typing import Any

import httpx
import pytest

from app.queue import endings
from tests.app.conftest import Served, contents
from tests.app.states import claimed
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
        "version",
        "name",
        "description",
        "tags",
        "archived",
        "created_at",
        "runs",
        "counts",
        "progress",
        "eta_seconds",
        "eta_range",
    }
    assert len(study["runs"]) == 15
    assert client.get("/studies/1").json() == study
    assert client.get("/studies").json() == {"studies": [study], "next_cursor": None, "total": 1}
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
        ({}, "expected exactly one of `seeds` (with an optional `only`), `parts` and `runs`"),
        (
            {"seeds": 1, "parts": [{"seeds": 1}]},
            "expected exactly one of `seeds` (with an optional `only`), `parts` and `runs`",
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


def test_a_study_is_edited_with_its_version(client: httpx.Client) -> None:
    study = client.post("/studies", json={"depth": [1, 2]}).json()
    assert (study["version"], study["description"], study["tags"], study["archived"]) == (1, "", [], False)
    body = {"name": "Mine", "description": "why", "tags": ["a"], "archived": True, "version": 1}
    changed = client.patch("/studies/1", json=body)
    assert changed.status_code == 200
    assert changed.json() == study | body | {"version": 2}
    assert client.get("/studies/1").json() == changed.json()
    assert client.get("/studies").json()["studies"] == []
    assert client.get("/studies?archived=all&tag=a&q=MINE").json()["studies"] == [changed.json()]
    stale = problem(client.patch("/studies/1", json={"name": "Other", "version": 1}), 409)
    assert "its version is 2, the request has 1" in stale["detail"]
    problem(client.patch("/studies/1", json={"name": "x" * 101}), 422)
    problem(client.patch("/studies/1", json={"nmae": "x"}), 422)
    problem(client.patch("/studies/9", json={}), 404)
    problem(client.get("/studies?order=name"), 422)
    assert client.patch("/studies/1", json={"name": None}).json()["name"] == "depth 1, 2"


def test_existing_runs_join_and_leave_a_study(client: httpx.Client) -> None:
    client.post("/studies", json={"depth": [1, 2]})
    other = client.post("/runs", json={"depth": 3}).json()["id"]
    assert client.post("/studies/1/runs", json={"runs": [other]}).json()["runs"] == [1, 2, 3]
    assert client.get("/runs?study=1").json()["total"] == 3
    assert "no run 9" in problem(client.post("/studies/1/runs", json={"runs": [9]}), 404)["detail"]
    assert client.delete(f"/studies/1/runs/{other}").json()["runs"] == [1, 2]
    problem(client.delete(f"/studies/1/runs/{other}"), 409)
    assert client.get(f"/runs/{other}").status_code == 200


def test_a_study_is_deleted_with_or_without_its_runs(site: Served) -> None:
    client = site.client
    first = client.post("/studies", json={"depth": [1, 2]}).json()
    kept = client.delete("/studies/1")
    assert (kept.status_code, kept.json()["done"]) == (200, [])
    problem(client.get("/studies/1"), 404)
    assert client.get("/runs").json()["total"] == 2
    second = client.post("/studies", json={"depth": [3, 4]}).json()
    for run_id in first["runs"]:
        client.post(f"/runs/{run_id}/cancel")
    claim = claimed(site.database)
    assert f"run {claim.run_id} is running" in problem(client.delete("/studies/2?runs=delete"), 409)["detail"]
    with site.database.write() as session:
        endings.fail(session, claim, "it broke")
    assert client.delete("/studies/2?runs=delete").json() == {
        "done": second["runs"],
        "skipped": [],
        "remaining": [],
        "stopped": None,
    }
    assert client.get("/runs").json()["total"] == 2
    problem(client.delete("/studies/2"), 404)
    problem(client.delete("/studies/2?runs=some"), 422)


def test_deleting_a_study_erases_its_text_and_its_keys_return_410(site: Served) -> None:
    def ask(path: str, **body: Any) -> httpx.Response:
        return site.client.post(path, json=body, headers={"Idempotency-Key": "once"})

    def create() -> httpx.Response:
        return ask("/studies", depth=2, name="a secret name", note="a secret note", tags=["a secret tag"])

    study = create().json()
    assert ask("/studies/1/runs", seeds=1).status_code == 201
    other = site.client.post("/studies", json={"depth": 1}).json()
    assert site.client.delete(f"/studies/{study['id']}?runs=delete").status_code == 200
    assert "secret" not in str(contents(site.database))
    for answer, done in (
        (create(), "created /studies/1"),
        (ask("/studies/1/runs", seeds=1), "added runs to /studies/1"),
    ):
        assert f"{done}, which was deleted; nothing was created" in problem(answer, 410)["detail"]
    assert [found["id"] for found in site.client.get("/studies").json()["studies"]] == [other["id"]]
