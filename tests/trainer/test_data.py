"""Data sets: what is accepted, and what is told of one that is not."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.idx_files import Contents, images, labels, small, write
from trainer.data import Arrays, DataError, TensorData, load, to_device
from trainer.folder import (
    FILES,
    SHIPPED,
    TEST_IMAGES_FILE,
    TEST_LABELS_FILE,
    TRAIN_IMAGES_FILE,
    TRAIN_LABELS_FILE,
    DataFolder,
)

MNIST = DataFolder.of(SHIPPED, Path())


def sha256(content: bytes | bytearray) -> str:
    return hashlib.sha256(content).hexdigest()


def combined(contents: Contents) -> str:
    return sha256("".join(sha256(contents[name]) for name in FILES).encode())


def refusal(dataset: str, folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        load(dataset, DataFolder(folder))
    return str(caught.value)


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A folder with links to the files of MNIST."""
    for name in FILES:
        (tmp_path / f"{name}.gz").symlink_to(MNIST.path / f"{name}.gz")
    return tmp_path


def test_mnist_is_shipped_whole(arrays: Arrays) -> None:
    assert arrays.train_images.shape == (60_000, 28, 28)
    assert arrays.test_images.shape == (10_000, 28, 28)
    assert np.bincount(arrays.train_labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert arrays.test_labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_the_digest_is_that_of_the_four_contents(arrays: Arrays) -> None:
    contents = {name: gzip.decompress((MNIST.path / f"{name}.gz").read_bytes()) for name in FILES}
    assert arrays.digest == combined(contents)


def test_the_authors_are_credited_beside_the_files() -> None:
    credits_text = (MNIST.path / "CREDITS").read_text()
    for author in ("Yann LeCun", "Corinna Cortes", "Christopher J.C. Burges"):
        assert author in credits_text


def test_tensors_are_flat_and_typed(arrays: Arrays, mnist: TensorData) -> None:
    assert mnist.train_images.shape == (60_000, 784)
    assert mnist.train_images.dtype == torch.uint8
    assert mnist.train_labels.dtype == torch.int64
    assert mnist.test_images[7].numpy().tobytes() == arrays.test_images[7].tobytes()
    assert mnist.test_labels.tolist() == arrays.test_labels.tolist()


@pytest.mark.parametrize("compressed", [True, False])
def test_a_folder_of_ones_own_is_read_and_its_digest_computed(tmp_path: Path, compressed: bool) -> None:  # noqa: FBT001
    folder = DataFolder(write(tmp_path, small(), compressed=compressed))
    arrays = load("clothes", folder)
    assert arrays.digest == combined(small())
    assert arrays.train_labels.tolist() == [0, 9, 3, 3, 1]
    data = to_device(arrays, torch.device("cpu"))
    assert data.train_images.shape == (5, 784)
    assert data.test_images.flatten().tolist() == list(small()[TEST_IMAGES_FILE][16:])


def test_a_data_set_without_a_folder_is_refused_with_what_to_make(tmp_path: Path) -> None:
    message = refusal("clothes", tmp_path / "clothes")
    assert f"There is no data set 'clothes': {tmp_path / 'clothes'} is no folder." in message
    for name in FILES:
        assert name in message


def test_a_missing_file_is_named_with_what_belongs_there(tmp_path: Path) -> None:
    write(tmp_path, {name: content for name, content in small().items() if name != TEST_LABELS_FILE})
    message = refusal("clothes", tmp_path)
    assert f"{tmp_path / TEST_LABELS_FILE} is missing, with or without .gz." in message
    assert "Put an IDX file there" in message


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (TRAIN_IMAGES_FILE, b"", "is cut short"),
        (TRAIN_IMAGES_FILE, images(5, rows=27), "27x28 pixels"),
        (TEST_IMAGES_FILE, images(3)[:-1], "2351 bytes after its header, not 2352"),
        pytest.param(TEST_IMAGES_FILE, labels([1] * 20), "magic number", id="labels for images"),
        pytest.param(TRAIN_LABELS_FILE, images(5), "magic number", id="images for labels"),
        (TEST_LABELS_FILE, labels([5, 0, 10]), "the label 10"),
        (TRAIN_LABELS_FILE, labels([1, 2, 3, 4]), "holds 4 labels, but"),
        (TEST_IMAGES_FILE, images(4), "4 images"),
        (TRAIN_IMAGES_FILE, images(0), "holds no image"),
        (TEST_IMAGES_FILE, images(0), "holds no image"),
    ],
)
@pytest.mark.parametrize("compressed", [True, False])
def test_a_damaged_file_of_ones_own_is_named_with_what_is_wrong_and_what_to_do(
    tmp_path: Path,
    name: str,
    content: bytes,
    problem: str,
    compressed: bool,  # noqa: FBT001
) -> None:
    write(tmp_path, {**small(), name: content}, compressed=compressed)
    message = refusal("clothes", tmp_path)
    assert str(tmp_path / name) in message
    assert problem in message
    assert "Put an IDX file there" in message


def test_a_missing_file_of_mnist_is_named_with_the_digest_it_should_have(linked: Path) -> None:
    (linked / f"{TEST_LABELS_FILE}.gz").unlink()
    message = refusal(SHIPPED, linked)
    assert f"{linked / TEST_LABELS_FILE} is missing" in message
    assert "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2" in message


def test_an_altered_file_of_mnist_is_refused_by_digests_and_remedy(linked: Path) -> None:
    path = linked / f"{TEST_LABELS_FILE}.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    original = sha256(content)
    content[-1] ^= 1
    path.unlink()
    path.write_bytes(gzip.compress(content))
    message = refusal(SHIPPED, linked)
    assert f"{path} was altered" in message
    assert f"is {sha256(content)}, expected {original}" in message
    assert "Put the original file there" in message


def test_the_same_files_under_another_name_are_a_data_set_of_ones_own(linked: Path, arrays: Arrays) -> None:
    assert load("copied", DataFolder(linked)).digest == arrays.digest


def test_a_file_that_cannot_be_opened_is_named(linked: Path) -> None:
    path = linked / f"{TRAIN_IMAGES_FILE}.gz"
    path.unlink()
    path.write_bytes(gzip.compress(images(1))[:-3])
    message = refusal(SHIPPED, linked)
    assert f"{path} is cut short" in message
    assert sha256(images(1)) in message
