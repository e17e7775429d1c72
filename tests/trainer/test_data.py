"""IDX files: what is accepted, and what a damaged one is told."""

import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainer.data import FILES, SHIPPED, Arrays, DataError, TensorData, load, read_images, read_labels

IMAGES = struct.pack(">4I", 0x803, 3, 28, 28) + bytes(range(256)) * 9 + bytes(48)
LABELS = struct.pack(">2I", 0x801, 3) + bytes([5, 0, 9])


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write(folder: Path, content: bytes) -> Path:
    path = folder / "some-idx-ubyte.gz"
    path.write_bytes(gzip.compress(content))
    return path


def refusal(read: Callable[..., Any], *arguments: object) -> str:
    with pytest.raises(DataError) as caught:
        read(*arguments)
    return str(caught.value)


def test_mnist_is_shipped_whole(arrays: Arrays) -> None:
    assert arrays.train_images.shape == (60_000, 28, 28)
    assert arrays.test_images.shape == (10_000, 28, 28)
    assert np.bincount(arrays.train_labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert arrays.test_labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_the_digest_is_that_of_the_four_contents(arrays: Arrays) -> None:
    contents = [gzip.decompress((SHIPPED / "mnist" / name).read_bytes()) for name in FILES]
    assert arrays.digest == sha256("".join(sha256(content) for content in contents).encode())


def test_the_authors_are_credited_beside_the_files() -> None:
    credits_text = (SHIPPED / "mnist" / "CREDITS").read_text()
    for author in ("Yann LeCun", "Corinna Cortes", "Christopher J.C. Burges"):
        assert author in credits_text


def test_tensors_are_flat_normalised_and_typed(arrays: Arrays, mnist: TensorData) -> None:
    assert mnist.train_images.shape == (60_000, 784)
    assert mnist.train_images.dtype == torch.float32
    assert mnist.train_labels.dtype == torch.int64
    expected = torch.from_numpy(arrays.test_images[7].astype(np.float32) / 255).flatten()
    assert torch.equal(mnist.test_images[7], expected)
    assert mnist.test_labels.tolist() == arrays.test_labels.tolist()


def test_images_and_labels_are_read_as_written(tmp_path: Path) -> None:
    images = read_images(write(tmp_path, IMAGES), sha256(IMAGES))
    assert images.tobytes() == IMAGES[16:]
    assert images.shape == (3, 28, 28)
    assert read_labels(write(tmp_path, LABELS), sha256(LABELS)).tolist() == [5, 0, 9]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "0 bytes, less than its header"),
        (IMAGES[:15], "15 bytes, less than its header"),
        (LABELS + bytes(8), "magic number 0x00000801, not 0x00000803"),
        (struct.pack(">4I", 0x803, 3, 28, 27) + IMAGES[16:], "28x27 pixels, not of 28x28"),
        (
            struct.pack(">4I", 0x803, 4, 28, 28) + IMAGES[16:],
            "2352 bytes after its header, not 3136",
        ),
        (struct.pack(">4I", 0x803, 2**32 - 1, 28, 28) + IMAGES[16:], "header, not 3367254359280"),
        (IMAGES[:-1], "2351 bytes after its header, not 2352"),
        (IMAGES + b"\0", "2353 bytes after its header, not 2352"),
        (IMAGES[:-1] + b"\1", "was altered"),
    ],
)
def test_damaged_images_are_refused_by_file_digests_and_remedy(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    path = write(tmp_path, content)
    message = refusal(read_images, path, sha256(IMAGES))
    assert problem in message
    assert str(path) in message
    assert f"is {sha256(content)}, expected {sha256(IMAGES)}" in message
    assert "Put the original file there" in message


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (IMAGES, "magic number 0x00000803, not 0x00000801"),
        (LABELS[:-1], "2 bytes after its header, not 3"),
        (struct.pack(">2I", 0x801, 2) + LABELS[8:], "3 bytes after its header, not 2"),
        (LABELS[:-1] + b"\1", "was altered"),
    ],
)
def test_damaged_labels_are_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    message = refusal(read_labels, write(tmp_path, content), sha256(LABELS))
    assert problem in message
    assert f"is {sha256(content)}, expected {sha256(LABELS)}" in message


@pytest.mark.parametrize("kept", [0, 1, 9, 15, -1, -4, -8])
def test_a_gzip_file_cut_short_is_refused(tmp_path: Path, kept: int) -> None:
    path = write(tmp_path, LABELS)
    path.write_bytes(path.read_bytes()[:kept])
    message = refusal(read_labels, path, sha256(LABELS))
    assert f"{path} is cut short" in message
    assert sha256(LABELS) in message


@pytest.mark.parametrize("position", [0, 12, -6])
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, position: int) -> None:
    path = write(tmp_path, LABELS)
    compressed = bytearray(path.read_bytes())
    compressed[position] ^= 0xFF
    path.write_bytes(compressed)
    message = refusal(read_labels, path, sha256(LABELS))
    assert f"{path} is not an intact gzip file" in message
    assert sha256(LABELS) in message


def test_a_missing_file_is_named_with_the_digest_it_should_have(tmp_path: Path) -> None:
    for name in FILES[:3]:
        (tmp_path / name).symlink_to(SHIPPED / "mnist" / name)
    message = refusal(load, "mnist", tmp_path)
    assert f"{tmp_path / FILES[3]} is missing" in message
    assert "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2" in message


def test_an_altered_file_of_the_data_set_is_refused(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).symlink_to(SHIPPED / "mnist" / name)
    content = bytearray(gzip.decompress((tmp_path / FILES[3]).read_bytes()))
    content[-1] ^= 1
    (tmp_path / FILES[3]).unlink()
    (tmp_path / FILES[3]).write_bytes(gzip.compress(content))
    message = refusal(load, "mnist", tmp_path)
    assert f"{tmp_path / FILES[3]} was altered" in message


def test_a_folder_in_a_files_place_is_refused(tmp_path: Path) -> None:
    assert f"{tmp_path} can't be read" in refusal(read_labels, tmp_path, sha256(LABELS))


def test_an_unknown_data_set_is_refused() -> None:
    assert refusal(load, "cifar") == "Unknown data set 'cifar': expected one of mnist."
