"""A data set's folder looked over: names, headers, labels and images, and what is wrong with them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trainer.folder import (
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
    shown,
)
from trainer.idx_stream import IMAGES, LABELS, IdxError, opened

_SPLITS: Final = ((TRAIN_IMAGES_FILE, TRAIN_LABELS_FILE), (TEST_IMAGES_FILE, TEST_LABELS_FILE))
_NAMED: Final = 4
"""How many files a message names."""
_ARCHIVES: Final = (".zip", ".tar", ".tgz", ".7z", ".tar.gz", ".rar")


class DataError(Exception):
    """A data file is missing, damaged or not what it should be; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many images a data set has."""

    train_images: int
    test_images: int


def inspect(folder: DataFolder, found: FoundFiles) -> Sizes:
    """Check file names, headers and labels, which takes little time whatever the size of the images.

    `read_images` reads what is behind the headers of the images. Raises `DataError`.
    """
    if problem := lacks(folder, found):
        raise DataError(problem)
    counts = {}
    for name in FILES:
        try:
            with opened(found.files[name], IMAGES if name in IMAGE_FILES else LABELS) as stream:
                counts[name] = stream.count
                if name not in IMAGE_FILES:
                    for _ in stream.payload():
                        pass
        except IdxError as error:
            raise DataError(f"{error}. {error.remedy}") from error
    check_counts(found.files, counts)
    return Sizes(counts[TRAIN_IMAGES_FILE], counts[TEST_IMAGES_FILE])


def read_images(found: FoundFiles) -> None:
    """Read the image files to their end, piece by piece, or to the first byte too many.

    Raises `DataError` if one is damaged or is not as long as its header says.
    """
    for name in IMAGE_FILES:
        try:
            with opened(found.files[name], IMAGES) as stream:
                for _ in stream.payload():
                    pass
        except IdxError as error:
            raise DataError(f"{error}. {error.remedy}") from error


def check_counts(files: Mapping[str, Path], counts: Mapping[str, int]) -> None:
    """Raise `DataError` unless each split has a label for each image."""
    for images, labels in _SPLITS:
        if counts[images] != counts[labels]:
            raise DataError(
                f"{shown(files[labels])} holds {counts[labels]:,} labels, but {shown(files[images])} "
                f"{counts[images]:,} images. Put files there that belong together: one label for each image."
            )


def lacks(folder: DataFolder, found: FoundFiles) -> str | None:
    """What keeps the four files of a data set from being found, and what to do; None if they are there."""
    if found.rivals:
        names = ", ".join(found.rivals[:_NAMED]) + (", …" if len(found.rivals) > _NAMED else "")
        return (
            f"{shown(folder.path)} holds {len(found.rivals)} data sets ({names}). Put the four files of each "
            "into a folder of its own."
        )
    if not found.missing:
        return None
    if not os.access(folder.path, os.R_OK | os.X_OK):
        return f"{shown(folder.path)} can't be read. Give the user that Depthboard runs as access to it."
    missing = found.missing
    what = f"lacks {', '.join(missing)}, each with or without {COMPRESSED}"
    return f"{shown(folder.path)} {what}{_instead(missing, found)}"


def _instead(missing: list[str], found: FoundFiles) -> str:
    """What the folder holds in place of the files that are missing, and what to do."""
    for path in found.others:
        if is_broken_link(path):
            return f". {shown(path.name)} is a link that leads nowhere: mend it."
        if path.name.lower().endswith(_ARCHIVES):
            return f". Unpack {shown(path.name)} there."
    for name in missing:
        split, kind, *_ = name.split("-")
        for path in found.others:
            words = path.name.lower()
            if kind[:-1] in words and any(each in words for each in _words(split)):
                ending = COMPRESSED if COMPRESSED in words else ""
                return (
                    f". {shown(path.name)} is there: if that is {name}, rename it to {name}{ending}; put the "
                    "others beside it."
                )
    names = ", ".join(shown(path.name) for path in found.others[:_NAMED])
    more = ", …" if len(found.others) > _NAMED else ""
    held = f" (its other files: {names}{more})" if names else ""
    return f"{held}. Put them there: images of 28x28 pixels and labels from 0 to 9, as IDX files."


def _words(split: str) -> tuple[str, ...]:
    return ("train",) if split == "train" else ("t10k", "test")
