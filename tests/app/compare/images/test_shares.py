"""Images that one depth classifies correctly more often than another."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.compare.images import shares
from trainer.files.predictions import Predictions

LABELS = np.array([0, 1, 2, 3, 4], dtype=np.uint8)


def predicted(classes: list[int], *confidence: float) -> Predictions:
    """Predictions with these confidences, or with 0.5 each."""
    sure = confidence or (0.5,) * len(classes)
    return Predictions(np.array(classes, dtype=np.uint8), np.array(sure, dtype=np.float16))


@st.composite
def depths(draw: Any) -> tuple[Any, list[Predictions], list[Predictions]]:
    """Labels, and the predictions of the runs of two depths."""
    digits = st.integers(0, 3)
    images = draw(st.integers(1, 20))
    of_images = st.lists(digits, min_size=images, max_size=images)
    runs = st.lists(of_images.map(predicted), min_size=1, max_size=5)
    return np.array(draw(of_images), dtype=np.uint8), draw(runs), draw(runs)


def share(labels: Any, runs: list[Predictions], image: int) -> Fraction:
    return Fraction(sum(int(run.classes[image] == labels[image]) for run in runs), len(runs))


@given(depths())
def test_a_difference_is_that_of_the_shares_of_runs(
    drawn: tuple[Any, list[Predictions], list[Predictions]],
) -> None:
    labels, first, second = drawn
    found = shares.differences(labels, first, second)
    pairs = len(first) * len(second)
    wanted = [share(labels, second, image) - share(labels, first, image) for image in range(len(labels))]
    assert [Fraction(int(each), pairs) for each in found] == wanted
    more, less = shares.more_often(labels, first, second), shares.more_often(labels, second, first)
    assert sorted(more) == [image for image, each in enumerate(wanted) if each > 0]
    assert sorted(less) == [image for image, each in enumerate(wanted) if each < 0]


@given(depths())
def test_the_differences_of_all_images_add_up_to_that_of_the_mean_accuracies(
    drawn: tuple[Any, list[Predictions], list[Predictions]],
) -> None:
    labels, first, second = drawn
    net = shares.differences(labels, first, second).sum() / (len(first) * len(second) * len(labels))
    before, after = (np.mean([np.mean(run.classes == labels) for run in runs]) for runs in (first, second))
    assert net == pytest.approx(after - before, abs=1e-12)


def test_images_are_ordered_by_the_difference_then_by_the_confidence_of_the_correct() -> None:
    wrong = predicted([9] * 5)
    first = [wrong, predicted([9, 9, 9, 3, 9]), wrong]
    second = [
        predicted([0, 1, 2, 3, 9], 0.5, 0.25, 0.5, 1, 1),
        predicted([9, 1, 2, 3, 9], 1, 0.25, 0.5, 1, 1),
        predicted([9, 1, 2, 3, 9], 1, 0.25, 0.75, 1, 1),
    ]
    # 2 and 1 by three runs, 3 by two more than before, 0 by one (whose wrong predictions are surer)
    assert shares.more_often(LABELS, first, second).tolist() == [2, 1, 3, 0]
    assert shares.more_often(LABELS, second, first).tolist() == []


def test_equal_images_are_in_the_order_of_the_test_set() -> None:
    first, second = [predicted([9] * 5)], [predicted([0, 1, 2, 3, 4])]
    assert shares.more_often(LABELS, first, second).tolist() == [0, 1, 2, 3, 4]


def test_the_most_frequent_prediction_comes_with_its_runs_and_their_confidence() -> None:
    runs = [
        predicted([1, 1, 4], 0.9, 0.6, 0.5),
        predicted([2, 7, 4], 1.0, 0.75, 1.0),
        predicted([1, 3, 9], 0.5, 0.5, 1.0),
    ]
    found = shares.most_frequent(runs, np.array([0, 1, 2]))
    assert found.digits.tolist() == [1, 7, 4]  # 7: of equally many, the prediction with the higher confidence
    assert found.runs.tolist() == [2, 1, 2]
    assert found.confidence.tolist() == pytest.approx([0.7, 0.75, 0.75], abs=1e-3)
    assert shares.most_frequent(runs, np.array([2])).digits.tolist() == [4]
    assert shares.most_frequent(runs, np.array([], dtype=np.int64)).digits.tolist() == []


def test_the_runs_that_classify_an_image_correctly_are_counted() -> None:
    runs = [predicted([0, 1, 9, 3, 9]), predicted([0, 9, 9, 3, 9]), predicted([0, 9, 2, 3, 9])]
    assert shares.correct_runs(LABELS, runs).tolist() == [3, 1, 1, 3, 0]
