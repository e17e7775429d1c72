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
        alone = f"all training images are of class {trained[0]}, so there is nothing to distinguish"
        others = len(test) - in_test[trained[0]]
        return [f"{alone}; {_counted(others, 'test image')} of other classes" if others else alone]
    warnings = []
    if absent := [number for number in range(CLASSES) if not in_training[number]]:
        asked = sum(in_test[number] for number in absent)
        effect = f"{_counted(asked, 'test image')}, and can't be recognised"
        effect = effect if asked else "nor is a test image"
        warnings.append(f"no training image is of class {_listed(absent)}; {effect}")
    if untested := [number for number in trained if not in_test[number]]:
        them = "it is" if len(untested) == 1 else "they are"
        warnings.append(
            f"no test image is of class {_listed(untested)}, so test accuracy does not tell how well {them} "
            "recognised"
        )
    return warnings


def _shared(data: "Arrays") -> list[str]:
    """A warning if test images are also training images, compared pixel by pixel."""
    test = [image.tobytes() for image in data.test_images]
    distinct = set(test)
    both = {pixels for image in data.train_images if (pixels := image.tobytes()) in distinct}
    count = sum(pixels in both for pixels in test)
    if not count:
        return []
    so = "so test accuracy overstates how well new images are recognised"
    if count == len(test):
        return [f"every test image is also a training image, {so}"]
    verb = "is also a training image" if count == 1 else "are also training images"
    return [f"{count:,} of {len(test):,} test images ({count / len(test):.1%}) {verb}, {so}"]


def _small(data: "Arrays") -> list[str]:
    warnings = []
    if (images := len(data.test_labels)) < FEW:
        warnings.append(
            f"the test set has only {images} image{'' if images == 1 else 's'}, each of which counts for "
            f"{100 / images:.1f} percentage points of test accuracy"
        )
    if (images := len(data.train_labels)) < FEW:
        warnings.append(f"the training set has only {images} image{'' if images == 1 else 's'}")
    return warnings


def _counted(count: int, noun: str) -> str:
    return f"1 {noun} is" if count == 1 else f"{count:,} {noun}s are"


def _listed(classes: list[int]) -> str:
    *first, last = map(str, classes)
    return f"{', '.join(first)} or {last}" if first else last
