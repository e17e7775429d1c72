"""Folders of data sets: which files count, and how a change of theirs is noticed."""

import os
from pathlib import Path

import pytest

from tests.trainer.idx_files import small, write
from trainer.data.folder import FILES, SHIPPED, TEST_LABELS_FILE, DataFolder, shown


def test_mnist_is_always_read_from_the_package(tmp_path: Path) -> None:
    write(tmp_path / "datasets" / SHIPPED, small())
    folder = DataFolder.of(SHIPPED, tmp_path)
    assert tmp_path not in folder.path.parents
    assert folder.missing == []


def test_an_added_data_set_is_in_the_data_folder_under_its_name(tmp_path: Path) -> None:
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


def test_compressed_files_precede_plain_ones(tmp_path: Path) -> None:
    write(tmp_path, small(), compressed=False)
    write(tmp_path, small())
    assert DataFolder(tmp_path).file(FILES[0]) == tmp_path / f"{FILES[0]}.gz"


def test_the_stamp_changes_when_a_file_is_written_resized_or_replaced(tmp_path: Path) -> None:
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


OTHER_NAMES = {
    "dots": [name.replace("-idx", ".idx") for name in FILES],
    "upper case": [f"{name.upper()}.GZ" for name in FILES],
    "underscores": [name.replace("-", "_") for name in FILES],
    "EMNIST": [f"emnist-digits-{name.replace('t10k', 'test')}.gz" for name in FILES],
    "EMNIST in upper case": [f"EMNIST-Digits-{name.replace('t10k', 'Test')}" for name in FILES],
    "torchvision": [f"FashionMNIST/raw/{name}" for name in FILES],
    "raw": [f"raw/{name}.gz" for name in FILES],
    "EMNIST's archive": [f"gzip/emnist-mnist-{name.replace('t10k', 'test')}.gz" for name in FILES],
}


def named(folder: Path, *names: str) -> None:
    """Empty files of these names, one for each of `FILES` in turn."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize("names", OTHER_NAMES.values(), ids=OTHER_NAMES)
def test_the_names_that_other_tools_give_are_recognised(tmp_path: Path, names: list[str]) -> None:
    named(tmp_path, *names, "README.md", "._train-images-idx3-ubyte", ".DS_Store")
    assert DataFolder(tmp_path).find().files == dict(
        zip(FILES, (tmp_path / name for name in names), strict=True)
    )


def test_original_names_precede_others_and_compressed_files_plain_ones(tmp_path: Path) -> None:
    named(tmp_path, *FILES, *(f"{name}.gz" for name in FILES), *OTHER_NAMES["dots"], *OTHER_NAMES["EMNIST"])
    named(tmp_path, *OTHER_NAMES["torchvision"])
    data_files = DataFolder(tmp_path).find()
    assert data_files.files == {name: tmp_path / f"{name}.gz" for name in FILES}
    assert data_files.unused == [tmp_path / name for name in FILES]


def test_files_in_the_folder_precede_those_in_subfolders(tmp_path: Path) -> None:
    named(tmp_path, *OTHER_NAMES["dots"], *OTHER_NAMES["raw"])
    assert DataFolder(tmp_path).file(FILES[0]) == tmp_path / "train-images.idx3-ubyte"


def test_files_of_several_data_sets_are_never_mixed(tmp_path: Path) -> None:
    letters = [name.replace("digits", "letters") for name in OTHER_NAMES["EMNIST"]]
    named(tmp_path, *OTHER_NAMES["EMNIST"], *letters)
    data_files = DataFolder(tmp_path).find()
    assert (data_files.rivals, data_files.files) == (["emnist-digits", "emnist-letters"], {})
    (tmp_path / letters[3]).unlink()
    assert DataFolder(tmp_path).find().files[FILES[3]].name.startswith("emnist-digits")
    (tmp_path / OTHER_NAMES["EMNIST"][0]).unlink()
    data_files = DataFolder(tmp_path).find()
    assert data_files.missing == [FILES[0]]
    assert data_files.missing_as == {FILES[0]: f"emnist-digits-{FILES[0]}"}


@pytest.mark.parametrize(
    ("held", "missing"),
    [
        ("EMNIST-Digits-Test-Images.IDX3-ubyte", "EMNIST-Digits-Test-Labels.IDX1-ubyte"),
        ("A_TEST_IMAGES_IDX3_UBYTE.GZ", "A_TEST_LABELS_IDX1_UBYTE"),
        ("a test-images-idx3-ubyte", "a test-labels-idx1-ubyte"),
        ("test-images-idx3-ubyte", TEST_LABELS_FILE),
    ],
)
def test_a_missing_file_has_the_spelling_of_the_one_it_belongs_to(
    tmp_path: Path, held: str, missing: str
) -> None:
    named(tmp_path, held)
    assert DataFolder(tmp_path).find().missing_as[TEST_LABELS_FILE].lower() == missing.lower()
    named(tmp_path, *DataFolder(tmp_path).find().missing_as.values())
    assert DataFolder(tmp_path).missing == []


def test_two_complete_subfolders_are_ambiguous(tmp_path: Path) -> None:
    named(tmp_path, *OTHER_NAMES["raw"], *(f"old/{name}" for name in FILES))
    assert DataFolder(tmp_path).find().rivals == ["old/", "raw/"]


def test_a_link_to_itself_is_followed_only_so_far(tmp_path: Path) -> None:
    (tmp_path / "again").symlink_to(tmp_path)
    assert DataFolder(tmp_path).missing == list(FILES)


def test_the_stamp_changes_when_a_file_is_replaced_by_one_of_equal_size_and_time(tmp_path: Path) -> None:
    folder = DataFolder(write(tmp_path, small(), compressed=False))
    before, path = folder.stamp, tmp_path / TEST_LABELS_FILE
    status, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:-1] + b"\1")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert folder.stamp != before


def test_the_search_of_a_large_folder_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.data.folder._MOST_ENTRIES", 10)
    named(tmp_path, *(f"{folder}/{image}.png" for folder in range(4) for image in range(5)))
    assert len(DataFolder(tmp_path).find().others) == 10 - 4
    named(tmp_path, *FILES)
    assert DataFolder(tmp_path).missing == []  # these names need no search


def test_a_name_of_any_bytes_can_be_shown() -> None:
    assert shown("ein Ordner ß") == "ein Ordner ß"
    assert shown("a\udcff\n\x00") == r"a\udcff\n\x00"
