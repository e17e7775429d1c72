"""The rule on simulated studies: how often it claims what is false, covers the truth and finds differences.

Test images and seeds are drawn for every study. The long form (DEPTHBOARD_RELIABILITY=10) has 4,000 studies a
cell; benchmarks/simulated_studies.py prints the same figures.
"""

import math
import os
from collections.abc import Callable
from statistics import fmean

import pytest

from tests.app.compare.inference.simulated import (
    ACCURACY,
    MARGIN,
    SPREAD,
    Seen,
    Truth,
    equal,
    seen,
    unequal,
    wide,
)

IS_LONG = "DEPTHBOARD_RELIABILITY" in os.environ
STUDIES = 4_000 if IS_LONG else 60
_SLACK = 0 if IS_LONG else 0.05
"""What few studies allow beside the bounds of coverage."""

pytestmark = pytest.mark.slow


def most(share: float) -> float:
    """A share plus two standard errors."""
    return share + 2 * math.sqrt(share * (1 - share) / STUDIES)


def check(found: Seen) -> None:
    """Few studies ever claim a false difference, and pointwise intervals cover the truth."""
    assert fmean(found.ever) <= most(0.05)
    assert 0.93 - _SLACK <= fmean(found.covered) <= 0.98 + _SLACK


@pytest.mark.parametrize("follow", [False, True], ids=["once", "followed"])
@pytest.mark.parametrize("dips", [0.0, 0.05], ids=["no dips", "dips"])
@pytest.mark.parametrize("spreads", [equal, unequal])
@pytest.mark.parametrize("groups", [2, 5])
@pytest.mark.parametrize("n", [3, 5, 10])
def test_at_most_5_percent_of_studies_of_equal_groups_claim_a_difference(
    n: int, groups: int, spreads: Callable[[int], list[float]], dips: float, *, follow: bool
) -> None:
    """Five groups get a margin that their ten pairs can resolve, so that there are offers to follow."""
    margin = MARGIN if groups == 2 else 2 * MARGIN
    check(seen(Truth([ACCURACY] * groups, spreads(groups), dips), n, STUDIES, margin=margin, follow=follow))


@pytest.mark.parametrize("spreads", [unequal, wide])
def test_a_thousand_studies_of_three_seeds_keep_to_the_level_of_the_first_look(
    spreads: Callable[[int], list[float]],
) -> None:
    found = seen(Truth([ACCURACY] * 3, spreads(3)), 3, 1_000)
    assert fmean(found.ever) <= found.most(0.03)
    assert 0.93 <= fmean(found.covered) <= 0.98


@pytest.mark.parametrize("follow", [False, True], ids=["once", "followed"])
@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_same_holds_where_seeds_cause_most_of_the_error(n: int, *, follow: bool) -> None:
    check(seen(Truth([ACCURACY] * 3, wide(3)), n, STUDIES, margin=6 * MARGIN, follow=follow))


@pytest.mark.parametrize("n", [3, 5, 10])
def test_paired_runs_keep_to_the_same_bounds(n: int) -> None:
    check(seen(Truth([ACCURACY] * 3, equal(3)), n, STUDIES, paired=True, follow=True))


@pytest.mark.parametrize("n", [3, 5, 10, 30])
def test_a_difference_of_exactly_the_margin_is_rarely_called_equivalent(n: int) -> None:
    found = seen(Truth([ACCURACY, ACCURACY + MARGIN], equal(2)), n, STUDIES)
    assert fmean(answer == "equivalent" for answer in found.answers) <= most(0.05)


def test_a_difference_of_two_margins_is_mostly_found_with_ten_seeds() -> None:
    found = seen(Truth([ACCURACY, ACCURACY + 2 * MARGIN], [SPREAD / 2] * 2), 10, STUDIES)
    assert fmean(answer == "better" for answer in found.answers) > 0.8
