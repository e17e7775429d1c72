"""The headers of IDX files, and how far a file is read."""

import gzip
import struct
import tracemalloc
from pathlib import Path

import pytest

from tests.trainer.data.refusals import IMAGES, LABELS, MEBIBYTE, bomb, problem, refusal, stored, write
from tests.trainer.idx_files import images, labels


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty after decompression"),
        (IMAGES[:3], "is truncated: it has 3 bytes, fewer than the 16 of a header"),
        (IMAGES[:15], "is truncated: it has 15 bytes, fewer than the 16 of a header"),
        (
            LABELS + bytes(8),
            (
                "begins with the magic number 0x00000801 (unsigned bytes in 1 dimension), not 0x00000803 "
                "(unsigned bytes in 3 dimensions: images)"
            ),
        ),
        (images(3, columns=27), "contains images of 28x27 pixels instead of 28x28"),
        (images(3, rows=32, columns=32), "contains images of 32x32 pixels instead of 28x28"),
        (
            struct.pack(">4I", 0x803, 4, 28, 28) + IMAGES[16:],
            "has 2,352 bytes of data, but its header states 4 images (3,136 bytes)",
        ),
        (
            struct.pack(">4I", 0x803, 2**32 - 1, 28, 28) + IMAGES[16:],
            "states 4,294,967,295 images in its header; at most 10,000,000 are supported",
        ),
        (IMAGES[:-1], "has 2,351 bytes of data, but its header states 3 images (2,352 bytes)"),
        (
            IMAGES + b"\0",
            "has more data than the 3 images (2,352 bytes) that its header states",
        ),
        (images(0), "contains no images"),
        (
            struct.pack(">4I", 0xC03, 1, 28, 28) + bytes(4 * 784),
            (
                "begins with the magic number 0x00000c03 (32-bit integers in 3 dimensions, 1x28x28), not "
                "0x00000803 (unsigned bytes in 3 dimensions: images)"
            ),
        ),
        (
            struct.pack(">5I", 0x804, 2, 28, 28, 1) + bytes(2 * 784),
            (
                "begins with the magic number 0x00000804 (unsigned bytes in 4 dimensions, 2x28x28x1), not "
                "0x00000803 (unsigned bytes in 3 dimensions: images)"
            ),
        ),
        (
            struct.pack(">2I", 0x802, 2000) + bytes([9, 0, 0, 3] * 500),
            (
                "begins with the magic number 0x00000802 (unsigned bytes in 2 dimensions), not 0x00000803 "
                "(unsigned bytes in 3 dimensions: images)"
            ),
        ),
        (
            bytes(800),
            (
                "begins with the magic number 0x00000000 (unknown type 0x00), not "
                "0x00000803 (unsigned bytes in 3 dimensions: images)"
            ),
        ),
        (
            struct.pack("<4I", 0x803, 3, 28, 28) + IMAGES[16:],
            "begins with the magic number 0x03080000: its integers are little-endian",
        ),
    ],
)
def test_damaged_images_are_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    assert problem(write(tmp_path, content), "images") == expected


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0x09, "signed bytes"),
        (0x0B, "16-bit integers"),
        (0x0C, "32-bit integers"),
        (0x0D, "32-bit floats"),
        (0x0E, "64-bit floats"),
    ],
)
def test_every_type_of_idx_is_named(tmp_path: Path, code: int, words: str) -> None:
    assert f"0x0000{code:02x}01 ({words} in 1 dimension)" in problem(
        write(tmp_path, bytes((0, 0, code, 1)) + LABELS[4:])
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            IMAGES,
            (
                "begins with the magic number 0x00000803 (unsigned bytes in 3 dimensions, 3x28x28), not "
                "0x00000801 (unsigned bytes in 1 dimension: labels)"
            ),
        ),
        (LABELS[:-1], "has 2 bytes of data, but its header states 3 labels (3 bytes)"),
        (labels([1, 10, 2]), "contains the label 10 (number 2 of 3); expected 0 to 9"),
        (labels([255]), "contains the label 255 (number 1 of 1); expected 0 to 9"),
        (labels([0] * 600_000 + [26]), "contains the label 26 (number 600,001 of 600,001); expected 0 to 9"),
    ],
)
def test_damaged_labels_are_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    assert problem(write(tmp_path, content)) == expected
    assert problem(stored(tmp_path, content, "plain")) == expected


def test_swapped_images_and_labels_are_reported(tmp_path: Path) -> None:
    assert "exchange the names" in refusal(write(tmp_path, IMAGES)).remedy


def test_a_name_that_contradicts_the_compression_is_reported_with_a_new_name(tmp_path: Path) -> None:
    error = refusal(stored(tmp_path, LABELS, "labels.gz"))
    assert str(error).endswith("labels.gz is not compressed although its name ends in .gz")
    assert error.remedy == "Rename it to labels."
    error = refusal(stored(tmp_path, gzip.compress(LABELS), "labels"))
    assert str(error).endswith("labels is compressed with gzip although its name does not end in .gz")
    assert error.remedy == "Rename it to labels.gz, or decompress it."


def test_an_empty_file_and_one_compressed_twice_are_named(tmp_path: Path) -> None:
    assert problem(stored(tmp_path, b"")) == "is empty"
    assert problem(stored(tmp_path, b"", "plain")) == "is empty"
    assert problem(write(tmp_path, gzip.compress(LABELS))) == "is compressed twice"


@pytest.mark.parametrize("kind", ["images", "labels"])
def test_a_file_with_a_gibibyte_is_read_only_up_to_the_length_in_its_header(
    tmp_path: Path, kind: str
) -> None:
    header = IMAGES[:16] if kind == "images" else LABELS[:8]
    path = stored(tmp_path, bomb(header, 1024))
    assert path.stat().st_size < 1.1 * MEBIBYTE
    tracemalloc.start()
    try:
        assert "has more data than" in problem(path, kind)
        assert tracemalloc.get_traced_memory()[1] < 2 * MEBIBYTE
    finally:
        tracemalloc.stop()
    path.write_bytes(gzip.compress(header) + gzip.compress(bytes(MEBIBYTE)) * 1024)
    assert "has more data than" in problem(path, kind)


def test_a_header_that_states_more_than_the_file_can_hold_is_refused_before_it_is_read(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, struct.pack(">4I", 0x803, 9_000_000, 28, 28) + bytes(100 * 784))
    assert problem(path, "images") == (
        "states 9,000,000 images (7,056,000,000 bytes) in its header, more than the "
        f"{path.stat().st_size:,} bytes of this gzip file can contain"
    )
