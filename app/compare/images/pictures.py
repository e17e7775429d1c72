"""Test images as PNG."""

import struct
import threading
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.compare.images.kept import Kept
from trainer.data.folder import TEST_IMAGES_FILE, TEST_LABELS_FILE, DataFolder, shown
from trainer.data.idx import Bytes, IdxFile
from trainer.data.idx_stream import IMAGES, LABELS, IdxError, Layout, opened

MOST_BYTES: Final = 1 << 28
"""Memory for all cached files; a larger file is not shown."""

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_GRAYSCALE: Final = 0
_ENTRY_BYTES: Final = 1 << 12
"""Minimum cost of a cache entry, so that the number of cached errors is limited too."""


class NoPictures(Exception):
    """The test images of a data set can't be shown; the message says why."""


@dataclass(slots=True)
class KeptFiles:
    """A cache of IDX files: each is read once until it changes; the least recently used are evicted.

    Errors of unusable files are cached too.
    """

    most_bytes: int = MOST_BYTES
    _kept: Kept[Bytes | NoPictures] = field(init=False)
    _loading: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._kept = Kept(self.most_bytes)

    def read(self, path: Path, layout: Layout) -> Bytes:
        """The images or labels of a file.

        Raises:
            NoPictures: the file is damaged, or larger than the cache.
        """
        try:
            status = path.stat()
        except OSError as error:
            raise NoPictures(f"{shown(path)} can't be read: {error.strerror}") from error
        key = (str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        with self._loading:  # a page requests many images: the first request reads the file for all
            found = self._kept.get(key)
            if found is None:
                found = self._load(path, layout)
                self._kept.put(key, found, _weight(found))
        if isinstance(found, NoPictures):
            raise found
        return found

    def _load(self, path: Path, layout: Layout) -> Bytes | NoPictures:
        try:
            with opened(path, layout) as stream:
                needed = stream.count * layout.item_bytes
            if needed > self.most_bytes:
                size = f"{stream.count:,} {layout.what}, {needed / 2**20:,.1f} MiB"
                most = f"files of up to {self.most_bytes / 2**20:,.1f} MiB are shown"
                return NoPictures(f"{shown(path)} holds {size}; {most}")
            return (IdxFile.images(path) if layout is IMAGES else IdxFile.labels(path)).items
        except IdxError as error:
            return NoPictures(str(error))


def _weight(found: Bytes | NoPictures) -> int:
    return max(_ENTRY_BYTES, 0 if isinstance(found, NoPictures) else found.nbytes)


_files: Final = KeptFiles()


def labels(dataset: str, data_dir: Path) -> Bytes:
    """The labels of the test split, `uint8` (n,).

    Raises:
        NoPictures: the file is missing or damaged.
    """
    return _files.read(_file(dataset, data_dir, TEST_LABELS_FILE), LABELS)


def images(dataset: str, data_dir: Path) -> Bytes:
    """The images of the test split, `uint8` (n, 28, 28).

    Raises:
        NoPictures: the file is missing, damaged, or larger than the cache.
    """
    return _files.read(_file(dataset, data_dir, TEST_IMAGES_FILE), IMAGES)


def _file(dataset: str, data_dir: Path, name: str) -> Path:
    folder = DataFolder.of(dataset, data_dir)
    path = folder.file(name)
    if path is None:
        raise NoPictures(f"{name} is missing in {shown(folder.path)}")
    return path


def png(image: Bytes) -> bytes:
    """Encode one image, `uint8` (height, width), as 8-bit grayscale PNG."""
    height, width = image.shape
    rows = b"".join(b"\0" + row.tobytes() for row in image)  # PNG filter byte before each row: none
    header = struct.pack(">IIBBBBB", width, height, 8, _GRAYSCALE, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
