"""Two networks on the same images: McNemar's test, confusion matrices and accuracy per digit."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from app.compare.images import paired

DIGITS = st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=60)


def digits(*values: int) -> Any:
    return np.array(values, dtype=np.uint8)


@given(DIGITS)
def test_mcnemar_is_the_sign_test_of_the_images_that_only_one_classifies_correctly(
    images: list[tuple[int, int, int]],
) -> None:
    labels, first, second = (digits(*column) for column in zip(*images, strict=True))
    found = paired.mcnemar(labels, first, second)
    gained = sum(b == a != c for a, c, b in zip(labels, first, second, strict=True))
    lost = sum(c == a != b for a, c, b in zip(labels, first, second, strict=True))
    assert (found.gained, found.lost) == (gained, lost)
    if gained + lost:
        assert found.p == pytest.approx(stats.binomtest(min(gained, lost), gained + lost).pvalue)
    else:
        assert found.p == 1


@given(DIGITS)
def test_confusion_counts_the_predictions_for_each_digit(images: list[tuple[int, int, int]]) -> None:
    labels, answers, _ = (digits(*column) for column in zip(*images, strict=True))
    expected = np.zeros((10, 10), int)
    for digit, answer in zip(labels, answers, strict=True):
        expected[digit, answer] += 1
    found = paired.confusion(labels, answers)
    assert (found == expected).all()
    for digit, share in enumerate(paired.per_digit(found)):
        shown = answers[labels == digit]
        assert share == (None if not len(shown) else pytest.approx((shown == digit).mean()))
