"""Data sets: what is accepted, and what is told of one that is not."""

import gzip
import hashlib
import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.idx_files import Contents, images, labels, small, write
from trainer.config import TrainConfig
from trainer.data import Arrays, TensorData, load, to_device
from trainer.folder import (
    FILES,
    SHIPPED,
    TEST_IMAGES_FILE,
    TEST_LABELS_FILE,
    TRAIN_IMAGES_FILE,
    TRAIN_LABELS_FILE,
    DataFolder,
)
from trainer.inspection import DataError, Sizes, inspect, read_images
from trainer.loop import TrainState, train

FASHION = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts its files."""
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


def without(name: str, contents: Contents | None = None) -> dict[str, bytes]:
    """The files of a small data set but one, and others in its place."""
    return {other: content for other, content in files().items() if other != f"{name}.gz"} | dict(
        contents or {}
    )


def files() -> dict[str, bytes]:
    """The four files of a small data set by their names, compressed."""
    return {f"{name}.gz": gzip.compress(content) for name, content in small().items()}


def bomb() -> bytes:
    """A file of 1 MB that holds 1 GiB behind a header of three images."""
    return gzip.compress(images(3)[:16]) + gzip.compress(bytes(1 << 20)) * 1024


AGAIN = "Copy or download it again, or write it again from your data."
FILE = f"FOLDER/{TEST_LABELS_FILE}"
ODD: dict[str, tuple[Contents, str]] = {
    "an HTML page": (
        files() | {f"{TEST_LABELS_FILE}.gz": b"<!DOCTYPE html>\n<html><title>404</title></html>"},
        (
            f"{FILE}.gz is an HTML page. The download failed or needs a login. Download or copy the file "
            "again, and look at what arrives."
        ),
    ),
    "plain under .gz": (
        files() | {f"{TEST_LABELS_FILE}.gz": labels([5, 0, 9])},
        f"{FILE}.gz is not compressed, though its name says so. Rename it to {TEST_LABELS_FILE}.",
    ),
    "gzip under a plain name": (
        without(TEST_LABELS_FILE, {TEST_LABELS_FILE: gzip.compress(labels([5, 0, 9]))}),
        (
            f"{FILE} is compressed with gzip, though its name does not end in .gz. Rename it to "
            f"{TEST_LABELS_FILE}.gz, or decompress it."
        ),
    ),
    "empty": (files() | {f"{TEST_LABELS_FILE}.gz": b""}, f"{FILE}.gz is empty. {AGAIN}"),
    "a Git LFS pointer": (
        without(TEST_LABELS_FILE, {TEST_LABELS_FILE: b"version https://git-lfs.github.com/spec/v1\noid"}),
        f"{FILE} is a Git LFS pointer, which stands for the file. Run: git lfs pull",
    ),
    "cut short": (
        files() | {f"{TEST_LABELS_FILE}.gz": gzip.compress(labels([5, 0])) + gzip.compress(b"\x09")[:-3]},
        f"{FILE}.gz is cut short: gzip member 2 has no end. {AGAIN}",
    ),
    "garbage behind": (
        files() | {f"{TEST_LABELS_FILE}.gz": gzip.compress(labels([5, 0, 9])) + b"\r\n"},
        f"{FILE}.gz goes on after the end of its gzip data with bytes that are none (0x0d0a…). {AGAIN}",
    ),
    "a gibibyte": (
        files() | {f"{TEST_IMAGES_FILE}.gz": bomb()},
        (
            f"FOLDER/{TEST_IMAGES_FILE}.gz holds more bytes after its header than the 2,352 of the 3 images "
            f"that this states; it is read no further. {AGAIN}"
        ),
    ),
    "32-bit integers": (
        files() | {f"{TEST_LABELS_FILE}.gz": gzip.compress(struct.pack(">5I", 0xC01, 3, 5, 0, 9))},
        (
            f"{FILE}.gz begins with the magic number 0x00000c01 (32-bit integers in 1 dimension), not "
            "0x00000801 (unsigned bytes in 1 dimension: labels). Write it as IDX of unsigned bytes in 1 "
            "dimension: labels from 0 to 9."
        ),
    ),
    "images of another size": (
        files() | {f"{TEST_IMAGES_FILE}.gz": gzip.compress(images(3, 32, 32))},
        (
            f"FOLDER/{TEST_IMAGES_FILE}.gz holds images of 32x32 pixels, not of 28x28. Crop, pad or scale "
            "its images to 28x28 pixels."
        ),
    ),
    "letters": (
        files() | {f"{TEST_LABELS_FILE}.gz": gzip.compress(labels([5, 26, 9]))},
        (
            f"{FILE}.gz holds the label 26 (number 2 of 3), not 0 to 9. Number the classes from 0 to 9, and "
            "leave out the images of any others."
        ),
    ),
    "labels for other images": (
        files() | {f"{TEST_LABELS_FILE}.gz": gzip.compress(labels([5, 0, 9, 1]))},
        (
            f"{FILE}.gz holds 4 labels, but FOLDER/{TEST_IMAGES_FILE}.gz 3 images. Put files there that "
            "belong together: one label for each image."
        ),
    ),
    "images and labels exchanged": (
        files() | {f"{TEST_LABELS_FILE}.gz": gzip.compress(images(3))},
        (
            f"{FILE}.gz begins with the magic number 0x00000803 (unsigned bytes in 3 dimensions, 3x28x28), "
            "not 0x00000801 (unsigned bytes in 1 dimension: labels). Images and labels may be in each "
            "other's place: put each under its own name."
        ),
    ),
    "no image": (
        files() | {f"{TEST_IMAGES_FILE}.gz": gzip.compress(images(0))},
        f"FOLDER/{TEST_IMAGES_FILE}.gz holds no image. {AGAIN}",
    ),
    "an archive": (
        {"emnist-gzip.zip": b"PK\x03\x04"},
        f"FOLDER lacks {', '.join(FILES)}, each with or without .gz. Unpack emnist-gzip.zip there.",
    ),
    "a near miss": (
        without(TEST_LABELS_FILE, {f"{TEST_LABELS_FILE} (1).gz": b""}),
        (
            f"FOLDER lacks {TEST_LABELS_FILE}, with or without .gz. {TEST_LABELS_FILE} (1).gz is there: if "
            f"that is {TEST_LABELS_FILE}, rename it to {TEST_LABELS_FILE}.gz."
        ),
    ),
    "QMNIST": (
        {"qmnist-test-labels-idx2-int.gz": b"", "qmnist-test-images-idx3-ubyte.gz": b""},
        (
            f"FOLDER lacks qmnist-{TRAIN_IMAGES_FILE}, qmnist-{TRAIN_LABELS_FILE}, "
            "qmnist-test-labels-idx1-ubyte, each with or without .gz. qmnist-test-labels-idx2-int.gz is "
            "there: if that is qmnist-test-labels-idx1-ubyte, rename it to "
            "qmnist-test-labels-idx1-ubyte.gz; put the others beside it."
        ),
    ),
    "pictures": (
        {"0.png": b"", "1.png": b""},
        (
            f"FOLDER lacks {', '.join(FILES)}, each with or without .gz (its other files: 0.png, 1.png). "
            "Put them there: images of 28x28 pixels and labels from 0 to 9, as IDX files."
        ),
    ),
    "several data sets": (
        {f"emnist-{each}-{name}": b"" for each in ("digits", "letters") for name in FILES},
        (
            "FOLDER holds 2 data sets (emnist-digits, emnist-letters). Put the four files of each into a "
            "folder of its own."
        ),
    ),
}


@pytest.mark.parametrize(("contents", "expected"), ODD.values(), ids=ODD)
def test_a_damaged_or_odd_data_set_is_refused_with_what_is_wrong_and_what_to_do(
    tmp_path: Path, contents: Contents, expected: str
) -> None:
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    assert refusal("clothes", tmp_path).replace(str(tmp_path), "FOLDER") == expected


@pytest.mark.parametrize(("contents", "expected"), ODD.values(), ids=ODD)
def test_whoever_looks_a_folder_over_is_told_the_same(
    tmp_path: Path, contents: Contents, expected: str
) -> None:
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    folder = DataFolder(tmp_path)
    with pytest.raises(DataError) as caught:
        inspected(folder)
    assert str(caught.value).replace(str(tmp_path), "FOLDER") == expected


def inspected(folder: DataFolder) -> None:
    found = folder.find()
    inspect(folder, found)
    read_images(found)


def test_images_are_looked_over_in_little_memory(tmp_path: Path) -> None:
    folder = DataFolder(write(tmp_path, small() | {TRAIN_IMAGES_FILE: images(20_000)}))
    tracemalloc.start()
    try:
        read_images(folder.find())
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


def test_headers_tell_the_sizes(tmp_path: Path) -> None:
    folder = DataFolder(write(tmp_path, small()))
    assert inspect(folder, folder.find()) == Sizes(5, 3)


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    write(tmp_path, {name: content for name, content in small().items() if name != TEST_LABELS_FILE})
    (tmp_path / TEST_LABELS_FILE).symlink_to(tmp_path / "gone")
    assert f"{TEST_LABELS_FILE} is a link that leads nowhere: mend it." in refusal("clothes", tmp_path)


def test_what_is_no_file_under_the_name_of_one_is_told_to_be_replaced(tmp_path: Path) -> None:
    write(tmp_path, {name: content for name, content in small().items() if name != TEST_LABELS_FILE})
    path = tmp_path / TEST_LABELS_FILE
    lacks = f"{tmp_path} lacks {TEST_LABELS_FILE}, with or without .gz. {TEST_LABELS_FILE} is"
    path.mkdir()
    assert refusal("clothes", tmp_path) == f"{lacks} a folder. Replace it with the file."
    path.rmdir()
    os.mkfifo(path)
    assert refusal("clothes", tmp_path) == f"{lacks} no regular file. Replace it with the file."


MISSING = {
    "emnist-digits-{}.gz": (
        "test",
        f"emnist-digits-{TRAIN_IMAGES_FILE}",
        "emnist-digits-test-labels-idx1-ubyte",
    ),
    "Clothes_{}": ("t10k", f"Clothes_{TRAIN_IMAGES_FILE}", f"Clothes_{TEST_LABELS_FILE}"),
    "raw/{}.gz": ("t10k", TRAIN_IMAGES_FILE, TEST_LABELS_FILE),
}


@pytest.mark.parametrize("pattern", MISSING)
def test_a_missing_file_is_called_as_it_would_be_found_beside_the_others(
    tmp_path: Path, pattern: str
) -> None:
    word, *expected = MISSING[pattern]
    for name, missing in zip((TRAIN_IMAGES_FILE, TEST_LABELS_FILE), expected, strict=True):
        folder = tmp_path / missing
        for other, content in small().items():
            path = folder / pattern.format(other.replace("t10k", word))
            path.parent.mkdir(parents=True, exist_ok=True)
            if other != name:
                path.write_bytes(gzip.compress(content) if path.suffix else content)
        kind = "labels from 0 to 9" if name == TEST_LABELS_FILE else "images of 28x28 pixels"
        assert refusal("clothes", folder) == (
            f"{path.parent} lacks {missing}, with or without .gz. Put it there: {kind}, as an IDX file."
        )
        (path.parent / missing).write_bytes(small()[name])
        assert DataFolder(folder).missing == []


def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # whoever runs the tests may read everything
    assert "can't be read. Give the user that Depthboard runs as access" in refusal("clothes", tmp_path)


def blocks(content: bytes) -> bytes:
    """A gzip file as bgzip writes it: blocks of 65,280 bytes with their lengths, and an empty one."""
    found = bytearray()
    for start in range(0, len(content) + 65_280, 65_280):
        part = content[start : start + 65_280]
        stream = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = stream.compress(part) + stream.flush()
        header = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(body) + 25)
        found += header + body + struct.pack("<II", zlib.crc32(part), len(part))
    return bytes(found)


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
    assert "Put the original file there" in message


def test_the_same_files_under_another_name_are_a_data_set_of_ones_own(linked: Path, arrays: Arrays) -> None:
    assert load("copied", DataFolder(linked)).digest == arrays.digest


def test_a_file_that_cannot_be_opened_is_named(linked: Path) -> None:
    path = linked / f"{TRAIN_IMAGES_FILE}.gz"
    path.unlink()
    path.write_bytes(gzip.compress(images(1))[:-3])
    message = refusal(SHIPPED, linked)
    assert f"{path} is cut short" in message
    assert "should be ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db" in message
