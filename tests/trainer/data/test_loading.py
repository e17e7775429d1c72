"""Data sets: which are accepted, and the errors of the others."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.data.refusals_of_folders import combined, refusal, sha256
from tests.trainer.idx_files import images, small, write
from trainer.config import TrainConfig
from trainer.data.folder import (
    FILES,
    SHIPPED,
    TEST_IMAGES_FILE,
    TEST_LABELS_FILE,
    TRAIN_IMAGES_FILE,
    DataFolder,
)
from trainer.data.loading import Arrays, TensorData, load, to_device
from trainer.training.loop import TrainState, train

FASHION = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts its files."""
MNIST = DataFolder.of(SHIPPED, Path())


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


def test_the_authors_are_credited_next_to_the_files() -> None:
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
def test_an_added_data_set_is_read_and_its_digest_computed(tmp_path: Path, compressed: bool) -> None:  # noqa: FBT001
    folder = DataFolder(write(tmp_path, small(), compressed=compressed))
    arrays = load("clothes", folder)
    assert arrays.digest == combined(small())
    assert arrays.train_labels.tolist() == [0, 9, 3, 3, 1]
    data = to_device(arrays, torch.device("cpu"))
    assert data.train_images.shape == (5, 784)
    assert data.test_images.flatten().tolist() == list(small()[TEST_IMAGES_FILE][16:])


def test_a_data_set_without_a_folder_is_refused_with_the_remedy(tmp_path: Path) -> None:
    message = refusal("clothes", tmp_path / "clothes")
    assert f"There is no data set 'clothes': {tmp_path / 'clothes'} is not a folder." in message
    for name in FILES:
        assert name in message


def blocks(content: bytes) -> bytes:
    """A gzip file as bgzip writes it: blocks of 65,280 bytes with their lengths, and an empty one."""
    members = bytearray()
    for start in range(0, len(content) + 65_280, 65_280):
        part = content[start : start + 65_280]
        stream = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = stream.compress(part) + stream.flush()
        header = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(body) + 25)
        members += header + body + struct.pack("<II", zlib.crc32(part), len(part))
    return bytes(members)


@pytest.mark.skipif(not FASHION.is_dir(), reason="needs the Debian package dataset-fashion-mnist")
def test_fashion_mnist_trains_as_debian_packs_it_and_compressed_again_in_members(tmp_path: Path) -> None:
    whole = load("fashion", DataFolder(FASHION))
    for name in FILES:
        content = gzip.decompress((FASHION / f"{name}.gz").read_bytes())
        (tmp_path / f"{name}.gz").write_bytes(blocks(content))
    again = load("again", DataFolder(tmp_path))
    assert (len(again.train_images), len(again.test_images)) == (60_000, 10_000)
    assert again.digest == whole.digest
    assert trained(again) > 0.4


def test_files_that_idx2numpy_has_written_train() -> None:
    """They hold the first 40 and 20 images of MNIST, written by idx2numpy 1.2.3 into a gzip file."""
    data = load("digits", DataFolder(Path(__file__).parent / "idx2numpy"))
    assert data.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert trained(data, epochs=5, batch_size=10, lr=1) > 0.3


def trained(data: Arrays, **config: float) -> float:
    """The test accuracy after training with one layer, for one epoch unless `config` says otherwise."""
    chosen = TrainConfig.model_validate({"depth": 1, "epochs": 1, "batch_size": 1024, **config})
    tensors = to_device(data, torch.device("cpu"))
    *_, record = train(chosen, tensors, TrainState.start(chosen, tensors.device))
    return record.test_accuracy


def test_a_missing_file_of_mnist_is_named_with_the_digest_it_should_have(linked: Path) -> None:
    (linked / f"{TEST_LABELS_FILE}.gz").unlink()
    message = refusal(SHIPPED, linked)
    assert f"{linked} lacks {TEST_LABELS_FILE}" in message
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
    assert "Restore the original file" in message


def test_the_files_of_mnist_under_another_name_are_another_data_set(linked: Path, arrays: Arrays) -> None:
    assert load("copied", DataFolder(linked)).digest == arrays.digest


def test_a_file_that_cannot_be_opened_is_named(linked: Path) -> None:
    path = linked / f"{TRAIN_IMAGES_FILE}.gz"
    path.unlink()
    path.write_bytes(gzip.compress(images(1))[:-3])
    message = refusal(SHIPPED, linked)
    assert f"{path} is truncated" in message
    assert "should be ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db" in message
