"""The inspection of a data set's folder, and its errors."""

import gzip
import os
import struct
import tracemalloc
from pathlib import Path

import pytest

from tests.trainer.data.refusals_of_folders import refusal
from tests.trainer.idx_files import Contents, images, labels, small, write
from trainer.data.folder import (
    FILES,
    TEST_IMAGES_FILE,
    TEST_LABELS_FILE,
    TRAIN_IMAGES_FILE,
    TRAIN_LABELS_FILE,
    DataFolder,
)
from trainer.data.inspection import DataError, Sizes, inspect, read_images


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


AGAIN = "Copy, download or generate it again."


FILE = f"FOLDER/{TEST_LABELS_FILE}"


ODD: dict[str, tuple[Contents, str]] = {
    "an HTML page": (
        files() | {f"{TEST_LABELS_FILE}.gz": b"<!DOCTYPE html>\n<html><title>404</title></html>"},
        (
            f"{FILE}.gz is an HTML page. The download failed or requires a login. Download or copy the "
            "file again, and check its content."
        ),
    ),
    "plain under .gz": (
        files() | {f"{TEST_LABELS_FILE}.gz": labels([5, 0, 9])},
        f"{FILE}.gz is not compressed although its name ends in .gz. Rename it to {TEST_LABELS_FILE}.",
    ),
    "gzip under a plain name": (
        without(TEST_LABELS_FILE, {TEST_LABELS_FILE: gzip.compress(labels([5, 0, 9]))}),
        (
            f"{FILE} is compressed with gzip although its name does not end in .gz. Rename it to "
            f"{TEST_LABELS_FILE}.gz, or decompress it."
        ),
    ),
    "empty": (files() | {f"{TEST_LABELS_FILE}.gz": b""}, f"{FILE}.gz is empty. {AGAIN}"),
    "a Git LFS pointer": (
        without(TEST_LABELS_FILE, {TEST_LABELS_FILE: b"version https://git-lfs.github.com/spec/v1\noid"}),
        f"{FILE} is a Git LFS pointer instead of the file. Run: git lfs pull",
    ),
    "truncated": (
        files() | {f"{TEST_LABELS_FILE}.gz": gzip.compress(labels([5, 0])) + gzip.compress(b"\x09")[:-3]},
        f"{FILE}.gz is truncated: gzip member 2 has no end. {AGAIN}",
    ),
    "garbage behind": (
        files() | {f"{TEST_LABELS_FILE}.gz": gzip.compress(labels([5, 0, 9])) + b"\r\n"},
        f"{FILE}.gz has non-gzip bytes after the end of its gzip data (0x0d0a…). {AGAIN}",
    ),
    "a gibibyte": (
        files() | {f"{TEST_IMAGES_FILE}.gz": bomb()},
        (
            f"FOLDER/{TEST_IMAGES_FILE}.gz has more data than the 3 images (2,352 bytes) that its header "
            f"states. {AGAIN}"
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
            f"FOLDER/{TEST_IMAGES_FILE}.gz contains images of 32x32 pixels instead of 28x28. Crop, pad or "
            "scale its images to 28x28 pixels."
        ),
    ),
    "letters": (
        files() | {f"{TEST_LABELS_FILE}.gz": gzip.compress(labels([5, 26, 9]))},
        (
            f"{FILE}.gz contains the label 26 (number 2 of 3); expected 0 to 9. Number the classes from 0 to "
            "9, and remove images of other classes."
        ),
    ),
    "labels for other images": (
        files() | {f"{TEST_LABELS_FILE}.gz": gzip.compress(labels([5, 0, 9, 1]))},
        (
            f"{FILE}.gz contains 4 labels, but FOLDER/{TEST_IMAGES_FILE}.gz contains 3 images. Use matching "
            "files: one label per image."
        ),
    ),
    "images and labels exchanged": (
        files() | {f"{TEST_LABELS_FILE}.gz": gzip.compress(images(3))},
        (
            f"{FILE}.gz begins with the magic number 0x00000803 (unsigned bytes in 3 dimensions, 3x28x28), "
            "not 0x00000801 (unsigned bytes in 1 dimension: labels). The image file and the "
            "label file may have each other's names: exchange the names."
        ),
    ),
    "no image": (
        files() | {f"{TEST_IMAGES_FILE}.gz": gzip.compress(images(0))},
        f"FOLDER/{TEST_IMAGES_FILE}.gz contains no images. {AGAIN}",
    ),
    "an archive": (
        {"emnist-gzip.zip": b"PK\x03\x04"},
        f"FOLDER lacks {', '.join(FILES)}, each with or without .gz. Unpack emnist-gzip.zip in this folder.",
    ),
    "a near miss": (
        without(TEST_LABELS_FILE, {f"{TEST_LABELS_FILE} (1).gz": b""}),
        (
            f"FOLDER lacks {TEST_LABELS_FILE}, with or without .gz. If {TEST_LABELS_FILE} (1).gz is "
            f"{TEST_LABELS_FILE}, rename it to {TEST_LABELS_FILE}.gz."
        ),
    ),
    "QMNIST": (
        {"qmnist-test-labels-idx2-int.gz": b"", "qmnist-test-images-idx3-ubyte.gz": b""},
        (
            f"FOLDER lacks qmnist-{TRAIN_IMAGES_FILE}, qmnist-{TRAIN_LABELS_FILE}, "
            "qmnist-test-labels-idx1-ubyte, each with or without .gz. If qmnist-test-labels-idx2-int.gz is "
            "qmnist-test-labels-idx1-ubyte, rename it to qmnist-test-labels-idx1-ubyte.gz, and put the "
            "others into the same folder."
        ),
    ),
    "pictures": (
        {"0.png": b"", "1.png": b""},
        (
            f"FOLDER lacks {', '.join(FILES)}, each with or without .gz (other files: 0.png, 1.png). Add "
            "IDX files with images of 28x28 pixels and labels from 0 to 9."
        ),
    ),
    "several data sets": (
        {f"emnist-{each}-{name}": b"" for each in ("digits", "letters") for name in FILES},
        (
            "FOLDER contains 2 data sets (emnist-digits, emnist-letters). Put the four files of each into a "
            "separate folder."
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
def test_inspection_reports_the_same_errors_as_loading(
    tmp_path: Path, contents: Contents, expected: str
) -> None:
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    folder = DataFolder(tmp_path)
    with pytest.raises(DataError) as caught:
        inspected(folder)
    assert str(caught.value).replace(str(tmp_path), "FOLDER") == expected


def inspected(folder: DataFolder) -> None:
    data_files = folder.find()
    inspect(folder, data_files)
    read_images(data_files)


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
    assert f"{TEST_LABELS_FILE} is a broken link: fix it." in refusal("clothes", tmp_path)


def test_a_folder_or_pipe_with_the_name_of_a_file_is_reported(tmp_path: Path) -> None:
    write(tmp_path, {name: content for name, content in small().items() if name != TEST_LABELS_FILE})
    path = tmp_path / TEST_LABELS_FILE
    lacks = f"{tmp_path} lacks {TEST_LABELS_FILE}, with or without .gz. {TEST_LABELS_FILE} is"
    path.mkdir()
    assert refusal("clothes", tmp_path) == f"{lacks} a folder. Replace it with the file."
    path.rmdir()
    os.mkfifo(path)
    assert refusal("clothes", tmp_path) == f"{lacks} not a regular file. Replace it with the file."


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
def test_a_missing_file_is_named_in_the_spelling_of_the_others(tmp_path: Path, pattern: str) -> None:
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
            f"{path.parent} lacks {missing}, with or without .gz. Add an IDX file with {kind}."
        )
        (path.parent / missing).write_bytes(small()[name])
        assert DataFolder(folder).missing == []


def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # whoever runs the tests may read everything
    assert "can't be read. Grant read access to the user that runs Depthboard" in refusal("clothes", tmp_path)
