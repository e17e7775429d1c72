"""Test accuracies that are no more than guessing gets."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from app.commands.terminal import outcome
from app.queue import claims, endings
from app.runs.guessing import MAY_BE, NOT_ABOVE, ONE_CLASS, Chance, enough
from app.schemas.runs import RunOut
from app.storage.database import Database
from tests.app.conftest import Served
from tests.app.states import RESULTS, add_worker, claimed, measured, queue_run
from trainer.data.folder import SHIPPED, TEST_LABELS_FILE, DataFolder
from trainer.data.idx import IdxFile

MNIST = Chance.of("mnist", {})
CLOTHES = {"test_class_counts": " ".join(["1000"] * 10)}
PAGE = {"Accept": "text/html"}


def trained(
    database: Database, accuracy: float, environment: dict[str, str] | None = None, **config: Any
) -> int:
    """The id of a run that has finished with this test accuracy, on a test set that it notes so."""
    run_id = queue_run(database, **config)
    claim = claimed(database)
    with database.write() as session:
        assert claims.report_start(session, claim, "cpu", environment or {}, 0)
        assert claims.record_epoch(session, claim, measured(1, test_accuracy=accuracy))
        assert endings.finish(session, claim, {**RESULTS, "test_accuracy": accuracy})
    return run_id


@given(st.integers(1, 3000), st.data())
def test_enough_is_the_smallest_significant_number_of_correct_images(
    images: int, data: st.DataObject
) -> None:
    most = data.draw(st.integers(-(-images // 10), images - 1 or 1))
    if most == images:
        return
    right = enough(images, most)
    assert most < right <= images + 1
    assert stats.binom.sf(right - 1, images, most / images) < 0.05
    assert right == most + 1 or stats.binom.sf(right - 2, images, most / images) >= 0.05


def test_the_counts_of_the_shipped_test_set_are_correct() -> None:
    path = DataFolder.of(SHIPPED, None).file(TEST_LABELS_FILE)  # type: ignore[arg-type]  # it needs no folder
    assert path
    assert MNIST
    assert MNIST.counts == tuple(np.bincount(IdxFile.labels(path).items).tolist())
    assert MNIST.accuracy == 0.1135


@pytest.mark.parametrize("digit", range(10))
def test_predicting_one_class_for_every_image_is_guessing(digit: int) -> None:
    assert MNIST
    accuracy = MNIST.counts[digit] / 10_000
    assert MNIST.judge(accuracy) == NOT_ABOVE
    assert f"always predicting {digit} scores the same" in MNIST.sentence(accuracy)


@pytest.mark.parametrize(
    ("dataset", "environment", "accuracy", "found"),
    [
        ("mnist", {}, 0.0958, NOT_ABOVE),
        ("mnist", {}, 0.1135, NOT_ABOVE),
        ("mnist", {}, 0.1180, MAY_BE),
        ("mnist", {}, 0.1300, None),
        ("mnist", {}, None, None),
        ("clothes", CLOTHES, 0.1, NOT_ABOVE),
        ("clothes", CLOTHES, 0.1041, MAY_BE),
        ("clothes", CLOTHES, 0.1060, None),
        # imbalanced: 95 % are of one class
        ("own", {"test_class_counts": "950 25 25 0 0 0 0 0 0 0"}, 0.95, NOT_ABOVE),
        ("own", {"test_class_counts": "950 25 25 0 0 0 0 0 0 0"}, 0.955, MAY_BE),
        ("own", {"test_class_counts": "950 25 25 0 0 0 0 0 0 0"}, 0.98, None),
        # a single class: nothing can be better
        ("own", {"test_class_counts": "0 0 0 40 0 0 0 0 0 0"}, 1.0, ONE_CLASS),
        ("own", {"test_class_counts": "0 0 0 1 0 0 0 0 0 0"}, 0.0, ONE_CLASS),
        # tiny: all correct may be due to chance
        ("own", {"test_class_counts": "1 1 0 0 0 0 0 0 0 0"}, 1.0, MAY_BE),
        ("own", {"test_class_counts": "1 1 1 1 1 0 0 0 0 0"}, 1.0, None),
        # an earlier version noted how many images there are, or not even that
        ("own", {"test_images": "300"}, 0.1, NOT_ABOVE),
        ("own", {"test_images": "300"}, 0.12, MAY_BE),
        ("own", {"test_images": "300"}, 0.5, None),
        ("own", {"test_images": "1"}, 1.0, NOT_ABOVE),
        ("own", {}, 0.01, None),
    ],
)
def test_test_accuracy_is_compared_with_the_share_of_the_most_frequent_class(
    dataset: str, environment: dict[str, str], accuracy: float | None, found: str | None
) -> None:
    chance = Chance.of(dataset, environment)
    assert (chance and chance.judge(accuracy)) == found
    if chance and accuracy is not None:
        assert bool(chance.sentence(accuracy)) == bool(found)


def test_the_judgement_states_the_chance_accuracy() -> None:
    assert MNIST
    assert MNIST.sentence(0.0958) == (
        "not above guessing: always predicting 6 scores the same 9.58 %, and always predicting 1 scores "
        "11.35 %. The network may predict the same class for all images."
    )
    assert MNIST.sentence(0.1032).startswith("not above guessing: always predicting 2 scores")
    assert MNIST.sentence(0.08) == (
        "not above guessing: test accuracy is 8.00 %, and always predicting 1 scores 11.35 %."
    )
    alone = Chance.of("own", {"test_class_counts": "0 0 0 40 0 0 0 0 0 0"})
    assert alone
    assert alone.sentence(1.0).startswith("every test image has class 3, so always predicting 3")
    tiny = Chance.of("own", {"test_class_counts": "1 1 0 0 0 0 0 0 0 0"})
    assert tiny
    assert tiny.sentence(1.0) == (
        "may be guessing: test accuracy is 100.00 %, always predicting 0 or 1 scores 50.00 %, and with 2 "
        "test images the difference may be due to chance."
    )


def test_a_run_that_guesses_is_marked_on_its_page_in_lists_and_in_comparisons(site: Served) -> None:
    add_worker(site.database)
    good = trained(site.database, 0.92, depth=1)
    dead = trained(site.database, 0.0958, depth=2, lr=100.0)
    runs = {run["id"]: run for run in site.client.get("/runs").json()["runs"]}
    assert [runs[each]["guessing"] for each in (good, dead)] == [None, NOT_ABOVE]
    assert runs[dead]["chance_accuracy"] == 0.1135
    page = site.client.get(f"/runs/{dead}", headers=PAGE).text
    assert "Not above guessing: always predicting 6 scores the same 9.58 %" in page
    assert "Try a lower learning rate, such as 0.05." in page
    assert 'id="run-guessing" data-live hidden' in site.client.get(f"/runs/{good}", headers=PAGE).text
    for path in ("/runs", f"/compare?runs={good},{dead}"):
        listed = site.client.get(path, headers=PAGE).text
        assert listed.count(f'data-cell="guessing" title="{NOT_ABOVE}">{NOT_ABOVE}</span>') == 1
    compared = site.client.get(f"/compare?runs={good},{dead}").json()
    assert [group["guessing"] for group in compared["groups"]] == [0, 1]
    warning = (
        f"Run {dead}: not above guessing (9.58 % test accuracy; always "
        "predicting the most frequent class gets 11.35 %). It is included in the table and the verdict."
    )
    assert warning in compared["warnings"]
    assert "1 of 2 runs is not significantly above guessing (2 layers)." in compared["verdict"]["answer"]
    for path in ("/compare", "/compare/report.html"):
        text = site.client.get(f"{path}?runs={good},{dead}", headers=PAGE).text
        assert warning in text
        assert "not significantly above guessing</span>" in text
    shown = RunOut.model_validate(runs[dead])
    assert outcome(shown).endswith(", not above guessing")


def test_a_running_run_is_judged_so_far(site: Served) -> None:
    add_worker(site.database)
    run_id = queue_run(site.database)
    claim = claimed(site.database)
    with site.database.write() as session:
        assert claims.report_start(session, claim, "cpu", {}, 0)
    text = site.client.get(f"/runs/{run_id}", headers=PAGE).text
    assert 'id="run-guessing" data-live hidden' in text
    with site.database.write() as session:
        assert claims.record_epoch(session, claim, measured(1, test_accuracy=0.1028))
    text = site.client.get(f"/runs/{run_id}", headers=PAGE).text
    assert "So far not above guessing: always predicting 7 scores" in text
    assert f"so far {NOT_ABOVE}" in site.client.get("/runs", headers=PAGE).text


def test_there_is_no_best_group_if_no_run_is_better_than_guessing(site: Served) -> None:
    add_worker(site.database)
    ids = [
        trained(site.database, accuracy, depth=depth, seed=seed)
        for depth, accuracies in ((1, (0.098, 0.098)), (2, (0.1135, 0.1028)))
        for seed, accuracy in enumerate(accuracies)
    ]
    answer = site.client.get(f"/compare?runs={','.join(map(str, ids))}").json()
    verdict = answer["verdict"]
    assert verdict["answer"] == [
        "No run is significantly above guessing, so the groups can't be ranked.",
        "4 of 4 runs are not significantly above guessing (1 and 2 layers).",
    ]
    assert "highest" not in json.dumps(verdict)
    assert (verdict["best"], verdict["best_of_these_images"], answer["offer"]) == ([], [], None)
    assert [group["best"] for group in answer["groups"]] == [None, None]


def test_a_test_set_of_one_class_gets_a_warning(site: Served) -> None:
    add_worker(site.database)
    environment = {"test_class_counts": "0 0 0 40 0 0 0 0 0 0"}
    run_id = trained(site.database, 1.0, environment, dataset="threes")
    page = site.client.get(f"/runs/{run_id}", headers=PAGE).text
    assert "Every test image has class 3, so always predicting 3 scores 100 %" in page
    found = site.client.get(f"/compare?runs={run_id}").json()
    assert (
        f"Run {run_id}: all test images belong to one class, so guessing gets 100 % test accuracy."
        in (found["warnings"])
    )


def test_a_stored_response_of_an_earlier_version_has_no_judgement(site: Served) -> None:
    run = site.client.post("/runs", json={"depth": 1}).json()
    del run["guessing"], run["chance_accuracy"]
    assert RunOut.model_validate(run).guessing is None
