"""IDX files as streams: the header is checked first and limits how much is read."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final

from trainer.config import CLASSES
from trainer.data.file_kinds import GZIP, START_BYTES, kind_of
from trainer.data.folder import COMPRESSED, shown
from trainer.data.gunzip import MOST_EXPANSION, PIECE_BYTES, GzipError, gunzip

SIDE: Final = 28
MOST_ITEMS: Final = 10_000_000
"""A header that states more images or labels than this counts as damaged."""

_INTEGER_BYTES: Final = 4
_UNSIGNED_BYTES: Final = 0x08
_TYPE_BYTES: Final = {_UNSIGNED_BYTES: 1, 0x09: 1, 0x0B: 2, 0x0C: 4, 0x0D: 4, 0x0E: 8}
_TYPES: Final = {
    _UNSIGNED_BYTES: "unsigned bytes",
    0x09: "signed bytes",
    0x0B: "16-bit integers",
    0x0C: "32-bit integers",
    0x0D: "32-bit floats",
    0x0E: "64-bit floats",
}
_VALID_LABELS: Final = bytes(range(CLASSES))
_MOST_DIMENSIONS: Final = 6
"""Maximum number of sizes in a message."""
_AN_IDX_FILE: Final = "an IDX file"
_AGAIN: Final = "Copy, download or generate it again."


@dataclass(frozen=True, slots=True)
class Layout:
    """The required layout of an IDX file: items of unsigned bytes with these sizes."""

    what: str
    one: str
    sizes: tuple[int, ...]

    @property
    def magic(self) -> int:
        """The magic number: type and number of dimensions."""
        return _UNSIGNED_BYTES << 8 | (1 + len(self.sizes))

    @property
    def header_bytes(self) -> int:
        """Length of the header: magic number, count and sizes."""
        return _INTEGER_BYTES * (2 + len(self.sizes))

    @property
    def item_bytes(self) -> int:
        """Bytes of one image or label."""
        return math.prod(self.sizes)


IMAGES: Final = Layout("images", "image", (SIDE, SIDE))
LABELS: Final = Layout("labels", "label", ())


class IdxError(Exception):
    """A file is not a valid IDX file of its layout; `remedy` says what to do."""

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{shown(path)} {problem}")
        self.remedy = remedy


class IdxStream:
    """An open IDX file with a valid header; `count` is the number of items that the header states."""

    def __init__(self, file: BinaryIO, path: Path, layout: Layout) -> None:
        """Read the header. Raises `IdxError`."""
        self.path = path
        self.layout = layout
        self._stored_bytes = os.fstat(file.fileno()).st_size
        self._compressed = path.suffix.lower() == COMPRESSED
        self._check_wrapping(file.read(START_BYTES))
        file.seek(0)
        self._pieces = self._named(gunzip(file) if self._compressed else _plain(file))
        start = b""
        while len(start) < START_BYTES and (piece := next(self._pieces, b"")):
            start += piece
        self._check_magic(start)
        self.count = self._checked_count(start)
        self.header = start[: layout.header_bytes]
        self._first = start[layout.header_bytes :]

    def payload(self) -> Iterator[bytes]:
        """The content after the header in pieces, up to the end of the file or the first surplus byte.

        Raises `IdxError` if the length differs from the header's or a label is not in 0 to 9.
        """
        expected = self.count * self.layout.item_bytes
        done = 0
        for piece in chain((self._first,), self._pieces):
            if done + len(piece) > expected:
                raise self._error(f"has more data than the {self._stated(self.count)} that its header states")
            if self.layout is LABELS:
                self._check_labels(piece, done)
            yield piece
            done += len(piece)
        if done < expected:
            raise self._wrong_length(done, self.count)

    def _error(self, problem: str, remedy: str = _AGAIN) -> IdxError:
        return IdxError(self.path, problem, remedy)

    def _named(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from pieces
        except GzipError as error:
            raise self._error(str(error)) from error

    def _check_wrapping(self, stored: bytes) -> None:
        """Reject an empty file, and one whose compression contradicts its name."""
        name = shown(self.path.name)
        if not stored:
            raise self._error("is empty")
        if self._compressed and not stored.startswith(GZIP):
            if GZIP.startswith(stored):
                raise self._error("is truncated: it ends within its gzip header")
            if stored.startswith(b"\0\0") and stored[2:3] != b"\0":
                plain = shown(self.path.stem)
                raise self._error("is not compressed although its name ends in .gz", f"Rename it to {plain}.")
            raise self._unlike("a gzip file", stored)
        if not self._compressed and stored.startswith(GZIP):
            remedy = f"Rename it to {name}{COMPRESSED}, or decompress it."
            raise self._error("is compressed with gzip although its name does not end in .gz", remedy)

    def _check_magic(self, start: bytes) -> None:
        if not start:
            raise self._error("is empty after decompression")
        magic = int.from_bytes(start[:_INTEGER_BYTES])
        if len(start) >= _INTEGER_BYTES and magic == self.layout.magic:
            return
        if start.startswith(GZIP):
            raise self._error("is compressed twice", "Decompress it once.")
        if not start.startswith(b"\0\0"):
            little = start[:_INTEGER_BYTES] == self.layout.magic.to_bytes(_INTEGER_BYTES, "little")
            if little:
                problem = f"begins with the magic number 0x{magic:08x}: its integers are little-endian"
                raise self._error(problem, "Write the integers in its header as big-endian.")
            raise self._unlike(_AN_IDX_FILE, start)
        if len(start) < _INTEGER_BYTES:
            raise self._cut_short(start)
        remedy = f"Write it as IDX of {_described(self.layout.magic)}: {self._wanted()}."
        if magic in (IMAGES.magic, LABELS.magic):
            remedy = "The image file and the label file may have each other's names: exchange the names."
        raise self._error(
            f"begins with the magic number 0x{magic:08x} ({_described(magic)}{self._dimensions(start)}), "
            f"not 0x{self.layout.magic:08x} ({_described(self.layout.magic)}: {self.layout.what})",
            remedy,
        )

    def _dimensions(self, start: bytes) -> str:
        """The sizes in a header; empty if they are incomplete, too many or too large for the file."""
        dimensions = start[3]
        sizes = _integers(start[_INTEGER_BYTES : _INTEGER_BYTES * (1 + dimensions)])
        if start[2] not in _TYPES or not 1 < dimensions == len(sizes) <= _MOST_DIMENSIONS:
            return ""
        most = self._stored_bytes * (MOST_EXPANSION if self._compressed else 1)
        return f", {_by(sizes)}" if math.prod(sizes) * _TYPE_BYTES[start[2]] <= most else ""

    def _checked_count(self, start: bytes) -> int:
        layout = self.layout
        if len(start) < layout.header_bytes:
            raise self._cut_short(start)
        count, *sizes = _integers(start[_INTEGER_BYTES : layout.header_bytes])
        if tuple(sizes) != layout.sizes:
            raise self._error(
                f"contains images of {_by(sizes)} pixels instead of {_by(layout.sizes)}",
                f"Crop, pad or scale its images to {_by(layout.sizes)} pixels.",
            )
        if not count:
            raise self._error(f"contains no {layout.what}")
        if count > MOST_ITEMS:
            raise self._error(
                f"states {count:,} {layout.what} in its header; at most {MOST_ITEMS:,} are supported"
            )
        expected = count * layout.item_bytes
        stored = self._stored_bytes - layout.header_bytes
        if not self._compressed and stored != expected:
            raise self._wrong_length(stored, count)
        if self._compressed and expected > self._stored_bytes * MOST_EXPANSION:
            raise self._error(
                f"states {self._stated(count)} in its header, more than the {self._stored_bytes:,} bytes of "
                "this gzip file can contain"
            )
        return count

    def _check_labels(self, piece: bytes, before: int) -> None:
        if not piece.translate(None, _VALID_LABELS):
            return
        position = next(index for index, label in enumerate(piece) if label >= CLASSES)
        raise self._error(
            f"contains the label {piece[position]} (number {before + position + 1:,} of {self.count:,}); "
            f"expected 0 to {CLASSES - 1}",
            f"Number the classes from 0 to {CLASSES - 1}, and remove images of other classes.",
        )

    def _cut_short(self, start: bytes) -> IdxError:
        needed = self.layout.header_bytes
        return self._error(f"is truncated: it has {len(start)} bytes, fewer than the {needed} of a header")

    def _wrong_length(self, stored: int, count: int) -> IdxError:
        return self._error(f"has {stored:,} bytes of data, but its header states {self._stated(count)}")

    def _stated(self, count: int) -> str:
        """A number of items and their size."""
        items = f"{count:,} {self.layout.what if count != 1 else self.layout.one}"
        return f"{items} ({count * self.layout.item_bytes:,} bytes)"

    def _unlike(self, wanted: str, start: bytes) -> IdxError:
        """The error for a file of another kind, which these first bytes identify."""
        kind = kind_of(start)
        if kind is None:
            return self._error(f"is not {wanted}: it begins with 0x{start[:_INTEGER_BYTES].hex()}")
        within = self._compressed and wanted == _AN_IDX_FILE
        return self._error(f"is{', once decompressed,' if within else ''} {kind.name}", kind.remedy)

    def _wanted(self) -> str:
        if self.layout is LABELS:
            return f"labels from 0 to {CLASSES - 1}"
        return f"images of {_by(self.layout.sizes)} pixels from 0 to 255"


@contextmanager
def opened(path: Path, layout: Layout) -> Iterator[IdxStream]:
    """Open an IDX file, which is compressed if its name ends in .gz.

    Raises `IdxError` if the file can't be read or its header does not match `layout`.
    """
    try:
        with path.open("rb") as file:
            yield IdxStream(file, path, layout)
    except OSError as error:
        remedy = "Check the file and its permissions."
        raise IdxError(path, f"can't be read: {error.strerror or error}", remedy) from error


def _plain(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece


def _integers(content: bytes) -> list[int]:
    """Big-endian 32-bit integers."""
    starts = range(0, len(content) - _INTEGER_BYTES + 1, _INTEGER_BYTES)
    return [int.from_bytes(content[start : start + _INTEGER_BYTES]) for start in starts]


def _by(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))


def _described(magic: int) -> str:
    """A magic number in words."""
    kind, dimensions = magic >> 8, magic & 0xFF
    if kind not in _TYPES:
        return f"unknown type 0x{kind:02x}"
    return f"{_TYPES[kind]} in {dimensions} dimension{'' if dimensions == 1 else 's'}"
