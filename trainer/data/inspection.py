"""Checks a data set's folder: names, headers, labels and images."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trainer.config import CLASSES
from trainer.data.folder import (
    COMPRESSED,
    FILES,
    IMAGE_FILES,
    TEST_IMAGES_FILE,
    TEST_LABELS_FILE,
    TRAIN_IMAGES_FILE,
    TRAIN_LABELS_FILE,
    DataFolder,
    FoundFiles,
    is_broken_link,
    is_file,
    is_folder,
    is_recognised,
    shown,
)
from trainer.data.idx_stream import IMAGES, LABELS, SIDE, IdxError, opened

_SPLITS: Final = ((TRAIN_IMAGES_FILE, TRAIN_LABELS_FILE), (TEST_IMAGES_FILE, TEST_LABELS_FILE))
_NAMED: Final = 4
"""Maximum number of files named in a message."""
_ARCHIVES: Final = (".zip", ".tar", ".tgz", ".7z", ".tar.gz", ".rar")


class DataError(Exception):
    """A data file is missing, damaged or of the wrong kind; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of images in a data set."""

    train_images: int
    test_images: int


def inspect(folder: DataFolder, data_files: FoundFiles) -> Sizes:
    """Check file names, headers and labels, which is fast because it does not read the pixels.

    `read_images` reads the pixels. Raises `DataError`.
    """
    if problem := lacks(folder, data_files):
        raise DataError(problem)
    counts = {}
    for name in FILES:
        try:
            with opened(data_files.files[name], IMAGES if name in IMAGE_FILES else LABELS) as stream:
                counts[name] = stream.count
                if name not in IMAGE_FILES:
                    for _ in stream.payload():
                        pass
        except IdxError as error:
            raise DataError(f"{error}. {error.remedy}") from error
    check_counts(data_files.files, counts)
    return Sizes(counts[TRAIN_IMAGES_FILE], counts[TEST_IMAGES_FILE])


def read_images(data_files: FoundFiles) -> None:
    """Read the image files in pieces, up to their end or the first surplus byte.

    Raises `DataError` if a file is damaged or its length differs from its header's.
    """
    for name in IMAGE_FILES:
        try:
            with opened(data_files.files[name], IMAGES) as stream:
                for _ in stream.payload():
                    pass
        except IdxError as error:
            raise DataError(f"{error}. {error.remedy}") from error


def check_counts(files: Mapping[str, Path], counts: Mapping[str, int]) -> None:
    """Raise `DataError` unless each split has a label for each image."""
    for images, labels in _SPLITS:
        if counts[images] != counts[labels]:
            raise DataError(
                f"{shown(files[labels])} contains {counts[labels]:,} labels, but {shown(files[images])} "
                f"contains {counts[images]:,} images. Use matching files: one label per image."
            )


def lacks(folder: DataFolder, data_files: FoundFiles) -> str | None:
    """Why the four files of a data set can't be found, and the remedy; None if all were found."""
    if data_files.rivals:
        names = ", ".join(data_files.rivals[:_NAMED]) + (", …" if len(data_files.rivals) > _NAMED else "")
        return (
            f"{shown(folder.path)} contains {len(data_files.rivals)} data sets ({names}). Put the four files "
            "of each into a separate folder."
        )
    if not data_files.missing:
        return None
    if not os.access(folder.path, os.R_OK | os.X_OK):
        return f"{shown(folder.path)} can't be read. Grant read access to the user that runs Depthboard."
    called = {name: shown(data_files.missing_as.get(name, name)) for name in data_files.missing}
    what = f"{', '.join(called.values())}, {'each ' if len(called) > 1 else ''}with or without {COMPRESSED}"
    return f"{shown(data_files.place or folder.path)} lacks {what}{_instead(called, data_files)}"


def _instead(called: Mapping[str, str], data_files: FoundFiles) -> str:
    """The end of the message: what the folder contains instead of the missing files, and the remedy.

    `called` maps the missing names of `FILES` to the names that these files would have in the folder.
    """
    for path in data_files.others:
        if is_broken_link(path):
            return f". {shown(path.name)} is a broken link: fix it."
        if not is_file(path) and any(is_recognised(path, name) for name in called):
            kind = "a folder" if is_folder(path) else "not a regular file"
            return f". {shown(path.name)} is {kind}. Replace it with the file."
    files = [path for path in data_files.others if is_file(path)]
    for path in files:
        if path.name.lower().endswith(_ARCHIVES):
            return f". Unpack {shown(path.name)} in this folder."
    for name, wanted in called.items():
        split, kind, *_ = name.split("-")
        for path in files:
            words = path.name.lower()
            if kind[:-1] in words and any(word in words for word in _words(split)):
                ending = COMPRESSED if COMPRESSED in words else ""
                others = ", and put the others into the same folder" if len(called) > 1 else ""
                return f". If {shown(path.name)} is {wanted}, rename it to {wanted}{ending}{others}."
    names = ", ".join(shown(path.name) for path in files[:_NAMED])
    more = ", …" if len(files) > _NAMED else ""
    held = f" (other files: {names}{more})" if names else ""
    return f"{held}. {_what_to_put_there(list(called))}"


def _what_to_put_there(missing: Sequence[str]) -> str:
    images = f"images of {SIDE}x{SIDE} pixels"
    labels = f"labels from 0 to {CLASSES - 1}"
    if len(missing) == 1:
        return f"Add an IDX file with {images if missing[0] in IMAGE_FILES else labels}."
    kinds = [images] * any(name in IMAGE_FILES for name in missing)
    kinds += [labels] * any(name not in IMAGE_FILES for name in missing)
    return f"Add IDX files with {' and '.join(kinds)}."


def _words(split: str) -> tuple[str, ...]:
    return ("train",) if split == "train" else ("t10k", "test")
