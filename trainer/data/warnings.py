"""Warnings about data sets whose accuracies can mislead."""

from typing import TYPE_CHECKING, Final

import numpy as np

from trainer.config import CLASSES
from trainer.data.folder import SHIPPED
from trainer.data.idx import Bytes

if TYPE_CHECKING:
    from trainer.data.loading import Arrays

FEW: Final = 100
"""A split with fewer images than this is very small."""


def data_warnings(dataset: str, data: "Arrays") -> list[str]:
    """Warnings about a loaded data set, as clauses.

    They cover classes without images, images in both splits and very small splits. The shipped data set has
    none, because its content is known.
    """
    if dataset == SHIPPED:
        return []
    return [*_classes(data.train_labels, data.test_labels), *_shared(data), *_small(data)]


def _classes(train: Bytes, test: Bytes) -> list[str]:
    in_training, in_test = (np.bincount(labels, minlength=CLASSES).tolist() for labels in (train, test))
    trained = [number for number in range(CLASSES) if in_training[number]]
    if len(trained) == 1:
        alone = f"all training images have class {trained[0]}, so there is nothing to distinguish"
        others = len(test) - in_test[trained[0]]
        have = "has another class" if others == 1 else "have other classes"
        return [f"{alone}; {_images(others, 'test')} {have}" if others else alone]
    warnings = []
    if absent := [number for number in range(CLASSES) if not in_training[number]]:
        asked = sum(in_test[number] for number in absent)
        untrained = f"training images but {_images(asked, 'test')}, which can't be classified correctly"
        warnings.append(f"{_named(absent)} no {untrained if asked else 'images'}")
    if untested := [number for number in trained if not in_test[number]]:
        them = "it" if len(untested) == 1 else "them"
        warnings.append(f"{_named(untested)} no test images, so test accuracy does not cover {them}")
    return warnings


def _shared(data: "Arrays") -> list[str]:
    """A warning if test images are also training images, compared pixel by pixel."""
    test = [image.tobytes() for image in data.test_images]
    distinct = set(test)
    both = {pixels for image in data.train_images if (pixels := image.tobytes()) in distinct}
    count = sum(pixels in both for pixels in test)
    if not count:
        return []
    so = "so test accuracy overstates how well new images are classified"
    if count == len(test):
        return [f"every test image is also a training image, {so}"]
    verb = "is also a training image" if count == 1 else "are also training images"
    return [f"{count:,} of {len(test):,} test images ({count / len(test):.1%}) {verb}, {so}"]


def _small(data: "Arrays") -> list[str]:
    warnings = []
    if (images := len(data.test_labels)) < FEW:
        warnings.append(
            f"the test set has only {images} image{'' if images == 1 else 's'}; each counts for "
            f"{100 / images:.1f} percentage points of test accuracy"
        )
    if (images := len(data.train_labels)) < FEW:
        warnings.append(f"the training set has only {images} image{'' if images == 1 else 's'}")
    return warnings


def _images(count: int, split: str) -> str:
    return f"1 {split} image" if count == 1 else f"{count:,} {split} images"


def _named(classes: list[int]) -> str:
    *first, last = map(str, classes)
    return f"classes {', '.join(first)} and {last} have" if first else f"class {last} has"
