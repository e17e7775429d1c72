"""IDX files of images and labels: read, uncompressed and checked."""

import hashlib
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from trainer.config import CLASSES, PIXELS
from trainer.folder import COMPRESSED

IMAGES_MAGIC: Final = 0x00000803
LABELS_MAGIC: Final = 0x00000801
SIDE: Final = 28
LABELS_HEADER: Final = struct.Struct(">2I")  # magic, count
IMAGES_HEADER: Final = struct.Struct(">4I")  # magic, count, rows, columns

_CHUNK_BYTES: Final = 1 << 20

Bytes = NDArray[np.uint8]


class IdxError(Exception):
    """A file is not what it should be; `digest` is the SHA-256 of its content if it could be opened."""

    def __init__(self, path: Path, problem: str, digest: str | None = None) -> None:
        super().__init__(f"{path} {problem}")
        self.digest = digest


@dataclass(frozen=True, eq=False)
class IdxFile:
    """The uncompressed content of an IDX file, with its SHA-256."""

    path: Path
    content: bytearray
    digest: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file, uncompressed if its name ends in .gz.

        Raises `IdxError` if it can't be read or is not an intact gzip file.
        """
        try:
            stored = path.read_bytes()
        except OSError as error:
            raise IdxError(path, f"can't be read: {error.strerror}") from error
        content, problem = _uncompress(stored) if path.suffix == COMPRESSED else (bytearray(stored), None)
        file = cls(path, content, hashlib.sha256(content).hexdigest())
        if problem is not None:
            raise file.damaged(problem)
        return file

    def images(self) -> Bytes:
        """Images of 28x28 pixels: `uint8` (n, 28, 28).

        Raises `IdxError` unless magic number, rows, columns and length are right.
        """
        count, rows, columns = self._header(IMAGES_HEADER, IMAGES_MAGIC)
        if (rows, columns) != (SIDE, SIDE):
            raise self.damaged(f"holds images of {rows}x{columns} pixels, not of {SIDE}x{SIDE}")
        return self._payload(IMAGES_HEADER.size, count * PIXELS).reshape(count, SIDE, SIDE)

    def labels(self) -> Bytes:
        """Labels in 0..9: `uint8` (n,).

        Raises `IdxError` unless magic number, length and every label are right.
        """
        (count,) = self._header(LABELS_HEADER, LABELS_MAGIC)
        labels = self._payload(LABELS_HEADER.size, count)
        wrong = np.flatnonzero(labels >= CLASSES)
        if len(wrong):
            first = wrong[0]
            raise self.damaged(
                f"holds the label {labels[first]} (number {first + 1} of {count}), not 0 to {CLASSES - 1}"
            )
        return labels

    def damaged(self, problem: str) -> IdxError:
        """The error that says so of this file."""
        return IdxError(self.path, problem, self.digest)

    def _header(self, layout: struct.Struct, expected_magic: int) -> list[int]:
        if len(self.content) < layout.size:
            raise self.damaged(f"is cut short: {len(self.content)} bytes, less than its header")
        magic, *sizes = layout.unpack_from(self.content)
        if magic != expected_magic:
            raise self.damaged(f"begins with the magic number 0x{magic:08x}, not 0x{expected_magic:08x}")
        return sizes

    def _payload(self, start: int, length: int) -> Bytes:
        found = len(self.content) - start
        if found != length:
            raise self.damaged(f"holds {found} bytes after its header, not {length} as that says")
        return np.frombuffer(self.content, dtype=np.uint8, offset=start)


def _uncompress(compressed: bytes) -> tuple[bytearray, str | None]:
    """The content as far as it can be had, and what is wrong with the compressed file, if anything."""
    gzip_stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    content = bytearray()
    try:
        for start in range(0, len(compressed), _CHUNK_BYTES):
            content += gzip_stream.decompress(compressed[start : start + _CHUNK_BYTES])
    except zlib.error as error:
        return content, f"is not an intact gzip file ({error})"
    if not gzip_stream.eof:
        return content, "is cut short: its gzip stream has no end"
    return content, None
