"""Ties: groups whose displayed mean test accuracies are equal."""

from collections.abc import Sequence
from statistics import fmean

from app.compare.pairs import Sample, several_datasets
from app.prose import in_percent


def equal(one: float, other: float) -> bool:
    """Whether two accuracies are shown as the same."""
    return in_percent(one) == in_percent(other)


def leaders(samples: Sequence[Sample]) -> list[Sample]:
    """The sample with the highest mean test accuracy, or all that tie for it; none of several data sets."""
    if not samples or several_datasets(samples):
        return []
    highest = max(fmean(sample.test) for sample in samples)
    return [sample for sample in samples if equal(fmean(sample.test), highest)]
