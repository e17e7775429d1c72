"""gzip files: every member is read, and a damaged one is named."""

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.trainer.data.refusals import IMAGES, LABELS, bomb, problem, refusal, stored, write
from trainer.data import gunzip, idx_stream
from trainer.data.idx import IdxFile


def members(content: bytes, size: int) -> bytes:
    """A gzip file of several members, as `cat a.gz b.gz` and bgzip write it."""
    return b"".join(gzip.compress(content[at : at + size]) for at in range(0, len(content), size))


@pytest.mark.parametrize(
    "compressed",
    [
        gzip.compress(IMAGES[:7]) + gzip.compress(IMAGES[7:]),
        members(IMAGES, 100) + gzip.compress(b""),  # bgzip ends with an empty member
        gzip.compress(b"") + gzip.compress(IMAGES),
        gzip.compress(IMAGES) + bytes(40_000),  # padded to the block of a tape
        gzip.compress(IMAGES[:100]) + bytes(512) + gzip.compress(IMAGES[100:]),
    ],
    ids=["concatenated", "bgzip", "empty first", "padded", "padded between"],
)
def test_a_gzip_file_of_several_members_is_read_whole(tmp_path: Path, compressed: bytes) -> None:
    assert IdxFile.images(stored(tmp_path, compressed)).digest == hashlib.sha256(IMAGES).hexdigest()


def test_a_second_member_is_part_of_the_content(tmp_path: Path) -> None:
    path = stored(tmp_path, gzip.compress(LABELS) + gzip.compress(b"\1"))
    assert "has more data than the 3 labels (3 bytes)" in problem(path)


@pytest.mark.parametrize("kept", [1, 9, 15, -1, -4, -8])
def test_a_gzip_file_cut_short_is_refused(tmp_path: Path, kept: int) -> None:
    path = write(tmp_path, LABELS)
    path.write_bytes(path.read_bytes()[:kept])
    assert "is truncated" in problem(path)
    path.write_bytes(gzip.compress(LABELS) + path.read_bytes())
    assert problem(path) == "is truncated: gzip member 2 has no end"


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (12, "is not an intact gzip file: member 1 can't be decompressed"),
        (2, "member 1 can't be decompressed (unknown compression method)"),
        (-6, "the content of gzip member 1 does not match its checksum (incorrect data check)"),
        (-1, "the content of gzip member 1 does not match its checksum (incorrect length check)"),
    ],
)
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, position: int, expected: str) -> None:
    path = write(tmp_path, LABELS)
    compressed = bytearray(path.read_bytes())
    compressed[position] ^= 0xFF
    path.write_bytes(compressed)
    assert expected in problem(path)
    path.write_bytes(gzip.compress(b"") + compressed)
    assert "member 2" in problem(path)


@pytest.mark.parametrize("garbage", [b"x", b"\x1fx", bytes(20_000) + b"some text"])
def test_bytes_after_the_gzip_data_are_refused(tmp_path: Path, garbage: bytes) -> None:
    path = stored(tmp_path, gzip.compress(LABELS) + garbage)
    assert problem(path).startswith("has non-gzip bytes after the end of its gzip data (0x")


def test_decompression_stops_at_surplus_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored(tmp_path, bomb(IMAGES[:16], 1024))
    read: list[int] = []

    def counted(file: BinaryIO) -> Iterator[bytes]:
        for piece in gunzip.gunzip(file):
            read.append(len(piece))
            yield piece

    monkeypatch.setattr(idx_stream, "gunzip", counted)
    refusal(path, "images")
    assert sum(read) <= 2 * gunzip.PIECE_BYTES
