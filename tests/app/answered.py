"""Runs whose answers to the test images are stored."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np

from app.settings import Settings
from app.storage import artifacts
from tests.app.conftest import Served
from tests.app.states import finished_run
from trainer.data.folder import SHIPPED, TEST_LABELS_FILE, DataFolder
from trainer.data.idx import IdxFile
from trainer.files import predictions
from trainer.files.predictions import Predictions

IMAGES = 10_000
SHIPPED_FILES = DataFolder.of(SHIPPED, Path()).find().files
LABELS = IdxFile.labels(SHIPPED_FILES[TEST_LABELS_FILE]).items


def problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    detail: str = answer.json()["detail"]
    return detail


def trained(site: Served, settings: Settings, wrong: list[int], **config: Any) -> int:
    """A finished run that classifies all test images correctly except these."""
    run_id = finished_run(site.database, 1 - len(wrong) / IMAGES, **config)
    predictions.save(artifacts.of_run(settings.artifacts, run_id).predictions(1), all_but(wrong))
    return run_id


def all_but(wrong: list[int]) -> Predictions:
    """Predictions that are correct except for these images, which get the next digit."""
    classes = LABELS.copy()
    classes[wrong] = (classes[wrong] + 1) % 10
    return Predictions(classes, np.full(IMAGES, 0.75, np.float16))


def study_of(site: Served, settings: Settings) -> list[int]:
    """Two runs of one layer and three runs of two layers."""
    return [
        trained(site, settings, [0, 1, 2, 3], depth=1, seed=0),
        trained(site, settings, [0, 1, 2], depth=1, seed=1),
        trained(site, settings, [0, 9], depth=2, seed=0),
        trained(site, settings, [0, 9, 5], depth=2, seed=1),
        trained(site, settings, [1], depth=2, seed=2),
    ]
