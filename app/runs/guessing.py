"""Tests whether a run's test accuracy is above guessing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from app.prose import in_percent
from app.schemas.run_fields import Guessing
from app.statistics import SIGNIFICANCE
from trainer.config import CLASSES
from trainer.data.folder import SHIPPED

NOT_ABOVE: Final[Guessing] = "not above guessing"
MAY_BE: Final[Guessing] = "may be guessing"
ONE_CLASS: Final[Guessing] = "one class only"

_SHIPPED: Final = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
_FAR: Final = 12
"""Standard deviations above the mean beyond which a binomial distribution is negligible."""


@dataclass(frozen=True, slots=True)
class Chance:
    """The accuracy of guessing on a test set: `most` of its `images` are of the most frequent class.

    `counts` are the numbers of images of each class. Runs of earlier versions lack them: `counts` is then
    empty, and `most` is the minimum possible, a tenth of the images.
    """

    images: int
    most: int
    counts: tuple[int, ...] = ()

    @classmethod
    def of(cls, dataset: str, environment: Mapping[str, str]) -> "Chance | None":
        """Read a run's record of its test set; None if the size of the test set is unknown."""
        counts = _SHIPPED if dataset == SHIPPED else _read(environment.get("test_class_counts", ""))
        if counts:
            return cls(sum(counts), max(counts), counts)
        images = int(environment.get("test_images", "0"))
        return cls(images, -(-images // CLASSES)) if images else None

    @property
    def accuracy(self) -> float | None:
        """The test accuracy of answering the most frequent class to every image; None if it is unknown."""
        return self.most / self.images if self.counts else None

    def judge(self, test_accuracy: float | None) -> Guessing | None:
        """Judge a test accuracy; None if it is significantly above guessing, or missing.

        A one-sided exact binomial test against the share of the most frequent class, the "no information
        rate" of M. Kuhn, "Building Predictive Models in R Using the caret Package", Journal of Statistical
        Software 28 (2008). A network that gives one answer to every image never passes it.
        """
        if test_accuracy is None:
            return None
        if self.counts and self.most == self.images:
            return ONE_CLASS
        right = round(test_accuracy * self.images)
        if right <= self.most:
            return NOT_ABOVE
        return MAY_BE if right < enough(self.images, self.most) else None

    def sentence(self, test_accuracy: float) -> str:
        """The judgment and its evidence in a sentence; empty if there is none."""
        judgement = self.judge(test_accuracy)
        right = round(test_accuracy * self.images)
        digits = [str(digit) for digit, count in enumerate(self.counts) if count == self.most]
        chance = "a tenth or more"
        if self.counts:
            chance = in_percent(self.most / self.images)
        always = f"always predicting {' or '.join(digits) or 'the most frequent class'}"
        if judgement == ONE_CLASS:
            return (
                f"every test image has class {digits[0]}, so {always} scores 100 %; this test accuracy does "
                "not show whether the network learned anything."
            )
        if judgement == MAY_BE:
            return (
                f"{MAY_BE}: test accuracy is {in_percent(test_accuracy)}, {always} scores {chance}, and with "
                f"{_images(self.images)} the difference may be due to chance."
            )
        if judgement is None:
            return ""
        same = [str(digit) for digit, count in enumerate(self.counts) if count == right and count]
        if not same:
            return f"{NOT_ABOVE}: test accuracy is {in_percent(test_accuracy)}, and {always} scores {chance}."
        more = "" if same == digits else f", and {always} scores {chance}"
        return (
            f"{NOT_ABOVE}: always predicting {' or '.join(same)} scores the same "
            f"{in_percent(test_accuracy)}{more}. The network may predict the same class for all images."
        )


@lru_cache(maxsize=1000)
def _read(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


@lru_cache(maxsize=1000)
def enough(images: int, most: int) -> int:
    """The smallest number of correct images that chance reaches with a probability below 5 %.

    The probability of each image is most / images. If no number is sufficient, the result exceeds `images`.
    """
    share = most / images
    spread = math.sqrt(images * share * (1 - share))
    log_share, log_rest = math.log(share), math.log1p(-share)
    tail = 0.0
    right = min(images, math.ceil(most + _FAR * spread) + _FAR)
    while right > most:
        ways = math.lgamma(images + 1) - math.lgamma(right + 1) - math.lgamma(images - right + 1)
        tail += math.exp(ways + right * log_share + (images - right) * log_rest)
        if tail >= SIGNIFICANCE:
            break
        right -= 1
    return right + 1


def _images(count: int) -> str:
    return f"{count:,} test image{'' if count == 1 else 's'}"
