"""IDX files of images and labels as arrays."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from trainer.data.idx_stream import IMAGES, LABELS, IdxError, Layout, opened

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class IdxFile:
    """The items of an IDX file: images `uint8` (n, 28, 28) or labels `uint8` (n,) in 0..9.

    `digest` is the SHA-256 of the uncompressed content.
    """

    items: Bytes
    digest: str

    @classmethod
    def images(cls, path: Path) -> Self:
        """Read images. Raises `IdxError` unless the file is intact and its images have 28x28 pixels."""
        return cls._read(path, IMAGES)

    @classmethod
    def labels(cls, path: Path) -> Self:
        """Read labels. Raises `IdxError` unless the file is intact and every label is in 0 to 9."""
        return cls._read(path, LABELS)

    @classmethod
    def _read(cls, path: Path, layout: Layout) -> Self:
        with opened(path, layout) as stream:
            try:
                items = np.empty((stream.count, *layout.sizes), np.uint8)
            except MemoryError as error:
                size = f"{stream.count:,} {layout.what}, {stream.count * layout.item_bytes / 2**30:.1f} GiB"
                remedy = f"Use fewer {layout.what}, or a machine with more memory."
                raise IdxError(path, f"contains {size}, which do not fit into memory", remedy) from error
            digest = hashlib.sha256(stream.header)
            content, done = items.reshape(-1), 0
            for piece in stream.payload():
                digest.update(piece)
                content[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
                done += len(piece)
        return cls(items, digest.hexdigest())
