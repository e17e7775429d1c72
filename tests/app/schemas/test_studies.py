"""What requests for studies may say, and the shape of a study."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.studies import GridRequest, MoreRuns, StudyOut, StudyRequest
from tests.app.schemas.refused import refused
from trainer.config import TrainConfig


def study(**body: Any) -> GridRequest:
    return StudyRequest.model_validate(body)


def test_a_study_takes_one_value_or_many_of_every_hyperparameter() -> None:
    for name in HYPERPARAMETERS:
        field = TrainConfig.model_fields[name]
        value = 3 if field.is_required() else field.default
        assert study(**{"depth": 1, name: value}).axes[name] == [value]
        assert study(**{"depth": 1, name: [value]}).axes[name] == [value]
    assert study(depth=[2, 1, 2]).axes == {
        "depth": [2, 1],
        "epochs": [200],
        "lr": [0.05],
        "batch_size": [1024],
        "seed": [0],
        "width": [512],
        "optimizer": ["sgd"],
        "momentum": [0.0],
        "weight_decay": [0.0],
        "dropout": [0.0],
        "schedule": ["constant"],
        "patience": [0],
        "precision": ["fp32"],
        "device": ["auto"],
        "dataset": ["mnist"],
    }


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, ("depth",)),
        ({"depth": []}, ("depth",)),
        ({"depth": [1, 11]}, ("depth", 1)),
        ({"depth": ["1"]}, ("depth", 0)),
        ({"depth": None}, ("depth", 0)),
        ({"depth": [[1]]}, ("depth", 0)),
        ({"depth": "1-5"}, ("depth", 0)),
        ({"depth": [True]}, ("depth", 0)),
        ({"depth": 1, "lr": [0.1, float("nan")]}, ("lr", 1)),
        ({"depth": 1, "reuse": 1}, ("reuse",)),
        ({"depth": 1, "seeds": 3}, ("seeds",)),
        ({"depth": 1, "seed": list(range(1001))}, ("seed",)),
        ({"depth": [1, 2, 3], "seed": list(range(400))}, ()),
    ],
)
def test_invalid_fields_of_a_study_are_refused(body: dict[str, Any], place: tuple[Any, ...]) -> None:
    assert refused(StudyRequest, body) == [place]


def test_a_grid_may_have_a_thousand_runs() -> None:
    request = study(depth=[1, 2, 3, 4, 5], seed=list(range(200)))
    assert len(request.axes["seed"]) == 200


def test_a_request_for_seeds_is_for_one_to_a_hundred() -> None:
    assert MoreRuns(seeds=100).seeds == 100
    for wrong in (0, 101, "4", True):
        assert refused(MoreRuns, {"seeds": wrong}) == [("seeds",)]


def test_seeds_can_be_asked_for_configurations_with_certain_values() -> None:
    (found,) = MoreRuns.model_validate({"seeds": 1, "only": {"depth": [3, 4], "lr": 0.1}}).wanted
    assert (found.seeds, found.wanted) == (1, {"depth": [3, 4], "lr": [0.1]})
    (everything,) = MoreRuns(seeds=2).wanted
    assert (everything.seeds, everything.wanted) == (2, {})
    assert refused(MoreRuns, {"seeds": 1, "only": {"seed": [1]}}) == [("only", "seed")]
    assert refused(MoreRuns, {"seeds": 1, "only": {"depth": []}}) == [("only", "depth")]
    assert refused(MoreRuns, {"seeds": 1, "only": {"depth": ["3"]}}) == [("only", "depth", 0)]


def test_configurations_can_get_different_numbers_of_seeds() -> None:
    body = {"parts": [{"seeds": 4, "only": {"depth": [2]}}, {"seeds": 1, "only": {"depth": 3}}]}
    found = MoreRuns.model_validate(body).wanted
    assert [(part.seeds, part.wanted) for part in found] == [(4, {"depth": [2]}), (1, {"depth": [3]})]
    assert refused(MoreRuns, {"parts": []}) == [("parts",)]
    assert refused(MoreRuns, {"parts": [{"only": {"depth": [2]}}]}) == [("parts", 0, "seeds")]
    assert refused(MoreRuns, {"parts": [{"seeds": 101}]}) == [("parts", 0, "seeds")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "expected exactly one of `seeds`"),
        ({"only": {"depth": [1]}}, "expected exactly one of `seeds`"),
        ({"seeds": 1, "parts": [{"seeds": 1}]}, "expected exactly one of `seeds`"),
        ({"seeds": 1, "runs": [1]}, "expected exactly one of `seeds`"),
        ({"runs": [1], "only": {"depth": [1]}}, "`only` can be combined only with `seeds`"),
        (
            {"only": {"depth": [1]}, "parts": [{"seeds": 1}]},
            "`only` can be combined only with `seeds`",
        ),
    ],
)
def test_exactly_one_of_seeds_parts_and_runs_is_expected(body: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        MoreRuns.model_validate(body)


def test_a_grid_is_every_combination_the_last_axis_running_fastest() -> None:
    axes: dict[str, Any] = {"depth": [1, 2], "epochs": 5, "lr": [0.1], "seed": [0, 1]}
    assert StudyRequest(**axes).configs == [
        TrainConfig(depth=depth, epochs=5, lr=0.1, seed=seed) for depth in (1, 2) for seed in (0, 1)
    ]


def test_a_grid_with_one_combination_that_does_not_fit_is_refused_with_what_does_not() -> None:
    axes: dict[str, Any] = {"depth": [1, 8], "width": [1024, 512]}
    with pytest.raises(ValidationError, match=r"depth 8 at width 512 .* choose at most 7 layers"):
        StudyRequest(**axes)
    assert len(StudyRequest(**axes | {"width": [1024, 2048]}).configs) == 4


def test_invalid_combinations_are_left_out_on_request() -> None:
    skip: dict[str, Any] = {"skip_invalid": True}
    request = StudyRequest(**skip | {"depth": [3, 8], "width": [512, 1024]})
    assert [(config.depth, config.width) for config in request.configs] == [(3, 512), (3, 1024), (8, 1024)]
    ((reason, count),) = request.rejected.items()
    assert (reason.partition(" would")[0], count) == ("depth 8 at width 512", 1)
    with pytest.raises(ValidationError, match="choose at most 7 layers"):
        StudyRequest(**skip | {"depth": [8, 9]})


@pytest.mark.parametrize("progress", [-0.1, 1.1])
def test_progress_is_a_share(progress: float) -> None:
    study = {"id": 1, "name": "s", "created_at": "2026-01-01T00:00:00.000Z", "runs": [], "counts": {}}
    assert StudyOut.model_validate({**study, "progress": 1, "eta_seconds": None}).eta_range is None
    with pytest.raises(ValidationError, match="progress"):
        StudyOut.model_validate({**study, "progress": progress, "eta_seconds": None})
