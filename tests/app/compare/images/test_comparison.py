"""Same images, different depths: which runs count, and what can't be compared."""

import numpy as np
import pytest

from app.queue import run_rows
from app.settings import Settings
from app.storage import artifacts
from tests.app.answered import IMAGES, all_but, problem, study_of, trained
from tests.app.conftest import Served
from tests.app.states import queue_run
from trainer.files import predictions


@pytest.fixture
def study(site: Served, settings: Settings) -> list[int]:
    """Two runs of one layer and three of two."""
    return study_of(site, settings)


def test_runs_without_predictions_are_named_and_the_others_are_compared(
    site: Served, settings: Settings, study: list[int]
) -> None:
    artifacts.of_run(settings.artifacts, study[0]).predictions(1).unlink()
    artifacts.of_run(settings.artifacts, study[2]).predictions(1).write_bytes(b"damaged")
    found = site.client.get(f"/compare/images?runs={','.join(map(str, study))}").json()
    assert found["missing"] == [study[0], study[2]]
    assert [row["runs"] for row in found["groups"]] == [[study[1]], [study[3], study[4]]]
    (step,) = found["steps"]
    assert step["difference"] is None
    assert step["sentence"].endswith(
        "(1 and 2 seeds). Only 1 of 2 seeds of 1 layer and 2 of 3 seeds of 2 layers have predictions."
    )
    detail = problem(site.client.get(f"/compare/images/pair?first={study[0]}&second={study[1]}"), 409)
    assert "train it again" in detail


def test_runs_on_the_former_images_of_a_data_set_are_named(
    site: Served, settings: Settings, study: list[int]
) -> None:
    predictions.save(artifacts.of_run(settings.artifacts, study[1]).predictions(1), all_but([*range(50)]))
    chosen = ",".join(map(str, study))
    found = site.client.get(f"/compare/images?runs={chosen}").json()
    were = "was tested on other images than mnist has now: train it again to compare images."
    assert found["warnings"] == [f"Run {study[1]} {were}"]
    assert found["missing"] == []
    assert [row["runs"] for row in found["groups"]] == [[study[0]], study[2:]]
    detail = problem(site.client.get(f"/compare/images/pair?first={study[0]}&second={study[1]}"), 409)
    assert "used other images" in detail
    predictions.save(artifacts.of_run(settings.artifacts, study[0]).predictions(1), all_but([*range(50)]))
    found = site.client.get(f"/compare/images?runs={chosen}").json()
    were = "were tested on other images than mnist has now: train them again to compare images."
    assert found["warnings"] == [f"Run {study[0]} and run {study[1]} {were}"]


@pytest.mark.parametrize("paired", [True, False])
def test_the_images_add_up_to_the_difference_of_the_verdict(
    site: Served, settings: Settings, *, paired: bool
) -> None:
    chance = np.random.default_rng(1)
    runs = []
    for depth, share, seeds in ((1, 0.06, 3), (2, 0.04, 3 if paired else 4), (3, 0.03, 3)):
        for seed in range(seeds):
            wrong = np.flatnonzero(chance.random(IMAGES) < share).tolist()
            runs.append(trained(site, settings, wrong, depth=depth, seed=seed))
    chosen = f"runs={','.join(map(str, runs))}"
    pairs = site.client.get(f"/compare?{chosen}").json()["verdict"]["pairs"]
    differences = {tuple(pair["depths"]): pair["difference"] for pair in pairs}
    steps = site.client.get(f"/compare/images?{chosen}").json()["steps"]
    assert [step["depths"] for step in steps] == [[1, 2], [2, 3]]
    for step in steps:
        assert step["difference"] == differences[tuple(step["depths"])]
    for (shallow, deep), difference in differences.items():
        both = f"first=depth%3D{shallow}&second=depth%3D{deep}"
        listed = site.client.get(f"/compare/images/step?{chosen}&{both}").json()
        net = sum(
            image["second"]["correct"] / image["second"]["runs"]
            - image["first"]["correct"] / image["first"]["runs"]
            for image in listed["fixed"] + listed["broken"]
        )
        assert net / IMAGES == pytest.approx(difference, abs=1e-12)


def test_runs_on_other_images_are_excluded_with_a_warning(site: Served, study: list[int]) -> None:
    with site.database.write() as session:
        run_rows.get(session, study[4]).environment = {"data_sha256": "of other files"}
    found = site.client.get(f"/compare/images?runs={','.join(map(str, study))}").json()
    assert found["warnings"] == [
        f"1 run used other test images than run {study[0]} and can't be compared with it: {study[4]}."
    ]
    assert study[4] not in [run["id"] for run in found["runs"]]


def test_a_repeated_run_counts_once_and_can_still_be_paired(site: Served, settings: Settings) -> None:
    old, kept, other = (
        trained(site, settings, wrong, depth=1, seed=seed) for wrong, seed in (([0], 0), ([0], 0), ([1], 1))
    )
    artifacts.of_run(settings.artifacts, old).predictions(1).unlink()
    found = site.client.get(f"/compare/images?runs={old},{kept},{other}").json()
    assert [row["runs"] for row in found["groups"]] == [[kept, other]]
    assert found["missing"] == []
    again = trained(site, settings, [2], depth=1, seed=1)
    pair = site.client.get(f"/compare/images/pair?first={other}&second={again}").json()
    assert (pair["gained"], pair["lost"]) == (1, 1)


def test_groups_that_mix_configurations_say_so_as_the_verdict_does(site: Served, settings: Settings) -> None:
    runs = [trained(site, settings, [0], depth=depth, lr=lr) for depth in (1, 2) for lr in (0.01, 0.1)]
    chosen = f"runs={','.join(map(str, runs))}"
    found = site.client.get(f"/compare/images?{chosen}").json()
    assert [(row["runs"], row["seeds"]) for row in found["groups"]] == [(runs[:2], 1), (runs[2:], 1)]
    (pair,) = site.client.get(f"/compare?{chosen}").json()["verdict"]["pairs"]
    (step,) = found["steps"]
    assert step["sentence"].endswith(
        f"(2 runs each). Difference of mean test accuracy: 0.00 pp ({pair['untested']})."
    )
    assert "split by learning rate" in pair["untested"]


def test_images_are_compared_by_the_groups_of_the_verdict(site: Served, settings: Settings) -> None:
    runs = [
        trained(site, settings, [*range(wrong)], depth=2, lr=lr, seed=seed)
        for lr, wrong in ((0.01, 5), (0.1, 3))
        for seed in (0, 1)
    ]
    chosen = f"runs={','.join(map(str, runs))}&by=lr"
    (step,) = site.client.get(f"/compare/images?{chosen}").json()["steps"]
    assert (step["ids"], step["depths"]) == (["lr=0.01", "lr=0.1"], None)
    assert step["sentence"] == (
        "Exploratory: of 10,000 test images, 2 are classified correctly more often with lr 0.1 than with lr "
        "0.01, and 0 less often (2 seeds each). Difference of mean test accuracy: +0.02 pp."
    )
    both = "first=lr%3D0.01&second=lr%3D0.1"
    images = site.client.get(f"/compare/images/step?{chosen}&{both}").json()
    assert [image["index"] for image in images["fixed"]] == [3, 4]
    assert images["ids"] == step["ids"]


def test_without_predictions_of_neighbours_the_others_are_compared(site: Served, settings: Settings) -> None:
    runs = [trained(site, settings, [depth], depth=depth) for depth in (1, 2, 3)]
    artifacts.of_run(settings.artifacts, runs[1]).predictions(1).unlink()
    found = site.client.get(f"/compare/images?runs={','.join(map(str, runs))}").json()
    assert [step["depths"] for step in found["steps"]] == [[1, 3]]
    (step,) = found["steps"]
    assert step["sentence"].endswith(
        "1 is classified correctly more often with 3 layers than with 1 layer, and 1 less often "
        "(1 seed each). Difference of mean test accuracy: 0.00 pp (both have a single seed)."
    )


def test_the_status_is_that_of_the_verdict(site: Served, settings: Settings) -> None:
    for depth in (1, 2):
        trained(site, settings, [depth], depth=depth, epochs=1)
    for asked in ([1, 2], [1, 2, 3]):
        body = {"depth": asked, "epochs": 1, "reuse": True}
        site.client.post("/studies", json=body).raise_for_status()
    for chosen, status, start in (
        ("study=1", "final", "Of 10,000 test images, 1 is"),
        ("study=2", "provisional", "Provisional: of 10,000 test images, 1 is"),
        ("runs=1,2", "exploratory", "Exploratory: of 10,000 test images, 1 is"),
    ):
        found = site.client.get(f"/compare/images?{chosen}").json()
        assert found["status"] == status == site.client.get(f"/compare?{chosen}").json()["verdict"]["status"]
        assert found["steps"][0]["sentence"].startswith(start)


def test_a_comparison_of_images_without_finished_runs_says_why(site: Served, study: list[int]) -> None:
    waiting = queue_run(site.database)
    found = site.client.get(f"/compare/images?runs={waiting}").json()
    assert found["warnings"] == ["No run has finished, so there are no predictions to compare."]
    assert (found["dataset"], found["runs"], found["steps"]) == (None, [], [])
    problem(site.client.get("/compare/images?runs=999"), 404)
    problem(site.client.get("/compare/images"), 422)
    problem(site.client.get(f"/compare/images?runs={study[0]}&colour=red"), 422)
    step = site.client.get(f"/compare/images/step?runs={study[0]}&first=depth%3D1&second=depth%3D5")
    assert "depth=5" in problem(step, 409)
