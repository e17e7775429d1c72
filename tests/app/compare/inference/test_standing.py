"""What a comparison may claim."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.compare.inference.standing import standing
from app.schemas.runs import RunOut
from app.storage.tables import Study
from trainer.config import TrainConfig

STUDY = Study(id=1, name="depths", created_at=0.0, look=2, planned=2)


def runs(*statuses: str, **varied: Sequence[Any]) -> list[RunOut]:
    """Runs of one layer, then two, and so on."""
    return [
        RunOut.model_construct(
            **TrainConfig(depth=1 + place % 5).model_dump()
            | {name: values[place] for name, values in varied.items()}
            | {"id": place, "status": status, "device_used": None, "data_version": None}
        )
        for place, status in enumerate(statuses)
    ]


def test_a_study_whose_runs_have_ended_is_final_at_its_look() -> None:
    found = standing(STUDY, runs("finished", "finished", "failed"), ["depth"], is_whole=True)
    assert (found.status, found.look, found.level, found.reason) == ("final", 2, 0.01, "")


@pytest.mark.parametrize(
    ("statuses", "reason"),
    [
        (("finished", "running"), "1 of 2 planned runs has not ended: the verdict can change until it has"),
        (
            ("queued", "running", "finished"),
            "2 of 3 planned runs have not ended: the verdict can change until they have",
        ),
        (("finished", "cancelled"), "1 of 2 planned runs was cancelled: retry it to complete the study"),
    ],
)
def test_a_study_is_provisional_until_its_plan_is_complete(statuses: tuple[str, ...], reason: str) -> None:
    found = standing(STUDY, runs(*statuses), ["depth"], is_whole=True)
    assert (found.status, found.reason) == ("provisional", reason)


def test_selected_runs_are_exploratory() -> None:
    for study, is_whole in ((None, True), (STUDY, False)):
        found = standing(study, runs("finished", "finished"), ["depth"], is_whole=is_whole)
        assert (found.status, found.look) == ("exploratory", None)


def test_another_grouping_than_the_study_varies_is_exploratory() -> None:
    both = runs("finished", "finished", lr=[0.1, 0.2])
    assert standing(STUDY, both, ["depth"], is_whole=True).status == "exploratory"
    assert standing(STUDY, both, ["lr", "depth"], is_whole=True).status == "final"
    assert standing(STUDY, both, ["depth", "lr", "dataset"], is_whole=True).status == "exploratory"
    assert standing(STUDY, both, ["depth", "lr", "device_used"], is_whole=True).status == "final"


def test_a_study_of_which_runs_were_deleted_is_exploratory() -> None:
    found = standing(STUDY, runs("finished"), ["depth"], is_whole=True)
    assert (found.status, found.reason) == ("exploratory", "1 of 2 planned runs was deleted or removed")


def test_a_study_without_a_plan_is_exploratory() -> None:
    unplanned = STUDY.model_copy(update={"planned": 0})
    found = standing(unplanned, runs("finished", "finished"), ["depth"], is_whole=True)
    assert (found.status, found.level) == ("exploratory", 0.03)
    assert found.reason == "runs were added to the study after their results were visible"


def test_a_study_of_many_configurations_is_final_in_its_grouping() -> None:
    rates = [place / 100 for place in range(1, 61)]
    many = runs(*["finished"] * 60, lr=rates, depth=[1 + place % 3 for place in range(60)])
    assert standing(STUDY, many, ["depth", "lr"], is_whole=True).status == "final"
