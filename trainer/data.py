"""Images and labels from IDX files, checked by digest, as arrays and as tensors on a device."""

import hashlib
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.config import PIXELS

SHIPPED: Final = Path(__file__).parent
IMAGES_MAGIC: Final = 0x00000803
LABELS_MAGIC: Final = 0x00000801
SIDE: Final = 28
LABELS_HEADER: Final = struct.Struct(">2I")  # magic, count
IMAGES_HEADER: Final = struct.Struct(">4I")  # magic, count, rows, columns

TRAIN_IMAGES_FILE: Final = "train-images-idx3-ubyte.gz"
TRAIN_LABELS_FILE: Final = "train-labels-idx1-ubyte.gz"
TEST_IMAGES_FILE: Final = "t10k-images-idx3-ubyte.gz"
TEST_LABELS_FILE: Final = "t10k-labels-idx1-ubyte.gz"
FILES: Final = (TRAIN_IMAGES_FILE, TRAIN_LABELS_FILE, TEST_IMAGES_FILE, TEST_LABELS_FILE)

# SHA-256 of each file's uncompressed content.
DIGESTS: Final = {
    "mnist": {
        TRAIN_IMAGES_FILE: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        TRAIN_LABELS_FILE: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        TEST_IMAGES_FILE: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        TEST_LABELS_FILE: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
}

_CHUNK_BYTES: Final = 1 << 20
_REMEDY: Final = "Put the original file there, or reinstall Depthboard."

Bytes = NDArray[np.uint8]


class DataError(Exception):
    """A data file is missing, damaged or not what it should be; the message names it and says what to do."""


@dataclass(frozen=True, eq=False)
class Arrays:
    """A whole data set in memory: images `uint8` (n, 28, 28), labels `uint8` (n,) in 0..9.

    `digest` is the SHA-256 over the hexadecimal SHA-256 digests of the four uncompressed files, in the order
    train images, train labels, test images, test labels.
    """

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes
    digest: str


@dataclass(frozen=True, eq=False)
class TensorData:
    """A whole data set on one device: images `uint8` (n, 784), labels `int64` (n,)."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


def load(dataset: str = "mnist", folder: Path | None = None) -> Arrays:
    """Read a data set's four files from `folder`, or from where they are shipped.

    Raises `DataError` if a file is missing, cut short or altered, or if the data set is unknown.
    """
    if dataset not in DIGESTS:
        raise DataError(f"Unknown data set {dataset!r}: expected one of {', '.join(DIGESTS)}.")
    digests = DIGESTS[dataset]
    folder = SHIPPED / dataset if folder is None else folder
    for name in FILES:
        if not (folder / name).is_file():
            raise DataError(
                f"{folder / name} is missing; the SHA-256 of its content should be {digests[name]}. {_REMEDY}"
            )
    train_images = read_images(folder / TRAIN_IMAGES_FILE, digests[TRAIN_IMAGES_FILE])
    train_labels = read_labels(folder / TRAIN_LABELS_FILE, digests[TRAIN_LABELS_FILE])
    test_images = read_images(folder / TEST_IMAGES_FILE, digests[TEST_IMAGES_FILE])
    test_labels = read_labels(folder / TEST_LABELS_FILE, digests[TEST_LABELS_FILE])
    combined = hashlib.sha256("".join(digests[name] for name in FILES).encode()).hexdigest()
    return Arrays(train_images, train_labels, test_images, test_labels, combined)


def read_images(path: Path, expected_digest: str) -> Bytes:
    """Read a gzip-compressed IDX file of 28x28 images: `uint8` (n, 28, 28).

    Raises `DataError` unless magic, rows, columns, length and the SHA-256 of the content are right.
    """
    file = _IdxFile.read(path, expected_digest)
    count, rows, columns = file.header(IMAGES_HEADER, IMAGES_MAGIC)
    if (rows, columns) != (SIDE, SIDE):
        raise file.damaged(f"holds images of {rows}x{columns} pixels, not of {SIDE}x{SIDE}")
    return file.payload(IMAGES_HEADER.size, count * PIXELS).reshape(count, SIDE, SIDE)


def read_labels(path: Path, expected_digest: str) -> Bytes:
    """Read a gzip-compressed IDX file of labels: `uint8` (n,).

    Raises `DataError` unless magic, length and the SHA-256 of the content are right.
    """
    file = _IdxFile.read(path, expected_digest)
    (count,) = file.header(LABELS_HEADER, LABELS_MAGIC)
    return file.payload(LABELS_HEADER.size, count)


def to_device(arrays: Arrays, device: torch.device) -> TensorData:
    """Put the whole data set on `device`, where it stays."""
    return TensorData(
        train_images=_pixels(arrays.train_images, device),
        train_labels=torch.from_numpy(arrays.train_labels).to(device).long(),
        test_images=_pixels(arrays.test_images, device),
        test_labels=torch.from_numpy(arrays.test_labels).to(device).long(),
    )


def _pixels(images: Bytes, device: torch.device) -> Tensor:
    return torch.from_numpy(images).to(device).view(len(images), PIXELS)


@dataclass(frozen=True, eq=False)
class _IdxFile:
    path: Path
    content: bytearray
    digest: str
    expected_digest: str

    @classmethod
    def read(cls, path: Path, expected_digest: str) -> Self:
        content, problem = _uncompress(path)
        file = cls(path, content, hashlib.sha256(content).hexdigest(), expected_digest)
        if problem is not None:
            raise file.damaged(problem)
        return file

    def header(self, layout: struct.Struct, expected_magic: int) -> list[int]:
        if len(self.content) < layout.size:
            raise self.damaged(f"is cut short: {len(self.content)} bytes, less than its header")
        magic, *sizes = layout.unpack_from(self.content)
        if magic != expected_magic:
            raise self.damaged(f"begins with the magic number 0x{magic:08x}, not 0x{expected_magic:08x}")
        return sizes

    def payload(self, start: int, length: int) -> Bytes:
        found = len(self.content) - start
        if found != length:
            raise self.damaged(f"holds {found} bytes after its header, not {length} as that says")
        if self.digest != self.expected_digest:
            raise self.damaged("was altered")
        return np.frombuffer(self.content, dtype=np.uint8, offset=start)

    def damaged(self, problem: str) -> DataError:
        return DataError(
            f"{self.path} {problem}. "
            f"The SHA-256 of its content is {self.digest}, expected {self.expected_digest}. {_REMEDY}"
        )


def _uncompress(path: Path) -> tuple[bytearray, str | None]:
    """The content as far as it can be had, and what is wrong with the compressed file, if anything."""
    try:
        compressed = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}. {_REMEDY}") from error
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
