"""Folders of data sets: which files count, and how a change of theirs is noticed."""

import os
from pathlib import Path

from tests.trainer.idx_files import small, write
from trainer.folder import FILES, SHIPPED, TEST_LABELS_FILE, DataFolder


def test_mnist_comes_with_the_package_whatever_lies_in_the_data_folder(tmp_path: Path) -> None:
    write(tmp_path / "datasets" / SHIPPED, small())
    folder = DataFolder.of(SHIPPED, tmp_path)
    assert tmp_path not in folder.path.parents
    assert folder.missing == []


def test_another_data_set_lies_in_the_data_folder_under_its_name(tmp_path: Path) -> None:
    folder = DataFolder.of("clothes", tmp_path)
    assert folder.missing == list(FILES)
    write(tmp_path / "datasets" / "clothes", small())
    assert folder.missing == []


def test_plain_files_and_links_count_and_folders_do_not(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", small(), compressed=False)
    folder = DataFolder(tmp_path / "linked")
    folder.path.mkdir()
    for name in FILES[:3]:
        (folder.path / name).symlink_to(tmp_path / "elsewhere" / name)
    (folder.path / TEST_LABELS_FILE).mkdir()
    assert folder.missing == [TEST_LABELS_FILE]
    assert folder.file(FILES[0]) == folder.path / FILES[0]
    (folder.path / FILES[0]).unlink()
    (folder.path / FILES[0]).symlink_to(tmp_path / "nowhere")
    assert folder.missing == [FILES[0], TEST_LABELS_FILE]


def test_the_compressed_file_goes_before_the_plain_one(tmp_path: Path) -> None:
    write(tmp_path, small(), compressed=False)
    write(tmp_path, small())
    assert DataFolder(tmp_path).file(FILES[0]) == tmp_path / f"{FILES[0]}.gz"


def test_the_stamp_is_another_when_a_file_is_written_resized_or_replaced(tmp_path: Path) -> None:
    folder = DataFolder(write(tmp_path, small(), compressed=False))
    stamps = [folder.stamp]
    assert folder.stamp == stamps[0]
    path = tmp_path / TEST_LABELS_FILE
    os.utime(path, ns=(0, 1))
    stamps.append(folder.stamp)
    path.write_bytes(path.read_bytes() + b"\0")
    os.utime(path, ns=(0, 1))
    stamps.append(folder.stamp)
    path.unlink()
    stamps.append(folder.stamp)
    write(tmp_path, {TEST_LABELS_FILE: small()[TEST_LABELS_FILE]})
    stamps.append(folder.stamp)
    assert len(set(stamps)) == 5
