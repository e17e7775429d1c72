"""Ties: groups whose displayed mean test accuracies are equal."""

from collections.abc import Sequence
from statistics import fmean

from app.compare.groups import Group
from app.compare.pairs import several_datasets
from app.prose import in_percent


def equal(one: float, other: float) -> bool:
    """Whether two accuracies are displayed as equal."""
    return in_percent(one) == in_percent(other)


def leaders(groups: Sequence[Group]) -> list[Group]:
    """The group with the highest mean test accuracy, or all tied ones; none for several data sets."""
    if not groups or several_datasets(groups):
        return []
    highest = max(fmean(group.test_accuracies) for group in groups)
    return [group for group in groups if equal(fmean(group.test_accuracies), highest)]
