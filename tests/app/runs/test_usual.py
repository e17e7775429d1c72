"""Warnings about unusual values in the form and in previews; the values remain allowed."""

from typing import Any

import pytest

from app.runs import usual
from app.runs.datasets import SHIPPED_ALONE, Catalogue, Usable
from tests.app.conftest import Served
from trainer.config import TrainConfig
from trainer.data.inspection import Sizes

FEW = Catalogue([*SHIPPED_ALONE.usable, Usable("few", Sizes(600, 100))])


@pytest.mark.parametrize(
    ("config", "beginning"),
    [
        ({"lr": 100.0}, "Learning rate 100 with sgd is above the rates that have worked (up to 0.5)"),
        ({"lr": 1.0, "optimizer": "nesterov", "momentum": 0.9}, "Learning rate 1 with nesterov is above"),
        (
            {"lr": 0.05, "optimizer": "adam"},
            "Learning rate 0.05 with adam is above the rates that have worked (up to 0.03)",
        ),
        (
            {"lr": 0.51},
            "Learning rate 0.51 with sgd is above the rates that have worked (up to 0.5): such runs may",
        ),
        ({"dropout": 0.81}, "Dropout 0.81 is above the values that have worked (up to 0.8)"),
        ({"lr": 1e-6}, "Learning rate 1e-06 with sgd is below the rates that have worked (from 0.001)"),
        ({"lr": 1e-6, "optimizer": "adamw"}, "Learning rate 1e-06 with adamw is below"),
        ({"depth": 7}, "Depth 7 is deeper than the networks that have worked with plain sgd (up to 5)"),
        ({"batch_size": 60_000, "epochs": 10}, "The shortest run has 10 updates of the weights"),
        ({"weight_decay": 1.0}, "Weight decay 1 is above"),
        ({"dropout": 0.95}, "Dropout 0.95 is above"),
        (
            {"dataset": "few", "batch_size": 1024},
            "Batch size 1024 is more than the 600 training images of few: every epoch is a single update.",
        ),
    ],
)
def test_a_value_outside_the_usual_range_gets_a_warning(config: dict[str, Any], beginning: str) -> None:
    (warning,) = usual.warnings([TrainConfig(**{"depth": 3, **config})], FEW)
    assert warning.startswith(beginning)


@pytest.mark.parametrize(
    "config",
    [
        *({"depth": depth} for depth in range(1, 6)),
        {"depth": 1, "lr": 1.0},  # a single layer bears more
        {"depth": 5, "lr": 0.5},
        {"depth": 5, "lr": 0.01},
        {"depth": 4, "lr": 0.1, "optimizer": "nesterov", "momentum": 0.9, "batch_size": 512, "epochs": 15},
        {"depth": 5, "lr": 0.003, "optimizer": "adamw", "batch_size": 512, "epochs": 15},
        {"depth": 7, "lr": 0.001, "optimizer": "adam"},
        {"depth": 3, "epochs": 1},
        {"depth": 3, "optimizer": "adamw", "lr": 0.001, "weight_decay": 1.0},
        {"depth": 2, "dropout": 0.5, "weight_decay": 0.0001},
    ],
)
def test_values_that_have_worked_get_no_warning(config: dict[str, Any]) -> None:
    assert usual.warnings([TrainConfig(**config)], FEW) == []


def test_values_of_a_grid_share_a_sentence() -> None:
    configs = [
        TrainConfig(depth=depth, lr=lr, optimizer=optimizer)
        for depth in (2, 3)
        for lr in (0.01, 10.0, 100.0)
        for optimizer in ("sgd", "adam")
    ]
    warnings = usual.warnings(configs, FEW)
    assert [each.partition(" is above")[0] for each in warnings] == [
        "Learning rate 10 and 100 with sgd",
        "Learning rate 10 and 100 with adam",
    ]


def test_the_form_and_the_preview_warn_and_nothing_is_refused(site: Served) -> None:
    words = "Learning rate 100 with sgd is above the rates that have worked"
    page = {"Accept": "text/html"}
    form = {"depth": "3", "lr": "0.05, 100"}
    assert words in site.client.post("/studies/preview", data=form, headers=page).text
    assert "is above the rates" not in site.client.get("/runs/new", headers=page).text
    found = site.client.post("/studies/preview", json={"depth": 3, "lr": [0.05, 100]}).json()
    assert found["warnings"][0].startswith(words)
    started = site.client.post("/runs", data=form, headers=page)
    assert (started.status_code, started.headers["location"]) == (303, "/studies/1")
    run_id = site.client.get("/runs?lr=100").json()["runs"][0]["id"]
    assert words in site.client.get(f"/runs/new?from={run_id}", headers=page).text
