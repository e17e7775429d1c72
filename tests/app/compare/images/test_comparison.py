"""Same images, different depths: whose answers count, and what can't be compared."""

from pathlib import Path

import pytest

from app.compare.images import comparison
from app.queue import run_rows
from app.settings import Settings
from app.storage import artifacts
from tests.app.answered import IMAGES, LABELS, problem, study_of, trained
from tests.app.conftest import Served
from tests.app.states import queue_run
from trainer.files import predictions


@pytest.fixture
def study(site: Served, settings: Settings) -> list[int]:
    """Two runs of one layer and three of two."""
    return study_of(site, settings)


def test_runs_without_predictions_are_listed_and_the_others_compared(
    site: Served, settings: Settings, study: list[int]
) -> None:
    artifacts.of_run(settings.artifacts, study[0]).predictions(1).unlink()
    artifacts.of_run(settings.artifacts, study[2]).predictions(1).write_bytes(b"damaged")
    found = site.client.get(f"/compare/images?runs={','.join(map(str, study))}").json()
    assert found["missing"] == [study[0], study[2]]
    assert [row["runs"] for row in found["depths"]] == [[study[1]], [study[3], study[4]]]
    detail = problem(site.client.get(f"/compare/images/pair?first={study[0]}&second={study[1]}"), 409)
    assert "train it again" in detail


def test_answers_are_read_once_until_their_file_changes(
    site: Served, settings: Settings, study: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def load(path: Path) -> predictions.Predictions:
        read.append(path)
        return predictions.load(path)

    monkeypatch.setattr(comparison, "load", load)
    chosen = f"/compare/images?runs={','.join(map(str, study))}"
    before = site.client.get(chosen).json()
    assert site.client.get(chosen).json() == before
    assert len(read) == len(study)
    path = artifacts.of_run(settings.artifacts, study[0]).predictions(1)
    stored = predictions.load(path)
    predictions.save(path, predictions.Predictions(LABELS.copy(), stored.confidence))
    after = site.client.get(chosen).json()
    right = [
        sum(row[digit] for digit, row in enumerate(found["runs"][0]["confusion"]))
        for found in (before, after)
    ]
    assert right == [IMAGES - 4, IMAGES]
    assert read[len(study) :] == [path]


def test_runs_on_other_images_are_excluded_with_a_warning(site: Served, study: list[int]) -> None:
    with site.database.write() as session:
        run_rows.get(session, study[4]).environment = {"data_sha256": "of other files"}
    found = site.client.get(f"/compare/images?runs={','.join(map(str, study))}").json()
    assert found["warnings"] == [
        f"1 run used other test images than run {study[0]} and can't be compared with it: {study[4]}."
    ]
    assert study[4] not in [run["id"] for run in found["runs"]]


def test_a_repeated_run_votes_once_and_can_still_be_paired(site: Served, settings: Settings) -> None:
    old, kept, other = (
        trained(site, settings, wrong, depth=1, seed=seed) for wrong, seed in (([0], 0), ([0], 0), ([1], 1))
    )
    artifacts.of_run(settings.artifacts, old).predictions(1).unlink()
    found = site.client.get(f"/compare/images?runs={old},{kept},{other}").json()
    assert [row["runs"] for row in found["depths"]] == [[kept, other]]
    assert found["missing"] == []
    again = trained(site, settings, [2], depth=1, seed=1)
    pair = site.client.get(f"/compare/images/pair?first={other}&second={again}").json()
    assert (pair["gained"], pair["lost"]) == (1, 1)


def test_runs_of_one_depth_that_differ_in_more_than_the_seed_get_a_warning(
    site: Served, settings: Settings
) -> None:
    runs = [trained(site, settings, [0], depth=1, lr=lr) for lr in (0.01, 0.1)]
    found = site.client.get(f"/compare/images?runs={runs[0]},{runs[1]}").json()
    assert [warning.partition(",")[0] for warning in found["warnings"]] == [
        "Runs of one depth differ in learning rate"
    ]


def test_a_comparison_of_images_without_finished_runs_says_why(site: Served, study: list[int]) -> None:
    waiting = queue_run(site.database)
    found = site.client.get(f"/compare/images?runs={waiting}").json()
    assert found["warnings"] == ["No run has finished, so there are no predictions to compare."]
    assert (found["dataset"], found["runs"], found["steps"]) == (None, [], [])
    problem(site.client.get("/compare/images?runs=999"), 404)
    problem(site.client.get("/compare/images"), 422)
    problem(site.client.get(f"/compare/images?runs={study[0]}&colour=red"), 422)
    step = site.client.get(f"/compare/images/step?runs={study[0]}&shallow=1&deep=5")
    assert "5 layers" in problem(step, 409)
