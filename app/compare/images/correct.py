"""Which test images each run classifies correctly, from its stored predictions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.compare.images import pictures
from app.compare.images.stored import stored
from app.schemas.runs import RunOut
from app.settings import Settings
from trainer.files.predictions import Predictions

_ROUNDING: Final = 0.5
"""An accuracy times the number of images is within this of the number of images classified correctly."""


def correct_images(runs: Sequence[RunOut], settings: Settings) -> dict[int, NDArray[np.bool_]]:
    """For each run with intact predictions, which test images it classifies correctly: `bool` (images,).

    Predictions for other test images than those that the data set has now are left out.
    """
    labels = {dataset: _labels(dataset, settings.data_dir) for dataset in {run.dataset for run in runs}}
    predictions = stored(runs, settings.artifacts)
    found: dict[int, NDArray[np.bool_]] = {}
    for run in runs:
        known, predicted = labels[run.dataset], predictions.get(run.id)
        if known is not None and predicted is not None:
            correct = correct_of(run, predicted, known)
            if correct is not None:
                found[run.id] = correct
    return found


def correct_of(run: RunOut, predicted: Predictions, labels: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Which images with these labels a finished run classifies correctly: `bool` (images,).

    None if its predictions are for other images: their number differs, or they do not reproduce the run's
    test accuracy.
    """
    if len(predicted.classes) != len(labels):
        return None
    correct = predicted.classes == labels
    recorded = (run.test_accuracy or 0.0) * len(labels)
    return correct if abs(np.count_nonzero(correct) - recorded) < _ROUNDING else None


def _labels(dataset: str, data_dir: Path) -> NDArray[np.uint8] | None:
    try:
        return pictures.labels(dataset, data_dir)
    except pictures.NoPictures:
        return None
