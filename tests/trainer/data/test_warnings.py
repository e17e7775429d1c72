"""Warnings about data sets with misleading accuracies."""

from collections.abc import Sequence

import numpy as np
import pytest

from trainer.data.folder import SHIPPED
from trainer.data.idx import Bytes
from trainer.data.loading import Arrays
from trainer.data.warnings import data_warnings

EVERY = list(range(10)) * 10
OF_ACCURACY = "percentage points of test accuracy"
SO = "so test accuracy overstates how well new images are classified"
ALONE = "all training images have class 3, so there is nothing to distinguish"


def pictures(count: int, start: int) -> Bytes:
    """Images that all differ from each other, and from those of another start."""
    pixels = np.zeros((count, 28, 28), np.uint8)
    pixels[:, 0, 0], pixels[:, 0, 1], pixels[:, 0, 2] = np.arange(count) % 256, np.arange(count) // 256, start
    return pixels


def data(
    train: Sequence[int] = EVERY,
    test: Sequence[int] = EVERY,
    images: Bytes | None = None,
    test_images: Bytes | None = None,
) -> Arrays:
    """A data set of these labels."""
    return Arrays(
        pictures(len(train), 1) if images is None else images,
        np.array(train, np.uint8),
        pictures(len(test), 2) if test_images is None else test_images,
        np.array(test, np.uint8),
        "digest",
    )


def without(*classes: int) -> list[int]:
    return [label for label in EVERY * 2 if label not in classes]


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        (data(), []),
        (
            data(train=[3] * 100),
            [f"{ALONE}; 90 test images have other classes"],
        ),
        (
            data(train=[3] * 100, test=[3] * 100),
            [ALONE],
        ),
        (
            data(train=without(7)),
            ["class 7 has no training images but 10 test images, which can't be classified correctly"],
        ),
        (
            data(train=without(7, 8, 9), test=without(7, 8, 9)),
            ["classes 7, 8 and 9 have no images"],
        ),
        (
            data(train=without(7), test=[*without(7), 7]),
            ["class 7 has no training images but 1 test image, which can't be classified correctly"],
        ),
        (
            data(test=without(4)),
            ["class 4 has no test images, so test accuracy does not cover it"],
        ),
        (
            data(test=without(4, 5)),
            ["classes 4 and 5 have no test images, so test accuracy does not cover them"],
        ),
        (
            data(test_images=pictures(100, 1)),
            [f"every test image is also a training image, {SO}"],
        ),
        (
            data(test_images=np.concatenate([pictures(99, 2), pictures(1, 1)])),
            [f"1 of 100 test images (1.0%) is also a training image, {SO}"],
        ),
        (
            data(test=EVERY * 20, test_images=np.concatenate([pictures(1700, 2), pictures(300, 3)])),
            [],
        ),
        (
            data(images=np.repeat(pictures(1, 1), 100, 0), test_images=np.repeat(pictures(1, 1), 100, 0)),
            [f"every test image is also a training image, {SO}"],
        ),
        (
            data(test=EVERY[:60]),
            [f"the test set has only 60 images; each counts for 1.7 {OF_ACCURACY}"],
        ),
        (data(train=EVERY[:99]), ["the training set has only 99 images"]),
    ],
)
def test_unusual_data_sets_get_warnings(odd: Arrays, expected: list[str]) -> None:
    assert data_warnings("own", odd) == expected


def test_a_tiny_data_set_gets_several_warnings() -> None:
    assert data_warnings("own", data(train=[1], test=[1], test_images=pictures(1, 1))) == [
        "all training images have class 1, so there is nothing to distinguish",
        f"every test image is also a training image, {SO}",
        "the test set has only 1 image; each counts for 100.0 percentage points of test accuracy",
        "the training set has only 1 image",
    ]


def test_mnist_has_no_warnings(arrays: Arrays) -> None:
    assert data_warnings("a copy of it", arrays) == data_warnings(SHIPPED, arrays) == []
