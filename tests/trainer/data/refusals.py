"""IDX files that are refused, and why."""

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.idx_files import images, labels
from trainer.data.idx import IdxFile
from trainer.data.idx_stream import IdxError

IMAGES = images(3)
LABELS = labels([5, 0, 9])
READERS: dict[str, Callable[[Path], IdxFile]] = {"images": IdxFile.images, "labels": IdxFile.labels}
MEBIBYTE = 1 << 20


def write(folder: Path, content: bytes) -> Path:
    path = folder / "some-idx-ubyte.gz"
    path.write_bytes(gzip.compress(content))
    return path


def stored(folder: Path, content: bytes, name: str = "some-idx-ubyte.gz") -> Path:
    """A file with exactly these bytes."""
    path = folder / name
    path.write_bytes(content)
    return path


def refusal(path: Path, kind: str = "labels") -> IdxError:
    with pytest.raises(IdxError) as caught:
        READERS[kind](path)
    assert str(caught.value).startswith(f"{path} ")
    assert caught.value.remedy.endswith((".", "git lfs pull", "git annex get"))
    return caught.value


def problem(path: Path, kind: str = "labels") -> str:
    """The error message for a file."""
    return str(refusal(path, kind)).removeprefix(f"{path} ")


def archive(name: str) -> bytes:
    """A zip archive with one member."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr(name, b"whatever")
    return content.getvalue()


def tape() -> bytes:
    """A tar archive with one member."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as file:
        file.addfile(tarfile.TarInfo("labels"), io.BytesIO())
    return content.getvalue()


def bomb(header: bytes, zeros: int) -> bytes:
    """A gzip file with one member: this header and this many MiB of zeros."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    first = stream.compress(header) + stream.flush(zlib.Z_FULL_FLUSH)
    block = stream.compress(bytes(MEBIBYTE)) + stream.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + bytes(7) + first + block * zeros + stream.flush() + bytes(8)
