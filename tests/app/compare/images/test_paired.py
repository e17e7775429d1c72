"""Two answers to the same images: McNemar's test, confusion, the majority over seeds, and who reads what."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from app.compare.images import paired
from trainer.files.predictions import Predictions

DIGITS = st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=60)


def digits(*values: int) -> Any:
    return np.array(values, dtype=np.uint8)


def sure(classes: Any, *confidence: float) -> Predictions:
    """Answers, each with its confidence."""
    return Predictions(digits(*classes), np.array(confidence, dtype=np.float16))


@given(DIGITS)
def test_mcnemar_is_the_sign_test_of_discordant_images(
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
def test_confusion_counts_each_digits_answers(images: list[tuple[int, int, int]]) -> None:
    labels, answers, _ = (digits(*column) for column in zip(*images, strict=True))
    expected = np.zeros((10, 10), int)
    for digit, answer in zip(labels, answers, strict=True):
        expected[digit, answer] += 1
    assert (paired.confusion(labels, answers) == expected).all()
    for digit, share in enumerate(paired.per_digit(labels, answers)):
        shown = answers[labels == digit]
        assert share == (None if not len(shown) else pytest.approx((shown == digit).mean()))


def test_the_majority_breaks_ties_by_confidence() -> None:
    voted = paired.majority(
        [sure([1, 1, 4], 0.9, 0.6, 0.5), sure([2, 7, 4], 1.0, 0.75, 1.0), sure([1, 3, 9], 0.5, 0.5, 1.0)]
    )
    assert voted.classes.tolist() == [1, 7, 4]
    assert voted.confidence.tolist() == pytest.approx([0.7, 0.75, 0.75], abs=1e-3)


def test_images_of_a_step_are_ordered_by_confidence() -> None:
    labels = digits(0, 1, 2, 3, 4)
    before = sure([9, 9, 2, 9, 9], 1, 1, 1, 1, 1)
    after = sure([0, 1, 2, 9, 4], 0.5, 0.75, 1, 1, 0.75)
    assert paired.fixed(labels, before, after).tolist() == [1, 4, 0]
    assert paired.fixed(labels, after, before).tolist() == []
