"""Which test images runs classify correctly."""

from pathlib import Path

import numpy as np
import pytest

from app.compare.images.correct import correct_images, correct_of
from app.settings import Settings
from app.storage import artifacts
from tests.app.answered import IMAGES, LABELS, all_but, trained
from tests.app.conftest import Served
from tests.app.states import shown
from tests.trainer import idx_files
from trainer.data.folder import TEST_LABELS_FILE
from trainer.files import predictions
from trainer.files.predictions import Predictions


def wrong_images(site: Served, settings: Settings, *run_ids: int) -> dict[int, list[int]]:
    """The images that each of these runs gets wrong."""
    found = correct_images([shown(site.database, run_id) for run_id in run_ids], settings)
    assert all(each.dtype == np.bool_ and each.shape == (IMAGES,) for each in found.values())
    return {run_id: np.flatnonzero(~each).tolist() for run_id, each in found.items()}


def test_the_correct_images_of_each_run_are_found(site: Served, settings: Settings) -> None:
    one, other = trained(site, settings, [3, 9]), trained(site, settings, [], seed=1)
    assert wrong_images(site, settings, one, other) == {one: [3, 9], other: []}
    assert wrong_images(site, settings) == {}


def test_missing_and_damaged_predictions_are_left_out(site: Served, settings: Settings) -> None:
    gone, damaged, intact = (trained(site, settings, [3], seed=seed) for seed in range(3))
    artifacts.of_run(settings.artifacts, gone).predictions(1).unlink()
    artifacts.of_run(settings.artifacts, damaged).predictions(1).write_bytes(b"damaged")
    assert wrong_images(site, settings, gone, damaged, intact) == {intact: [3]}


def test_predictions_for_another_number_of_images_are_left_out(site: Served, settings: Settings) -> None:
    run_id = trained(site, settings, [])
    fewer = Predictions(LABELS[:-1].copy(), np.full(IMAGES - 1, 0.5, np.float16))
    predictions.save(artifacts.of_run(settings.artifacts, run_id).predictions(1), fewer)
    assert wrong_images(site, settings, run_id) == {}


@pytest.mark.parametrize("wrong", [[], [0], [0, 1, 2], [1, 2]])
def test_predictions_must_reproduce_the_recorded_accuracy(
    site: Served, settings: Settings, wrong: list[int]
) -> None:
    run_id = trained(site, settings, [3, 4])
    predictions.save(artifacts.of_run(settings.artifacts, run_id).predictions(1), all_but(wrong))
    found = wrong_images(site, settings, run_id)
    assert found == ({run_id: wrong} if len(wrong) == 2 else {})


def data_set(settings: Settings, *, turned: int = 0) -> None:
    """A data set with the test labels of MNIST, each changed to the digit `turned` places on."""
    folder = Path(settings.data_dir) / "datasets" / "clothes"
    labels = idx_files.labels(((LABELS + turned) % 10).tolist())
    idx_files.write(folder, {**idx_files.small(), TEST_LABELS_FILE: labels}, compressed=False)


def test_predictions_for_the_former_images_of_a_data_set_are_left_out(
    site: Served, settings: Settings
) -> None:
    data_set(settings)
    run_id, shipped = trained(site, settings, [3], dataset="clothes"), trained(site, settings, [5])
    assert wrong_images(site, settings, run_id, shipped) == {run_id: [3], shipped: [5]}
    data_set(settings, turned=1)
    assert wrong_images(site, settings, run_id, shipped) == {shipped: [5]}


def test_runs_on_a_data_set_that_is_not_there_are_left_out(site: Served, settings: Settings) -> None:
    run_id, shipped = trained(site, settings, [3], dataset="clothes"), trained(site, settings, [5])
    assert wrong_images(site, settings, run_id, shipped) == {shipped: [5]}


def test_predictions_are_cached_until_their_file_changes(
    site: Served, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def load(path: Path) -> Predictions:
        read.append(path)
        return predictions.load(path)

    monkeypatch.setattr("app.compare.images.stored.load", load)
    run_ids = [trained(site, settings, [seed], seed=seed) for seed in range(3)]
    for _ in range(2):
        assert wrong_images(site, settings, *run_ids) == {
            run_id: [seed] for seed, run_id in enumerate(run_ids)
        }
    site.client.get(f"/compare/images?runs={','.join(map(str, run_ids))}").raise_for_status()
    assert len(read) == len(run_ids)
    path = artifacts.of_run(settings.artifacts, run_ids[0]).predictions(1)
    predictions.save(path, all_but([7]))
    assert wrong_images(site, settings, *run_ids)[run_ids[0]] == [7]
    assert read[len(run_ids) :] == [path]


def test_an_accuracy_is_recorded_with_rounding_errors(site: Served, settings: Settings) -> None:
    run = shown(site.database, trained(site, settings, [3]))
    near = run.model_copy(update={"test_accuracy": np.nextafter(0.9999, 1)})
    assert correct_of(near, all_but([3]), LABELS) is not None
    for count in (9998, 10_000):
        other = run.model_copy(update={"test_accuracy": count / IMAGES})
        assert correct_of(other, all_but([3]), LABELS) is None
