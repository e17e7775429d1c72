"""McNemar's test of two sets of answers to the same images.

All functions work on arrays: answers and labels are `uint8` (n,), confidences `float16` (n,), for n images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.config import CLASSES
from trainer.files.predictions import Predictions

Labels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class McNemar:
    """Numbers of images that only the first (`lost`) or only the second (`gained`) classifies correctly.

    `p` is two-sided.
    """

    lost: int
    gained: int
    p: float


def mcnemar(labels: Labels, first: Labels, second: Labels) -> McNemar:
    """McNemar's exact test that two networks have the same accuracy on the same images.

    If there is no difference, an image that only one of them classifies correctly is equally likely to be
    either's: p is two-sided and binomial. Q. McNemar, "Note on the sampling error of the difference between
    correlated proportions or percentages", Psychometrika 12 (1947).
    """
    right, right_now = first == labels, second == labels
    lost, gained = int(np.sum(right & ~right_now)), int(np.sum(~right & right_now))
    return McNemar(lost, gained, _two_sided(min(lost, gained), lost + gained))


def _two_sided(fewer: int, both: int) -> float:
    """The probability of a split at least this uneven in `both` tosses of a fair coin."""
    from scipy.special import bdtr  # noqa: PLC0415  # 24 MB that only a comparison needs

    return min(1.0, 2 * float(bdtr(fewer, both, 0.5))) if both else 1.0


def confusion(labels: Labels, answers: Labels) -> NDArray[np.int64]:
    """Count answers (columns) for each digit (rows): (10, 10)."""
    counts = np.bincount(labels.astype(np.int64) * CLASSES + answers, minlength=CLASSES * CLASSES)
    return counts.reshape(CLASSES, CLASSES)


def per_digit(labels: Labels, answers: Labels) -> list[float | None]:
    """The share of each digit's images classified correctly; None for a digit without images."""
    table = confusion(labels, answers)
    return [
        int(table[digit, digit]) / int(count) if count else None
        for digit, count in enumerate(table.sum(axis=1))
    ]


def majority(predictions: Sequence[Predictions]) -> Predictions:
    """The majority vote of several networks on each image; ties go to the answer with the higher confidence.

    The confidence is the mean over the networks that gave the answer.
    """
    images = np.arange(len(predictions[0].classes))
    votes = np.zeros((len(images), CLASSES))
    sureness = np.zeros((len(images), CLASSES))
    for each in predictions:
        votes[images, each.classes] += 1
        sureness[images, each.classes] += each.confidence
    classes = (votes + sureness / (len(predictions) + 1)).argmax(axis=1)  # confidences add less than one vote
    confidence = sureness[images, classes] / votes[images, classes]
    return Predictions(classes.astype(np.uint8), confidence.astype(np.float16))


def fixed(labels: Labels, before: Predictions, after: Predictions) -> NDArray[np.int64]:
    """The images that only `after` classifies correctly, in descending order of its confidence."""
    found = np.flatnonzero((before.classes != labels) & (after.classes == labels))
    return found[np.argsort(-after.confidence[found].astype(np.float64), kind="stable")]
