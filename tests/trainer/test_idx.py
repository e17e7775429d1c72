"""IDX files: what is accepted, and what a damaged one is told."""

import gzip
import hashlib
import struct
from pathlib import Path

import pytest

from tests.trainer.idx_files import images, labels
from trainer.idx import IdxError, IdxFile

IMAGES = images(3)
LABELS = labels([5, 0, 9])


def write(folder: Path, content: bytes) -> Path:
    path = folder / "some-idx-ubyte.gz"
    path.write_bytes(gzip.compress(content))
    return path


def refusal(path: Path, kind: str = "labels") -> IdxError:
    with pytest.raises(IdxError) as caught:
        getattr(IdxFile.read(path), kind)()
    assert str(caught.value).startswith(f"{path} ")
    return caught.value


@pytest.mark.parametrize("name", ["some-idx-ubyte.gz", "some-idx-ubyte"])
def test_images_and_labels_are_read_as_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(IMAGES) if path.suffix else IMAGES)
    file = IdxFile.read(path)
    assert file.images().tobytes() == IMAGES[16:]
    assert file.images().shape == (3, 28, 28)
    assert file.digest == hashlib.sha256(IMAGES).hexdigest()
    assert IdxFile.read(write(tmp_path, LABELS)).labels().tolist() == [5, 0, 9]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "0 bytes, less than its header"),
        (IMAGES[:15], "15 bytes, less than its header"),
        (LABELS + bytes(8), "magic number 0x00000801, not 0x00000803"),
        (images(3, columns=27), "28x27 pixels, not of 28x28"),
        (images(3, rows=32, columns=32), "32x32 pixels, not of 28x28"),
        (
            struct.pack(">4I", 0x803, 4, 28, 28) + IMAGES[16:],
            "2352 bytes after its header, not 3136",
        ),
        (struct.pack(">4I", 0x803, 2**32 - 1, 28, 28) + IMAGES[16:], "header, not 3367254359280"),
        (IMAGES[:-1], "2351 bytes after its header, not 2352"),
        (IMAGES + b"\0", "2353 bytes after its header, not 2352"),
    ],
)
def test_damaged_images_are_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    error = refusal(write(tmp_path, content), "images")
    assert problem in str(error)
    assert error.digest == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (IMAGES, "magic number 0x00000803, not 0x00000801"),
        (LABELS[:-1], "2 bytes after its header, not 3"),
        (struct.pack(">2I", 0x801, 2) + LABELS[8:], "3 bytes after its header, not 2"),
        (labels([1, 10, 2]), "holds the label 10 (number 2 of 3), not 0 to 9"),
        (labels([255]), "holds the label 255 (number 1 of 1), not 0 to 9"),
    ],
)
def test_damaged_labels_are_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    assert problem in str(refusal(write(tmp_path, content)))


@pytest.mark.parametrize("kept", [0, 1, 9, 15, -1, -4, -8])
def test_a_gzip_file_cut_short_is_refused(tmp_path: Path, kept: int) -> None:
    path = write(tmp_path, LABELS)
    path.write_bytes(path.read_bytes()[:kept])
    assert "is cut short" in str(refusal(path))


@pytest.mark.parametrize("position", [0, 12, -6])
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, position: int) -> None:
    path = write(tmp_path, LABELS)
    compressed = bytearray(path.read_bytes())
    compressed[position] ^= 0xFF
    path.write_bytes(compressed)
    assert "is not an intact gzip file" in str(refusal(path))


def test_a_plain_file_whose_name_says_compressed_is_refused_and_the_reverse(tmp_path: Path) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(LABELS)
    assert "is not an intact gzip file" in str(refusal(path))
    plain = tmp_path / "labels"
    plain.write_bytes(gzip.compress(LABELS))
    assert "begins with the magic number 0x1f8b" in str(refusal(plain))


def test_a_folder_in_a_files_place_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path)
    assert "can't be read" in str(error)
    assert error.digest is None
