"""Which data sets can be asked for, and what is said of one that cannot."""

import os
import re
import threading
from pathlib import Path

import pytest

from app.runs import datasets
from app.runs.datasets import Catalogue, UnknownDataset, Usable, catalogue, check
from app.settings import Settings
from tests.app.conftest import Served, contents
from tests.trainer.idx_files import images, labels, small, write
from tests.waiting import eventually
from trainer.data.folder import (
    FILES,
    TEST_LABELS_FILE,
    TRAIN_IMAGES_FILE,
    TRAIN_LABELS_FILE,
    DataFolder,
    FoundFiles,
)
from trainer.data.inspection import Sizes, inspect, read_images

UNKNOWN = "there is no data set 'kmnist'; expected one of mnist, clothes"
PLACE = "put its four IDX files into datasets/kmnist in the data folder"
LACKS = f"lacks {TEST_LABELS_FILE}, with or without .gz"


@pytest.fixture
def folder(settings: Settings) -> Path:
    """The folder of the data sets of one's own, with a complete one and one that lacks a file."""
    home = settings.data_dir / "datasets"
    write(home / "clothes", small())
    write(home / "kmnist", {name: file for name, file in small().items() if name != TEST_LABELS_FILE})
    return home


def names(settings: Settings) -> list[str]:
    return catalogue(settings.data_dir).names


def test_a_new_installation_has_only_mnist(tmp_path: Path) -> None:
    assert catalogue(tmp_path) == Catalogue([Usable("mnist", Sizes(60_000, 10_000))])


def test_usable_data_sets_are_listed_by_name_after_mnist(folder: Path, settings: Settings) -> None:
    write(folder / "a-set", small(), compressed=False)
    write(folder / ".hidden", small())
    found = catalogue(settings.data_dir)
    assert found.usable[1:] == [Usable("a-set", Sizes(5, 3)), Usable("clothes", Sizes(5, 3))]
    assert found.unfit == {
        "kmnist": (f"{folder / 'kmnist'} {LACKS}. Add an IDX file with labels from 0 to 9.")
    }
    assert found.loose is None


def test_notes_show_which_files_of_other_names_are_read(settings: Settings) -> None:
    home = settings.data_dir / "datasets"
    write(home / "fashion" / "FashionMNIST" / "raw", small())
    write(home / "fashion" / "FashionMNIST" / "raw", small(), compressed=False)
    (found,) = catalogue(settings.data_dir).usable[1:]
    assert found.note == (
        f"read from FashionMNIST/raw/; ignored because another file is used instead: {', '.join(FILES)}"
    )


NAME = "A data set's name can have at most 64 lower-case letters, digits, dots, hyphens and underscores."
BAD_NAMES = {
    "My Digits": f"{NAME} Rename the folder, for example to my-digits.",
    "FashionMNIST": f"{NAME} Rename the folder, for example to fashionmnist.",
    "Größe": f"{NAME} Rename the folder.",
    "x" * 65: f"{NAME} Rename the folder.",
    "mnist": "mnist is the name of the included data set. Rename the folder.",
}


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_folder_with_an_invalid_name_is_listed_with_the_remedy(settings: Settings, name: str) -> None:
    write(settings.data_dir / "datasets" / name, small())
    found = catalogue(settings.data_dir)
    assert (found.names, found.unfit) == (["mnist"], {name: BAD_NAMES[name]})


def test_files_beside_the_folders_are_listed(folder: Path, settings: Settings) -> None:
    write(folder, small())
    (folder / "lost").symlink_to(folder / "nowhere")
    loose = catalogue(settings.data_dir).loose
    assert loose is not None
    assert loose == (
        "Files outside a data set folder: lost, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz, "
        "train-images-idx3-ubyte.gz, …. Put the four files of each data set into a separate folder, unpack "
        "archives, and repair broken links."
    )


def test_invalid_content_is_reported_until_it_is_fixed(settings: Settings) -> None:
    folder = write(settings.data_dir / "datasets" / "letters", small())
    path = folder / f"{TEST_LABELS_FILE}.gz"
    for content, reason in (
        (labels([5, 0, 26]), "contains the label 26 (number 3 of 3); expected 0 to 9"),
        (labels([5, 0]), "contains 2 labels, but"),
    ):
        write(folder, {TEST_LABELS_FILE: content})
        found = catalogue(settings.data_dir)
        assert found.names == ["mnist"]
        assert found.unfit["letters"].startswith(f"{path} {reason}")
    write(folder, small())
    assert names(settings) == ["mnist", "letters"]


def test_headers_are_read_once_until_files_change(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def counted(place: DataFolder, found: FoundFiles) -> Sizes:
        looked.append(place.path.name)
        return inspect(place, found)

    monkeypatch.setattr(datasets, "inspect", counted)
    for _ in range(3):
        catalogue(settings.data_dir)
    write(folder / "clothes", {TEST_LABELS_FILE: labels([1, 2, 3])})
    catalogue(settings.data_dir)
    assert looked == ["clothes", "clothes"]


def damaged(folder: Path) -> Path:
    """A data set whose training images are damaged far behind the header of their file."""
    many = {TRAIN_IMAGES_FILE: images(2000), TRAIN_LABELS_FILE: labels([1] * 2000)}
    path = write(folder, small() | many) / f"{TRAIN_IMAGES_FILE}.gz"
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    return path


def test_damaged_images_are_reported_and_refused_until_they_are_fixed(
    site: Served, settings: Settings
) -> None:
    path = damaged(settings.data_dir / "datasets" / "letters")
    eventually(lambda: "letters" in catalogue(settings.data_dir).unfit)
    reason = f"{path} is damaged: the content of gzip member 1 does not match its checksum"
    assert catalogue(settings.data_dir).unfit["letters"].startswith(reason)
    answer = site.client.post("/runs", json={"depth": 1, "dataset": "letters"})
    assert answer.status_code == 422
    assert reason in answer.text
    write(path.parent, small())
    assert names(settings) == ["mnist", "letters"]


def test_responses_do_not_wait_for_images_being_read(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow(found: FoundFiles) -> None:
        go_on.wait()
        read_images(found)

    monkeypatch.setattr(datasets, "read_images", slow)
    damaged(folder / "letters")
    try:
        assert names(settings) == ["mnist", "clothes", "letters"]
    finally:
        go_on.set()
    eventually(lambda: names(settings) == ["mnist", "clothes"])


def test_an_unavailable_data_set_is_refused_with_the_available_ones_and_the_remedy() -> None:
    known = Catalogue([Usable(name, Sizes(5, 3)) for name in ("mnist", "clothes")], {"letters": "It is odd."})
    check(["mnist", "clothes"], known)
    with pytest.raises(UnknownDataset, match=UNKNOWN) as refused:
        check(["mnist", "kmnist"], known)
    assert PLACE in str(refused.value)
    with pytest.raises(UnknownDataset) as refused:
        check(["letters"], known)
    assert str(refused.value) == (
        "the data set 'letters' can't be used: It is odd. Available data sets: mnist, clothes"
    )


@pytest.mark.usefixtures("folder")
def test_runs_and_studies_on_added_data_sets_are_queued(site: Served) -> None:
    run = site.client.post("/runs", json={"depth": 1, "dataset": "clothes"})
    assert (run.status_code, run.json()["dataset"]) == (201, "clothes")
    study = site.client.post("/studies", json={"depth": 1, "dataset": ["mnist", "clothes"]})
    assert (study.status_code, len(study.json()["runs"])) == (201, 2)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("path", "dataset"),
    [("/runs", "kmnist"), ("/studies", ["mnist", "kmnist"]), ("/studies/preview", "kmnist")],
)
def test_an_unknown_data_set_is_an_error_of_its_field(site: Served, path: str, dataset: object) -> None:
    before = contents(site.database)
    answer = site.client.post(path, json={"depth": 1, "dataset": dataset})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert error["loc"] == ["dataset"]
    assert "the data set 'kmnist' can't be used: " in error["msg"]
    assert LACKS in error["msg"]
    assert contents(site.database) == before


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("path", ["/runs", "/studies"])
def test_an_unknown_data_set_is_shown_at_its_field(site: Served, path: str) -> None:
    before = contents(site.database)
    form = {"depth": "1", "dataset": ["mnist", "kmnist"]}
    answer = site.client.post(path, data=form, headers={"Accept": "text/html"})
    assert answer.status_code == 422
    _, _, message = answer.text.partition('id="dataset-error"')
    assert "The data set &#39;kmnist&#39; can&#39;t be used: " in message.partition("</p>")[0]
    assert LACKS in message.partition("</p>")[0]
    assert contents(site.database) == before


@pytest.mark.usefixtures("folder")
def test_the_form_offers_what_is_there(site: Served) -> None:
    shown = site.client.get("/runs/new", headers={"Accept": "text/html"}).text
    assert 'name="dataset" value="mnist" checked' in shown
    assert 'name="dataset" value="clothes">' in shown
    assert 'value="kmnist"' not in shown


def test_a_data_set_is_usable_once_it_is_complete(folder: Path, settings: Settings) -> None:
    assert "kmnist" not in names(settings)
    write(folder / "kmnist", {TEST_LABELS_FILE: small()[TEST_LABELS_FILE]})
    assert "kmnist" in names(settings)


@pytest.mark.usefixtures("folder")
def test_the_system_page_lists_data_sets_and_what_is_wrong_with_others(
    site: Served, settings: Settings
) -> None:
    write(settings.data_dir / "datasets" / "My Digits", small())
    (settings.data_dir / "datasets" / os.fsdecode(b"\xff\n<b>")).mkdir()
    page = site.client.get("/workers", headers={"Accept": "text/html"}).text
    shown = re.sub(r"\s*(</?d[dt]>)\s*", r"\1", page)
    assert "<dt>mnist</dt><dd>60,000 training images, 10,000 test images</dd>" in shown
    assert "<dt>clothes</dt><dd>5 training images, 3 test images</dd>" in shown
    assert f"<code>kmnist</code>: {settings.data_dir}/datasets/kmnist {LACKS}" in shown
    assert "<code>My Digits</code>: A data set&#39;s name can have" in shown
    assert r"<code>\udcff\n&lt;b&gt;</code>" in shown
    assert str(settings.data_dir / "datasets") in shown
