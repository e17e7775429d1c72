"""What requests about runs may say, and the shape of a run: what other people's scripts rely on."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.runs import BulkRequest, RunOut, RunPatch, RunRequest
from app.storage.database import Database
from tests.app.schemas.refused import refused
from tests.app.states import queue_run, shown
from trainer.config import TrainConfig


def test_only_depth_is_required_and_defaults_are_those_of_the_reference() -> None:
    request = RunRequest.model_validate({"depth": 3})
    assert request.config == TrainConfig(
        depth=3, epochs=200, lr=0.05, batch_size=1024, seed=0, device="auto", dataset="mnist"
    )
    assert (request.priority, request.name, request.tags, request.note) == (0, None, [], "")
    assert refused(RunRequest, {}) == [("depth",)]


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("width", 16, 4096),
        ("patience", 0, 10_000),
        ("epochs", 1, 10_000),
        ("batch_size", 1, 60_000),
        ("seed", 0, 2**32 - 1),
        ("priority", -1000, 1000),
    ],
)
def test_integers_keep_to_their_bounds_and_their_type(field: str, lowest: int, highest: int) -> None:
    for value in (lowest, highest):
        assert getattr(RunRequest.model_validate({"depth": 1, field: value}), field) == value
    wrong_ones: list[Any] = [lowest - 1, highest + 1, 2**70, "3", 3.0, True, None, [1], {}, float("nan")]
    for wrong in wrong_ones:
        assert refused(RunRequest, {"depth": 1, field: wrong}) == [(field,)]


def test_the_learning_rate_is_positive_finite_and_at_most_100() -> None:
    for value in (1e-9, 0.05, 1, 100):
        assert RunRequest.model_validate({"depth": 1, "lr": value}).lr == value
    for wrong in (0, -0.1, 100.1, float("nan"), float("inf"), "0.1", "abc", True, None, [0.1]):
        assert refused(RunRequest, {"depth": 1, "lr": wrong}) == [("lr",)]


@pytest.mark.parametrize(
    "body",
    [
        {"device": "tpu"},
        {"device": "cuda:0"},
        {"dataset": "../cifar"},
        {"learning_rate": 0.1},
        {"Depth": 1},
        {"name": ""},
        {"name": "  "},
        {"name": "x" * 101},
        {"name": "a\0b"},
        {"name": "a\nb"},
        {"name": "\x1b[31m"},
        {"name": "\x85"},
        {"name": "\ud800"},
        {"name": 7},
        {"note": "x" * 10_001},
        {"note": "\x07"},
        {"note": None},
        {"tags": "a"},
        {"tags": None},
    ],
)
def test_invalid_fields_of_a_run_are_refused(body: dict[str, Any]) -> None:
    assert refused(RunRequest, {"depth": 1, **body}) == [(next(iter(body)),)]


def test_a_patch_can_remove_only_the_name() -> None:
    assert RunPatch.model_validate({"name": None}).model_dump(exclude_unset=True) == {"name": None}
    for field in ("tags", "note", "archived", "priority"):
        assert refused(RunPatch, {field: None}) == [(field,)]


def test_a_patch_changes_no_hyperparameter() -> None:
    for name in (*HYPERPARAMETERS, "status", "id"):
        assert refused(RunPatch, {name: 1}) == [(name,)]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"ids": [], "action": "cancel"}, ("ids",)),
        ({"ids": [0], "action": "cancel"}, ("ids", 0)),
        ({"ids": [2**63], "action": "cancel"}, ("ids", 0)),
        ({"ids": ["1"], "action": "cancel"}, ("ids", 0)),
        ({"ids": [1], "action": "explode"}, ("action",)),
        ({"ids": [1], "action": "tag"}, ()),
        ({"ids": [1], "action": "cancel", "tag": "x"}, ()),
    ],
)
def test_invalid_fields_of_a_bulk_request_are_refused(body: dict[str, Any], place: tuple[Any, ...]) -> None:
    assert refused(BulkRequest, body) == [place]


def test_a_run_of_a_version_that_lacks_a_hyperparameter_had_its_default(database: Database) -> None:
    run = shown(database, queue_run(database, depth=2, lr=0.5))
    new = ("precision", "width", "optimizer", "worker_losses", "chance_accuracy", "guessing")
    old = {name: value for name, value in run.model_dump().items() if name not in new}
    read = RunOut.model_validate(old)
    defaults = TrainConfig(depth=2)
    assert (read.precision, read.width, read.optimizer) == (
        defaults.precision,
        defaults.width,
        defaults.optimizer,
    )
    assert (read.worker_losses, read.chance_accuracy, read.guessing) == (0, None, None)
    assert (read.depth, read.lr) == (2, 0.5)


def test_fields_of_every_version_are_required(database: Database) -> None:
    run = shown(database, queue_run(database)).model_dump()
    for name in ("id", "status", "depth", "created_at"):
        with pytest.raises(ValidationError, match=name):
            RunOut.model_validate({key: value for key, value in run.items() if key != name})
    with pytest.raises(ValidationError, match="status"):
        RunOut.model_validate(run | {"status": "done"})
