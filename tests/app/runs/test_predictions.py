"""One run's predictions: confusion matrix, accuracy per class, most confident errors."""

from pathlib import Path

import numpy as np
import pytest

from app.runs import predictions
from app.runs.predictions import NoPredictions
from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database
from tests.app import states
from tests.app.answered import IMAGES, LABELS
from trainer.files import predictions as files
from trainer.files import tensor_file


def predict(database: Database, settings: Settings, wrong: dict[int, float]) -> int:
    """A finished run that answers these images with the next class, with these confidences."""
    run_id = states.finished_run(database, 1 - len(wrong) / IMAGES)
    classes, confidence = LABELS.copy(), np.full(IMAGES, 0.5, np.float16)
    for index, sure in wrong.items():
        classes[index] = (classes[index] + 1) % 10
        confidence[index] = sure
    files.save(path(settings, run_id), files.Predictions(classes, confidence))
    return run_id


def path(settings: Settings, run_id: int) -> Path:
    return artifacts.of_run(settings.artifacts, run_id).predictions(1)


def test_matrix_classes_and_errors_agree(database: Database, settings: Settings) -> None:
    run_id = predict(database, settings, {3: 0.75, 8: 0.5, 20: 0.875})
    found = predictions.of_run(states.shown(database, run_id), settings, 2)
    assert (found.images, found.correct, found.has_confidence) == (IMAGES, IMAGES - 3, True)
    assert np.sum(found.confusion) == IMAGES
    assert np.trace(found.confusion) == IMAGES - 3
    assert [(each.index, each.confidence) for each in found.wrong] == [(20, 0.875), (3, 0.75)]
    worst = found.wrong[0]
    assert [worst.label, worst.predicted] == [LABELS[20], (LABELS[20] + 1) % 10]
    row = found.classes[worst.label]
    assert (row.images, row.confused_with) == (int(np.sum(worst.label == LABELS)), worst.predicted)
    assert row.accuracy == row.correct / row.images
    assert sum(each.predicted for each in found.classes) == IMAGES
    assert found.confusion[worst.label][worst.predicted] == row.images - row.correct


def test_files_without_confidences_keep_the_order_of_the_test_set(
    database: Database, settings: Settings
) -> None:
    run_id = predict(database, settings, {3: 0.75, 20: 0.875})
    classes = LABELS.copy()
    classes[[20, 3]] = (classes[[20, 3]] + 1) % 10
    tensor_file.write(path(settings, run_id), {"classes": classes}, {"images": IMAGES})
    found = predictions.of_run(states.shown(database, run_id), settings, 9)
    assert found.has_confidence is False
    assert [(each.index, each.confidence) for each in found.wrong] == [(3, None), (20, None)]


def test_missing_damaged_and_foreign_predictions_are_named(database: Database, settings: Settings) -> None:
    run_id = predict(database, settings, {3: 0.75})
    run = states.shown(database, run_id)
    with pytest.raises(NoPredictions, match="was tested on other images than mnist has now"):
        predictions.of_run(run.model_copy(update={"test_accuracy": 0.5}), settings, 1)
    damaged = path(settings, run_id)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    for _ in range(2):
        with pytest.raises(NoPredictions, match="are missing or damaged"):
            predictions.of_run(run, settings, 1)
        damaged.unlink(missing_ok=True)
    with pytest.raises(NoPredictions, match="it is queued"):
        predictions.of_run(states.shown(database, states.queue_run(database)), settings, 1)


def test_shades_are_relative_to_the_most_frequent_error() -> None:
    assert predictions.heat([[5, 1, 0], [18, 7, 9], [0, 2, 90]]) == [[0, 1, 0], [9, 0, 5], [0, 1, 0]]
    assert predictions.heat([[5, 0], [0, 7]]) == [[0, 0], [0, 0]]
