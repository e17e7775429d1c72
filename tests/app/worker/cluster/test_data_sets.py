"""Copies of data sets on nodes."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from app.worker.cluster import data_sets
from app.worker.cluster.data_sets import NotCopied, Published, Publisher
from tests.few import FEW, link
from trainer.data.folder import SHIPPED, DataFolder, home


@pytest.fixture
def publisher(tmp_path: Path, few: Path) -> Publisher:
    (tmp_path / "dispatcher").mkdir()
    link(tmp_path / "dispatcher", few)
    return Publisher(tmp_path / "dispatcher", str(tmp_path / "artifacts"))


def published(publisher: Publisher) -> Published:
    found = publisher.publish(FEW)
    assert found
    return found


def test_a_data_set_is_copied_to_a_node_once(publisher: Publisher, few: Path, tmp_path: Path) -> None:
    node = tmp_path / "node"
    data_sets.fetch(published(publisher), node)
    for path in DataFolder(few).find().files.values():
        assert (home(node) / FEW / path.name).read_bytes() == path.read_bytes()
    stamp = DataFolder.of(FEW, node).stamp
    data_sets.fetch(published(publisher), node)
    assert DataFolder.of(FEW, node).stamp == stamp


def test_data_sets_that_nodes_have_or_that_are_missing_are_not_copied(publisher: Publisher) -> None:
    assert publisher.publish(SHIPPED) is None
    assert publisher.publish("unknown") is None


def test_a_new_version_replaces_the_copy_of_an_old_one(tmp_path: Path, few: Path) -> None:
    folder = tmp_path / "dispatcher" / "datasets" / FEW
    folder.mkdir(parents=True)
    for path in DataFolder(few).find().files.values():
        (folder / path.name).write_bytes(path.read_bytes())
    publisher = Publisher(tmp_path / "dispatcher", str(tmp_path / "artifacts"))
    node = tmp_path / "node"
    old = published(publisher)
    data_sets.fetch(old, node)
    (changed, *_) = folder.iterdir()
    changed.write_bytes(changed.read_bytes() + b"more")
    new = published(publisher)
    assert new.digest != old.digest
    data_sets.fetch(new, node)
    assert (home(node) / FEW / changed.name).read_bytes() == changed.read_bytes()


def test_a_file_that_differs_from_the_published_one_is_refused(publisher: Publisher, tmp_path: Path) -> None:
    found = published(publisher)
    name = next(iter(found.files))
    (found.folder / name).write_bytes(b"other")
    with pytest.raises(NotCopied, match=f"{name} in the artifacts differs"):
        data_sets.fetch(found, tmp_path / "node")
    (found.folder / name).unlink()
    with pytest.raises(NotCopied, match="could not be copied to this node"):
        data_sets.fetch(found, tmp_path / "node")
    assert not (home(tmp_path / "node") / FEW).exists()


def test_errors_of_the_driver_of_a_store_are_told(publisher: Publisher, tmp_path: Path) -> None:
    class Store:
        def __truediv__(self, name: str) -> Path:
            raise RuntimeError(f"no credentials for {name}")

    found = replace(published(publisher), folder=cast("Path", Store()))
    with pytest.raises(NotCopied, match="could not be copied to this node: no credentials for"):
        data_sets.fetch(found, tmp_path / "node")


def test_the_copies_of_two_locations_are_in_different_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    one, other = (data_sets.node_folder(location) for location in ("s3://one", "s3://other"))
    assert one != other
    assert one.parent == other.parent == Path("/somewhere/depthboard")
