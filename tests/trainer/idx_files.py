"""Small data sets as files, for tests to damage."""

import gzip
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.data.folder import TEST_IMAGES_FILE, TEST_LABELS_FILE, TRAIN_IMAGES_FILE, TRAIN_LABELS_FILE

Contents = Mapping[str, bytes]


def images(count: int, rows: int = 28, columns: int = 28) -> bytes:
    """An IDX file of images, each with pixels that differ from the previous image."""
    pixels = np.arange(count * rows * columns) % 251
    return of_pixels(pixels.astype(np.uint8).reshape(count, rows, columns))


def of_pixels(pixels: NDArray[np.uint8]) -> bytes:
    """An IDX file of these images (n, rows, columns)."""
    return struct.pack(">4I", 0x803, *pixels.shape) + pixels.tobytes()


def labels(values: Sequence[int]) -> bytes:
    """An IDX file of labels."""
    return struct.pack(">2I", 0x801, len(values)) + bytes(values)


def small() -> dict[str, bytes]:
    """The contents of a data set with five training and three test images."""
    return {
        TRAIN_IMAGES_FILE: images(5),
        TRAIN_LABELS_FILE: labels([0, 9, 3, 3, 1]),
        TEST_IMAGES_FILE: images(3),
        TEST_LABELS_FILE: labels([5, 0, 9]),
    }


def write(folder: Path, contents: Contents, *, compressed: bool = True) -> Path:
    """A folder with these files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder
