"""Runs for programs: created, listed, read, changed, ended, deleted."""

import csv
import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
from sqlmodel import SQLModel, func, select

from app.queue import actions
from app.runs import bulk
from app.settings import Settings
from app.storage import artifacts
from app.storage.artifacts import Checkpoint
from tests.app.answered import trained
from tests.app.conftest import Served, contents
from tests.app.states import claimed, failed_run, figures, finished_run, queue_run, train
from tests.app.web.asking import created, places, post, problem
from tests.backends import on_both
from trainer.files import durable, tensor_file


def test_a_run_is_created_with_the_references_defaults(client: httpx.Client) -> None:
    answer = post(client, "/runs", depth=3)
    assert answer.status_code == 201
    assert answer.headers["location"] == "/runs/1"
    run = answer.json()
    times = {run.pop("created_at")}
    assert run == {
        "id": 1,
        "version": 1,
        "name": "3 layers, seed 0",
        "status": "queued",
        "reason": "no live worker",
        "cancel_requested": False,
        "study_id": None,
        "depth": 3,
        "epochs": 200,
        "lr": 0.05,
        "batch_size": 1024,
        "seed": 0,
        "width": 512,
        "optimizer": "sgd",
        "momentum": 0.0,
        "weight_decay": 0.0,
        "dropout": 0.0,
        "schedule": "constant",
        "patience": 0,
        "precision": "fp32",
        "device": "auto",
        "dataset": "mnist",
        "priority": 0,
        "layer_sizes": [784, 512, 256, 10],
        "parameters": 535818,
        "updates_per_epoch": 59,
        "flops_per_epoch": 144_445_440_000,
        "device_used": None,
        "data_version": None,
        "data_warnings": [],
        "epochs_done": 0,
        "eta_seconds": None,
        "attempt": 0,
        "crashes": 0,
        "worker_losses": 0,
        "started_at": None,
        "finished_at": None,
        "train_seconds": None,
        "train_loss": None,
        "test_loss": None,
        "train_accuracy": None,
        "test_accuracy": None,
        "chance_accuracy": 0.1135,
        "guessing": None,
        "best_epoch": None,
        "best_test_accuracy": None,
        "verifies": None,
        "tags": [],
        "note": "",
        "archived": False,
    }
    assert all(time.endswith("Z") and "T" in time for time in times)


def test_a_created_run_is_read_at_its_location(client: httpx.Client) -> None:
    body = {
        "depth": 5,
        "epochs": 7,
        "lr": 0.1,
        "batch_size": 60_000,
        "seed": 2**32 - 1,
        "device": "cpu",
        "dataset": "mnist",
        "priority": -3,
        "name": "Über <b>",
        "tags": ["a", "b c"],
        "note": "line one\nline two",
    }
    answer = client.post("/runs", json=body)
    read = client.get(answer.headers["location"]).json()
    assert {name: read[name] for name in body} == body
    assert answer.json().items() <= read.items()


def test_an_integer_is_a_valid_learning_rate(client: httpx.Client) -> None:
    assert created(client, lr=1)["lr"] == 1


def test_the_list_of_runs_is_newest_first_and_counts_all(site: Served) -> None:
    for seed in range(3):
        queue_run(site.database, seed=seed)
    page = site.client.get("/runs", params={"limit": 2}).json()
    assert [run["id"] for run in page["runs"]] == [3, 2]
    assert page["total"] == 3
    rest = site.client.get("/runs", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert [run["id"] for run in rest["runs"]] == [1]
    assert rest["next_cursor"] is None


def test_epochs_are_columns_of_one_length(site: Served) -> None:
    run_id = finished_run(site.database, epochs=5)
    columns = site.client.get(f"/runs/{run_id}/epochs").json()
    assert list(columns) == [
        "epoch",
        "train_loss",
        "last_batch_loss",
        "train_accuracy",
        "test_loss",
        "test_accuracy",
        "seconds",
        "gradient_norms",
        "dead_relu",
    ]
    for name, column in columns.items():
        assert column == [figures(epoch)[name] for epoch in range(1, 6)]
    waiting = queue_run(site.database)
    assert site.client.get(f"/runs/{waiting}/epochs").json() == {name: [] for name in columns}


@on_both
def test_a_run_is_patched_in_part(client: httpx.Client) -> None:
    created(client, note="old", tags=["a"])
    answer = client.patch("/runs/1", json={"name": "new", "archived": True})
    assert answer.status_code == 200
    run = answer.json()
    assert (run["name"], run["archived"], run["note"], run["tags"], run["version"]) == (
        "new",
        True,
        "old",
        ["a"],
        2,
    )
    run = client.patch("/runs/1", json={"version": 2, "tags": [], "note": "", "priority": 9}).json()
    assert (run["tags"], run["note"], run["priority"], run["version"]) == ([], "", 9, 3)
    assert client.patch("/runs/1", json={"name": None}).json()["name"] == "1 layer, seed 0"


def test_a_stale_patch_is_a_conflict_and_changes_nothing(client: httpx.Client) -> None:
    created(client)
    client.patch("/runs/1", json={"note": "first"})
    answer = client.patch("/runs/1", json={"version": 1, "note": "second"})
    assert "version is 2" in problem(answer, 409)["detail"]
    assert client.get("/runs/1").json()["note"] == "first"


def test_a_patch_that_breaks_the_contract_changes_nothing(client: httpx.Client) -> None:
    before = created(client)
    for body in (
        {"depth": 2},
        {"status": "finished"},
        {"tags": None},
        {"note": None},
        {"archived": None},
        {"archived": "true"},
        {"priority": None},
        {"name": "x" * 101},
        {"version": 0},
        {"version": "1"},
    ):
        assert places(client.patch("/runs/1", json=body)) == [[next(iter(body))]]
    assert before.items() <= client.get("/runs/1").json().items()


def test_a_run_is_cancelled_and_retried(client: httpx.Client) -> None:
    created(client)
    problem(client.post("/runs/1/retry"), 409)
    run = client.post("/runs/1/cancel").json()
    assert (run["status"], run["reason"]) == ("cancelled", "cancelled by user")
    problem(client.post("/runs/1/cancel"), 409)
    run = client.post("/runs/1/retry").json()
    assert (run["status"], run["reason"], run["finished_at"]) == ("queued", "no live worker", None)


@on_both
def test_deleting_a_run_deletes_all_its_rows(site: Served) -> None:
    run_id = finished_run(site.database)
    assert post(site.client, "/studies", depth=1, epochs=3, reuse=True).json()["runs"] == [run_id]
    answer = site.client.delete(f"/runs/{run_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    problem(site.client.get(f"/runs/{run_id}"), 404)
    problem(site.client.get(f"/runs/{run_id}/epochs"), 404)
    with site.database.read() as session:
        owning = {
            table.name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in SQLModel.metadata.sorted_tables
            if "run_id" in table.columns or table.name == "run"
        }
    assert owning == {
        "attempt": 0,
        "deletion": 1,
        "epoch": 0,
        "pending_deletion": 0,
        "run": 0,
        "study_run": 0,
    }


@pytest.mark.parametrize("in_bulk", [False, True])
def test_deleting_a_run_deletes_its_files(site: Served, settings: Settings, *, in_bulk: bool) -> None:
    for run_id in (finished_run(site.database), finished_run(site.database)):
        durable.write(artifacts.of_run(settings.artifacts, run_id).model(1), b"weights")
    if in_bulk:
        post(site.client, "/runs/bulk", ids=[1], action="delete")
    else:
        site.client.delete("/runs/1")
    assert not artifacts.of_run(settings.artifacts, 1).folder.exists()
    assert artifacts.of_run(settings.artifacts, 2).model(1).exists()


def test_a_run_that_cannot_be_deleted_keeps_its_files(site: Served, settings: Settings) -> None:
    run_id = queue_run(site.database)
    claimed(site.database)
    checkpoint = artifacts.of_run(settings.artifacts, run_id).path_of(Checkpoint(1, 1))
    durable.write(checkpoint, b"state")
    problem(site.client.delete(f"/runs/{run_id}"), 409)
    post(site.client, "/runs/bulk", ids=[run_id], action="delete")
    assert checkpoint.exists()


def test_a_run_without_weights_says_why(site: Served) -> None:
    finished = finished_run(site.database)
    waiting = queue_run(site.database)
    for run_id, why in ((finished, "missing from the artifact folder"), (waiting, "it is queued")):
        assert why in problem(site.client.get(f"/runs/{run_id}/model.safetensors"), 404)["detail"]
    problem(site.client.get("/runs/77/model.safetensors"), 404)


def test_a_finished_run_is_verified_once_for_each_key(site: Served, settings: Settings) -> None:
    run_id = finished_run(site.database)
    verify = f"/runs/{run_id}/verify"
    assert "its weights file is missing or damaged" in problem(site.client.post(verify), 409)["detail"]
    for each in (run_id, run_id + 1):
        path = artifacts.of_run(settings.artifacts, each).model(1)
        tensor_file.write(path, {"w": np.ones(3, np.float32)}, {})
    answers = [site.client.post(verify, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert answers[0].headers["location"] == f"/runs/{run_id + 1}"
    assert (answers[0].json()["verifies"], answers[0].json()["device"]) == (run_id, "cpu")
    problem(site.client.post(f"/runs/{run_id + 1}/verify"), 409)
    problem(site.client.post("/runs/99/verify"), 404)
    pending = site.client.get(f"/runs/{run_id}").json()["verification"]
    assert (pending["run_id"], pending["of"], pending["status"]) == (run_id + 1, run_id, "pending")
    assert train(site.database) == run_id + 1
    found = [site.client.get(f"/runs/{each}").json()["verification"] for each in (run_id, run_id + 1)]
    assert found[0] == found[1]
    assert (found[0]["status"], found[0]["differences"]) == ("bit-identical", {})
    assert site.client.get("/runs?verifies=1").json()["total"] == 1
    again = site.client.post("/studies", json={"depth": [1], "epochs": 3, "reuse": True}).json()
    assert again["runs"] == [run_id]


@on_both
def test_deleting_a_verification_erases_its_response_and_its_key_returns_410(
    site: Served, settings: Settings
) -> None:
    run_id = finished_run(site.database)
    tensor_file.write(
        artifacts.of_run(settings.artifacts, run_id).model(1), {"w": np.ones(3, np.float32)}, {}
    )

    def ask() -> httpx.Response:
        return site.client.post(f"/runs/{run_id}/verify", headers={"Idempotency-Key": "once"})

    copy = ask().json()["id"]
    assert site.client.delete(f"/runs/{copy}").status_code == 204
    assert f"Verification of run {run_id}" not in str(contents(site.database))
    assert f"created /runs/{copy}, which was deleted; nothing was created" in problem(ask(), 410)["detail"]
    assert site.client.get("/runs").json()["total"] == 1


def test_predictions_of_a_finished_run(site: Served, settings: Settings) -> None:
    run_id = trained(site, settings, [4, 8, 15])
    found = site.client.get(f"/runs/{run_id}/predictions?limit=2").json()
    assert (found["run_id"], found["images"], found["correct"]) == (run_id, 10_000, 9_997)
    assert [image["index"] for image in found["wrong"]] == [4, 8]
    assert len(site.client.get(f"/runs/{run_id}/predictions").json()["wrong"]) == 3
    assert places(site.client.get(f"/runs/{run_id}/predictions?limit=-1")) == [["limit"]]
    queued = queue_run(site.database)
    assert "it is queued" in problem(site.client.get(f"/runs/{queued}/predictions"), 404)["detail"]


def test_a_running_run_is_not_deleted(site: Served) -> None:
    run_id = queue_run(site.database)
    claimed(site.database)
    problem(site.client.delete(f"/runs/{run_id}"), 409)
    assert site.client.get(f"/runs/{run_id}").status_code == 200


@on_both
@pytest.mark.parametrize(
    ("action", "done", "field", "values"),
    [
        ("cancel", [3], "status", ["finished", "failed", "cancelled"]),
        ("retry", [2], "status", ["finished", "queued", "queued"]),
        ("archive", [1, 2, 3], "archived", [True, True, True]),
        ("restore", [1, 2, 3], "archived", [False, False, False]),
        ("tag", [1, 2, 3], "tags", [["x"], ["x"], ["x"]]),
        ("untag", [1, 2, 3], "tags", [[], [], []]),
    ],
)
def test_a_bulk_action_applies_to_many_runs(
    site: Served, action: str, done: list[int], field: str, values: list[Any]
) -> None:
    finished_run(site.database)
    failed_run(site.database)
    queue_run(site.database)
    tag = {"tag": "x"} if "tag" in action else {}
    answer = site.client.post("/runs/bulk", json={"ids": [3, 2, 1, 3, 77], "action": action, **tag})
    assert answer.status_code == 200
    found = answer.json()
    assert sorted(found["done"]) == done
    assert sorted(each["id"] for each in found["skipped"]) == sorted({1, 2, 3, 77} - set(done))
    assert all(each["reason"] for each in found["skipped"])
    assert [site.client.get(f"/runs/{run_id}").json()[field] for run_id in (1, 2, 3)] == values


def test_a_bulk_deletion_skips_running_runs(site: Served) -> None:
    queue_run(site.database)
    claimed(site.database)
    queue_run(site.database)
    found = post(site.client, "/runs/bulk", ids=[1, 2], action="delete").json()
    assert (found["done"], [each["id"] for each in found["skipped"]]) == ([2], [1])


def test_a_tag_beyond_the_twentieth_is_left_out(client: httpx.Client) -> None:
    created(client, tags=[str(number) for number in range(20)])
    found = post(client, "/runs/bulk", ids=[1], action="tag", tag="one more").json()
    assert found["done"] == []
    assert "20 tags" in found["skipped"][0]["reason"]
    again = post(client, "/runs/bulk", ids=[1], action="tag", tag="7").json()
    assert again["done"] == [1]
    assert len(client.get("/runs/1").json()["tags"]) == 20


def table(answer: httpx.Response) -> list[dict[str, str]]:
    """The lines of a CSV answer."""
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_all_runs_as_a_table(site: Served) -> None:
    done = finished_run(site.database)
    with site.database.write() as session:
        actions.edit(session, done, {"name": 'a, "b"', "note": "two\nlines", "tags": ["ä", "b"]})
    for seed in range(60):
        queue_run(site.database, seed=seed)
    lines = table(site.client.get("/runs.csv?sort=id&limit=1"))
    assert len(lines) == 61
    shown = site.client.get(f"/runs/{done}").json()
    first = lines[0]
    assert (first["name"], first["note"], json.loads(first["tags"])) == ('a, "b"', "two\nlines", ["ä", "b"])
    assert (first["finished_at"], first["test_accuracy"]) == (shown["finished_at"], "0.94")
    assert json.loads(first["layer_sizes"]) == [784, 10]
    assert lines[1]["test_accuracy"] == ""
    assert len(table(site.client.get("/runs.csv?status=finished"))) == 1


@on_both
@pytest.mark.parametrize(("character", "length"), [("x", 10_000), ("%", 10_000), ("\N{PILE OF POO}", 5_000)])
def test_queries_within_the_limits_are_answered(site: Served, character: str, length: int) -> None:
    note = character * length
    created(site.client, depth=1, note=note)
    found = site.client.get("/runs", params={"q": note, "tag": ",".join(map(str, range(50)))})
    assert (found.status_code, found.json()["total"]) == (200, 0)
    assert site.client.get("/runs", params={"q": note[:4_000]}).json()["total"] == 1
    many = {"id": ",".join(map(str, range(1, 1_001))), "depth": ",".join(map(str, range(1, 1_001)))}
    assert site.client.get("/runs", params=many).json()["total"] == 1
    compared = site.client.get("/compare", params={"runs": ",".join(map(str, range(1, 1_001)))})
    assert compared.status_code == 200


@on_both
def test_a_bulk_action_reaches_beyond_one_transaction(site: Served) -> None:
    ids = [queue_run(site.database, seed=seed) for seed in range(bulk.STEP_RUNS + 1)]
    outcome = site.client.post("/runs/bulk", json={"ids": [*ids, 10**6], "action": "cancel"}).json()
    assert outcome["done"] == ids
    assert [skip["id"] for skip in outcome["skipped"]] == [10**6]
    assert site.client.get("/runs?status=cancelled").json()["total"] == len(ids)
