"""The test images of a data set, as pictures that a page can show."""

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from trainer.folder import TEST_IMAGES_FILE, TEST_LABELS_FILE, DataFolder, Stamp
from trainer.idx import Bytes, IdxError, IdxFile

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_GREYSCALE: Final = 0


class NoPictures(Exception):
    """The test images of a data set can't be shown; the message says why."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """The test split: images `uint8` (n, 28, 28), labels `uint8` (n,)."""

    images: Bytes
    labels: Bytes

    def png(self, index: int) -> bytes:
        """One image as PNG, 8 bits of grey."""
        image = self.images[index]
        height, width = image.shape
        rows = b"".join(b"\0" + row.tobytes() for row in image)  # each row is preceded by its filter: none
        header = struct.pack(">IIBBBBB", width, height, 8, _GREYSCALE, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
        return _SIGNATURE + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def load(dataset: str, data_dir: Path) -> Pictures:
    """The test split of a data set; read again when its files have changed.

    Raises:
        NoPictures: a file is missing, damaged, or does not fit the other.
    """
    folder = DataFolder.of(dataset, data_dir)
    return _read(folder, folder.stamp)


@lru_cache(maxsize=4)
def _read(folder: DataFolder, _stamp: Stamp) -> Pictures:
    paths = [folder.file(name) for name in (TEST_IMAGES_FILE, TEST_LABELS_FILE)]
    if None in paths:
        raise NoPictures(f"the test images or labels are missing in {folder.path}")
    images_path, labels_path = (path for path in paths if path)
    try:
        pictures = Pictures(IdxFile.read(images_path).images(), IdxFile.read(labels_path).labels())
    except IdxError as error:
        raise NoPictures(str(error)) from error
    if len(pictures.images) != len(pictures.labels):
        raise NoPictures(f"{images_path} and {labels_path} hold different numbers of images")
    return pictures
