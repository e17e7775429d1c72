"""Which data sets can be asked for, and what is said of one that cannot."""

from pathlib import Path

import pytest

from app.datasets import UnknownDataset, check, incomplete, names
from app.settings import Settings
from tests.app.conftest import Served, contents
from tests.trainer.idx_files import small, write
from trainer.folder import TEST_LABELS_FILE

UNKNOWN = "there is no complete data set 'kmnist' here, only mnist, clothes"
PLACE = "put its four IDX files into datasets/kmnist in the data folder"


@pytest.fixture
def folder(settings: Settings) -> Path:
    """The folder of the data sets of one's own, with a complete one and one that lacks a file."""
    home = settings.data_dir / "datasets"
    write(home / "clothes", small())
    write(home / "kmnist", {name: file for name, file in small().items() if name != TEST_LABELS_FILE})
    return home


def test_there_is_only_mnist_at_first(tmp_path: Path) -> None:
    assert names(tmp_path) == ["mnist"]
    assert incomplete(tmp_path) == {}


def test_complete_folders_follow_mnist_in_the_order_of_their_names(folder: Path, settings: Settings) -> None:
    write(folder / "a-set", small(), compressed=False)
    write(folder / "mnist", small())
    write(folder / "Not A Name", small())
    (folder / "README.txt").write_text("not a folder")
    assert names(settings.data_dir) == ["mnist", "a-set", "clothes"]
    assert incomplete(settings.data_dir) == {"kmnist": [TEST_LABELS_FILE]}


def test_what_is_not_available_is_refused_with_what_is_and_what_to_do() -> None:
    check(["mnist", "clothes"], ["mnist", "clothes"])
    with pytest.raises(UnknownDataset, match=UNKNOWN) as refused:
        check(["mnist", "kmnist"], ["mnist", "clothes"])
    assert PLACE in str(refused.value)


@pytest.mark.usefixtures("folder")
def test_a_run_and_a_study_on_a_folder_of_ones_own_are_queued(server: Served) -> None:
    run = server.client.post("/runs", json={"depth": 1, "dataset": "clothes"})
    assert (run.status_code, run.json()["dataset"]) == (201, "clothes")
    study = server.client.post("/studies", json={"depth": 1, "dataset": ["mnist", "clothes"]})
    assert (study.status_code, len(study.json()["runs"])) == (201, 2)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("path", "dataset"),
    [("/runs", "kmnist"), ("/studies", ["mnist", "kmnist"]), ("/studies/preview", "kmnist")],
)
def test_programs_are_told_which_field_is_wrong_and_nothing_changes(
    server: Served, path: str, dataset: object
) -> None:
    before = contents(server.database)
    answer = server.client.post(path, json={"depth": 1, "dataset": dataset})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert error["loc"] == ["dataset"]
    assert UNKNOWN in error["msg"]
    assert PLACE in error["msg"]
    assert contents(server.database) == before


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("path", ["/runs", "/studies"])
def test_people_are_told_beside_the_field_and_nothing_changes(server: Served, path: str) -> None:
    before = contents(server.database)
    form = {"depth": "1", "dataset": ["mnist", "kmnist"]}
    answer = server.client.post(path, data=form, headers={"Accept": "text/html"})
    assert answer.status_code == 422
    _, _, message = answer.text.partition('id="dataset-error"')
    assert "There is no complete data set &#39;kmnist&#39; here" in message.partition("</p>")[0]
    assert contents(server.database) == before


@pytest.mark.usefixtures("folder")
def test_the_form_offers_what_is_there(server: Served) -> None:
    shown = server.client.get("/runs/new", headers={"Accept": "text/html"}).text
    assert 'name="dataset" value="mnist" checked' in shown
    assert 'name="dataset" value="clothes">' in shown
    assert 'value="kmnist"' not in shown


@pytest.mark.usefixtures("folder")
def test_the_system_page_names_them_and_what_one_of_them_lacks(server: Served, settings: Settings) -> None:
    shown = server.client.get("/workers", headers={"Accept": "text/html"}).text
    assert "<code>mnist</code>, <code>clothes</code>" in shown
    assert f"<code>kmnist</code> lacks <code>{TEST_LABELS_FILE}</code>." in shown
    assert str(settings.data_dir / "datasets") in shown


def test_a_data_set_counts_from_the_moment_it_is_complete(folder: Path, settings: Settings) -> None:
    assert "kmnist" not in names(settings.data_dir)
    write(folder / "kmnist", {TEST_LABELS_FILE: small()[TEST_LABELS_FILE]})
    assert "kmnist" in names(settings.data_dir)
