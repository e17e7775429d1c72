"""McNemar's test of two networks on the same images, and confusion matrices.

Predictions and labels are `uint8` (n,) for n images.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.config import CLASSES

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


def confusion(labels: Labels, classes: Labels) -> NDArray[np.int64]:
    """Count predictions (columns) for each digit (rows): (10, 10)."""
    counts = np.bincount(labels.astype(np.int64) * CLASSES + classes, minlength=CLASSES * CLASSES)
    return counts.reshape(CLASSES, CLASSES)


def per_digit(confusion: NDArray[np.int64]) -> list[float | None]:
    """The share of each digit's images classified correctly; None for a digit without images."""
    return [
        int(confusion[digit, digit]) / int(count) if count else None
        for digit, count in enumerate(confusion.sum(axis=1))
    ]
