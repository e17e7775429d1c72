"""Loads a data set from its folder as arrays and as tensors on a device. Other formats belong here."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from trainer.config import PIXELS, TrainConfig
from trainer.data.folder import (
    COMPRESSED,
    FILES,
    IMAGE_FILES,
    SHIPPED,
    TEST_IMAGES_FILE,
    TEST_LABELS_FILE,
    TRAIN_IMAGES_FILE,
    TRAIN_LABELS_FILE,
    DataFolder,
    is_folder,
    shown,
)
from trainer.data.idx import Bytes, IdxFile
from trainer.data.idx_stream import IdxError
from trainer.data.inspection import DataError, check_counts, lacks
from trainer.device import resolve

# SHA-256 of the uncompressed content of each file of a known data set.
DIGESTS: Final = {
    SHIPPED: {
        TRAIN_IMAGES_FILE: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        TRAIN_LABELS_FILE: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        TEST_IMAGES_FILE: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        TEST_LABELS_FILE: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
}
_REINSTALL: Final = " Restore the original file, or reinstall Depthboard."


@dataclass(frozen=True, eq=False)
class Arrays:
    """A whole data set in memory: images `uint8` (n, 28, 28), labels `uint8` (n,) in 0..9.

    `digest` is the SHA-256 of the concatenated hexadecimal SHA-256 digests of the four uncompressed files, in
    the order train images, train labels, test images, test labels.
    """

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes
    digest: str


@dataclass(frozen=True, eq=False)
class TensorData:
    """A whole data set on one device: images `uint8` (n, 784), labels `int64` (n,).

    Pixels are 0..255. Networks take them divided by 255, as `float32` in 0..1.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor

    @property
    def device(self) -> torch.device:
        """The device of all tensors."""
        return self.train_images.device


def resident(config: TrainConfig, data_dir: Path) -> TensorData:
    """Load the data set of `config` onto the device of `config`.

    Data sets other than MNIST are in `data_dir`/datasets. Raises `DataError` as `load` does, and
    `device.DeviceUnavailable`.
    """
    device = resolve(config.device)
    return to_device(load(config.dataset, DataFolder.of(config.dataset, data_dir)), device)


def load(dataset: str, folder: DataFolder) -> Arrays:
    """Read the four files of a data set.

    Raises `DataError` if the folder or a file is missing, if a file is truncated or does not match its
    header, if the numbers of images and labels differ, or if the shipped data set has another SHA-256.
    """
    if not is_folder(folder.path):
        raise DataError(
            f"There is no data set {dataset!r}: {shown(folder.path)} is not a folder. Create it and add "
            f"{', '.join(FILES)}, each with or without {COMPRESSED}."
        )
    data_files = folder.find()
    expected = DIGESTS.get(dataset, {})
    if problem := lacks(folder, data_files):
        known = "".join(
            f" The SHA-256 of {name} is {expected[name]}." for name in data_files.missing if expected
        )
        raise DataError(f"{problem}{known}{_REINSTALL if expected else ''}")
    read = {name: _read(data_files.files[name], name, expected.get(name)) for name in FILES}
    check_counts(data_files.files, {name: len(file.items) for name, file in read.items()})
    combined = hashlib.sha256("".join(read[name].digest for name in FILES).encode()).hexdigest()
    return Arrays(
        train_images=read[TRAIN_IMAGES_FILE].items,
        train_labels=read[TRAIN_LABELS_FILE].items,
        test_images=read[TEST_IMAGES_FILE].items,
        test_labels=read[TEST_LABELS_FILE].items,
        digest=combined,
    )


def _read(path: Path, name: str, expected: str | None) -> IdxFile:
    """Read one file of images or labels; `expected` is the SHA-256 of its content, None if unknown."""
    try:
        file = IdxFile.images(path) if name in IMAGE_FILES else IdxFile.labels(path)
    except IdxError as error:
        known = f" The SHA-256 of its content should be {expected}.{_REINSTALL}"
        raise DataError(f"{error}.{known if expected else f' {error.remedy}'}") from error
    if expected is not None and file.digest != expected:
        raise DataError(
            f"{shown(path)} was altered. The SHA-256 of its content is {file.digest}, expected {expected}."
            f"{_REINSTALL}"
        )
    return file


def to_device(arrays: Arrays, device: torch.device) -> TensorData:
    """Copy the whole data set to `device`; on the CPU the pixels are not copied."""
    return TensorData(
        train_images=_pixels(arrays.train_images, device),
        train_labels=torch.from_numpy(arrays.train_labels).to(device).long(),
        test_images=_pixels(arrays.test_images, device),
        test_labels=torch.from_numpy(arrays.test_labels).to(device).long(),
    )


def _pixels(images: Bytes, device: torch.device) -> Tensor:
    return torch.from_numpy(images).to(device).view(len(images), PIXELS)
