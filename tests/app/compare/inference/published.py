"""The published experiment, trained with three seeds: the conclusions after any number of epochs."""

from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.compare.inference import looks
from app.compare.inference.conclusions import Conclusions
from app.compare.inference.judgement import MARGIN
from app.compare.inference.standing import Standing
from app.compare.measured import measured
from tests.app.compare.judged import of_depth

_FILE: Final = Path(__file__).with_name("published.npz")
"""Made by benchmarks/published.py."""

CUTS: Final = (20, 40, 80, 120, 160, 200)
IMAGES: Final = 10_000


@cache
def _stored() -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Test accuracies (depths, seeds, epochs), and correct images (depths, seeds, cuts, images)."""
    with np.load(_FILE) as found:
        assert tuple(found["cuts"]) == CUTS
        return found["test_accuracy"], np.unpackbits(found["correct"], axis=-1, count=IMAGES).view(np.bool_)


def after(epochs: int, margin: float = MARGIN) -> Conclusions:
    """The conclusions of the study if it had ended after so many epochs, at the same learning rate."""
    accuracies, correct = _stored()
    at_cut = correct[:, :, CUTS.index(epochs)]
    groups = [of_depth(depth, list(map(float, runs.mean(axis=1)))) for depth, runs in enumerate(at_cut, 1)]
    recent, images = {}, {}
    for group, curves, runs in zip(groups, accuracies, at_cut, strict=True):
        for run, curve, classified in zip(group.runs, curves, runs, strict=True):
            recent[run.id] = [float(value) for value in curve[epochs * 3 // 4 : epochs]]
            images[run.id] = classified
    return Conclusions(groups, measured(groups, recent, images), Standing("final", 1, looks.FIRST), margin)
