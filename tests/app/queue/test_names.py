"""Generated names of runs, and how runs of one name are distinguished."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.queue import actions, admission, names
from app.runs import studies
from app.schemas.bodies import Labels
from app.schemas.studies import GridRequest, StudyRequest
from app.storage.database import Database
from tests.app.conftest import Served
from tests.app.states import ROOM, finished_run, queue_run, row
from trainer.config import TrainConfig

BACKENDS = ("sqlite", "postgresql")
LONGEST: dict[str, Any] = {
    "epochs": 10_000,
    "lr": 0.1 + 0.2,
    "batch_size": 60_000,
    "seed": 2**32 - 1,
    "width": 4096,
    "optimizer": "nesterov",
    "momentum": 0.7 + 0.1,
    "weight_decay": 1 / 3,
    "dropout": 1 / 7,
    "schedule": "onecycle",
    "patience": 10_000,
    "precision": "tf32",
    "device": "cuda",
    "dataset": "d" * 64,
}


def name_of(database: Database, run_id: int) -> str:
    return row(database, run_id).name


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"depth": 1}, "1 layer, seed 0"),
        ({"depth": 3, "lr": 0.1, "epochs": 20}, "3 layers, lr 0.1, 20 epochs, seed 0"),
        ({"depth": 2, "epochs": 1, "seed": 7}, "2 layers, 1 epoch, seed 7"),
        ({"depth": 2, "device": "cpu"}, "2 layers, cpu, seed 0"),
        ({"depth": 2, "lr": 0.1 + 0.2}, "2 layers, lr 0.30000000000000004, seed 0"),
        (
            {"depth": 2, "optimizer": "nesterov", "momentum": 0.9, "schedule": "onecycle", "width": 256},
            "2 layers, width 256, nesterov, momentum 0.9, onecycle, seed 0",
        ),
        (
            {"depth": 2, "dataset": "fashion", "precision": "bf16", "batch_size": 64, "dropout": 0.5},
            "2 layers, batch 64, dropout 0.5, bf16, dataset fashion, seed 0",
        ),
        (
            {
                "depth": 2,
                "optimizer": "adamw",
                "weight_decay": 1 / 3,
                "lr": 1 / 300,
                "batch_size": 32,
                "epochs": 9,
            },
            "2 layers, adamw, lr 0.003333, batch 32, weight decay 0.3333, 9 epochs, seed 0",
        ),
        (
            {"depth": 2, **LONGEST},
            "2 layers, width 4096, nesterov, momentum 0.8, lr 0.3, onecycle, …, seed 4294967295",
        ),
    ],
)
def test_a_name_contains_values_that_differ_from_the_defaults(config: dict[str, Any], name: str) -> None:
    assert names.described(TrainConfig(**config)) == name


@given(st.sets(st.sampled_from(sorted(LONGEST))), st.integers(1, 9))
def test_generated_names_are_not_too_long(chosen: set[str], depth: int) -> None:
    config = TrainConfig.model_construct(**TrainConfig(depth=1).model_dump() | {"depth": depth})
    name = names.described(config.model_copy(update={each: LONGEST[each] for each in chosen}))
    assert name.startswith(f"{depth} layer")
    assert name.endswith(f", seed {LONGEST['seed'] if 'seed' in chosen else 0}")
    assert len(f"{name} · 1000000") <= 100


def test_every_hyperparameter_has_its_place_in_names() -> None:
    for name, value in LONGEST.items():
        assert names.described(TrainConfig(depth=2).model_copy(update={name: value})) != "2 layers, seed 0"


def test_repeats_of_a_configuration_are_counted(database: Database) -> None:
    found = [name_of(database, queue_run(database, lr=0.3)) for _ in range(3)]
    base = "1 layer, lr 0.3, 3 epochs, seed 0"
    assert found == [base, f"{base} · 2", f"{base} · 3"]
    assert name_of(database, queue_run(database, lr=0.1 + 0.2)) == (
        "1 layer, lr 0.30000000000000004, 3 epochs, seed 0"
    )
    with database.write() as session:
        config = TrainConfig(depth=1, epochs=3, lr=0.3)
        more = admission.enqueue(session, [config, TrainConfig(depth=2), config], Labels(), limit=ROOM)
        assert [run.name for run in more] == [f"{base} · 4", "2 layers, seed 0", f"{base} · 5"]


def test_configurations_with_equal_shortened_names_get_different_names(database: Database) -> None:
    found = [
        name_of(database, queue_run(database, **LONGEST | {"patience": patience, "depth": 2}))
        for patience in (1, 2)
    ]
    assert found[1] == f"{found[0]} · 2"


def test_names_remain_unique_after_deletions(database: Database) -> None:
    first, second, third = (queue_run(database) for _ in range(3))
    for run_id in (first, second):
        with database.write() as session:
            actions.cancel(session, run_id)
            actions.remove(session, run_id)
    fourth = queue_run(database)
    assert name_of(database, third) == "1 layer, 3 epochs, seed 0 · 3"
    assert name_of(database, fourth) == "1 layer, 3 epochs, seed 0 · 4"
    for run_id in (third, fourth):
        with database.write() as session:
            actions.remove(session, run_id)
    assert name_of(database, queue_run(database)) == "1 layer, 3 epochs, seed 0"


def test_a_given_name_is_not_changed(database: Database) -> None:
    given = [queue_run(database, Labels(name="same")) for _ in range(2)]
    assert [name_of(database, run_id) for run_id in given] == ["same", "same"]
    assert name_of(database, queue_run(database)) == "1 layer, 3 epochs, seed 0"


def renamed(database: Database, run_id: int, name: str | None) -> str:
    with database.write() as session:
        actions.edit(session, run_id, {"name": name})
    return name_of(database, run_id)


def test_a_run_without_a_name_gets_a_generated_one(database: Database) -> None:
    first, second = queue_run(database), queue_run(database)
    assert renamed(database, second, None) == "1 layer, 3 epochs, seed 0 · 2"
    assert renamed(database, first, "mine") == "mine"
    third = queue_run(database)
    assert name_of(database, third) == "1 layer, 3 epochs, seed 0 · 3"
    assert renamed(database, first, None) == "1 layer, 3 epochs, seed 0 · 4"
    assert renamed(database, third, "1 layer, 3 epochs, seed 0 · 3") == "1 layer, 3 epochs, seed 0 · 3"
    assert row(database, third).name_repeat == 3  # saved as it was, it is still the made one


def test_runs_of_studies_and_runs_trained_again_are_counted_alike(site: Served) -> None:
    body = {"depth": [1, 2], "epochs": 3}
    with site.database.write() as session:
        request: GridRequest = StudyRequest.model_validate(body)
        ids = [
            *studies.create_study(session, request, limit=ROOM).runs,
            *studies.create_study(session, request, limit=ROOM).runs,
        ]
    first, second = "1 layer, 3 epochs, seed 0", "2 layers, 3 epochs, seed 0"
    assert [name_of(site.database, run_id) for run_id in ids] == [
        first,
        second,
        f"{first} · 2",
        f"{second} · 2",
    ]
    for run_id in ids:
        assert site.client.post(f"/runs/{run_id}/cancel").status_code == 200
    made, given = finished_run(site.database), finished_run(site.database)
    assert site.client.patch(f"/runs/{given}", json={"name": "mine"}).status_code == 200
    answer = site.client.post(
        "/compare/again",
        data={"ids": f"{made},{given}", "selection": f"?runs={made},{given}"},
        headers={"Accept": "text/html"},
        follow_redirects=False,
    )
    again = [int(run_id) for run_id in answer.headers["location"].partition("runs=")[2].split(",")]
    assert [name_of(site.database, run_id) for run_id in again] == [f"{first} · 4", "mine"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", ["/runs", "/queue", "/compare?runs=1,2,3", "/studies/1"])
def test_pages_tell_runs_of_one_name_apart_by_id(site: Served, path: str) -> None:
    assert site.client.post("/studies", json={"depth": [1, 2, 3]}).status_code == 201
    for run_id in (1, 2):
        assert site.client.patch(f"/runs/{run_id}", json={"name": "twin"}).status_code == 200
    shown = site.client.get(path, headers={"Accept": "text/html"}).text
    for run_id in (1, 2):
        assert f">twin (run {run_id})<" in shown
    assert ">twin<" not in shown
    assert ">3 layers, seed 0<" in shown
