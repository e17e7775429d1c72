"""Images that the runs of one group classify correctly more often than those of another.

Labels are `uint8` (n,) for n images. Each function takes the predictions of all runs of a group.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.config import CLASSES
from trainer.files.predictions import Predictions

Labels = NDArray[np.uint8]
Counts = NDArray[np.int64]


def correct_runs(labels: Labels, runs: Sequence[Predictions]) -> Counts:
    """How many of the runs classify each image correctly: (n,)."""
    counts = np.zeros(len(labels), np.int64)
    for run in runs:
        counts += run.classes == labels
    return counts


def differences(labels: Labels, first: Sequence[Predictions], second: Sequence[Predictions]) -> Counts:
    """The share of `second` that classifies an image correctly minus that of `first`, for each image: (n,).

    It is exact: the differences are multiplied by the number of pairs of runs, one of each depth.
    """
    return correct_runs(labels, second) * len(first) - correct_runs(labels, first) * len(second)


def more_often(labels: Labels, first: Sequence[Predictions], second: Sequence[Predictions]) -> Counts:
    """The indices of the images that `second` classifies correctly more often than `first`.

    They are in descending order of the difference of the shares, then of the mean confidence of the correct
    predictions of `second`.
    """
    difference = differences(labels, first, second)
    found = np.flatnonzero(difference > 0)
    confidence = _confidence(labels, second)[found]
    return found[np.lexsort((-confidence, -difference[found]))]


def _confidence(labels: Labels, runs: Sequence[Predictions]) -> NDArray[np.float64]:
    """The mean confidence of the correct predictions of each image, 0 without any: (n,)."""
    total = np.zeros(len(labels))
    for run in runs:
        total += np.where(run.classes == labels, run.confidence, 0)
    return total / np.maximum(correct_runs(labels, runs), 1)


@dataclass(frozen=True, slots=True)
class MostFrequent:
    """The most frequent prediction of some runs for each of k images, and how many of the runs give it.

    `confidence` is the mean of these runs. All arrays have the shape (k,).
    """

    digits: Counts
    runs: Counts
    confidence: NDArray[np.float64]


def most_frequent(runs: Sequence[Predictions], images: Counts) -> MostFrequent:
    """The most frequent predictions for the images with these indices; ties go to the higher confidence."""
    places = np.arange(len(images))
    counts = np.zeros((len(images), CLASSES), np.int64)
    confidences = np.zeros((len(images), CLASSES))
    for run in runs:
        classes = run.classes[images]
        counts[places, classes] += 1
        confidences[places, classes] += run.confidence[images]
    # the confidences of all runs add up to less than one prediction
    digits = (counts + confidences / (len(runs) + 1)).argmax(axis=1)
    given = counts[places, digits]
    return MostFrequent(digits, given, confidences[places, digits] / given)
