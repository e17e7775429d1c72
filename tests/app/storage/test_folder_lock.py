"""One dashboard per data folder and database."""

from pathlib import Path

import pytest

from app.storage.folder_lock import FolderInUse, LockUnusable, Place, held


def test_a_locked_place_names_its_holder(tmp_path: Path) -> None:
    place = Place.folder(tmp_path)
    with held([place]) as introduce:
        introduce("process 7, http://127.0.0.1:8000")
        with pytest.raises(FolderInUse) as caught, held([place]):
            pass
    assert str(caught.value) == (
        f"Depthboard is already running on the data folder '{tmp_path}' (process 7, http://127.0.0.1:8000). "
        "Stop it first, or use another folder with --data-dir."
    )
    with held([place]):
        pass


def test_a_failed_lock_releases_the_other_places(tmp_path: Path) -> None:
    mine, theirs = (Place.folder(tmp_path / name) for name in ("mine", "theirs"))
    with held([theirs]):
        with pytest.raises(FolderInUse), held([mine, theirs]):
            pass
        with held([mine]):
            pass


def test_a_link_to_a_database_is_the_same_place(tmp_path: Path) -> None:
    file = tmp_path / "one.sqlite3"
    link = tmp_path / "links" / "other.sqlite3"
    link.parent.mkdir()
    link.symlink_to(file)
    with (
        held([Place.database(file)]),
        pytest.raises(FolderInUse, match=r"the database .*other.*--database-url"),
        held([Place.database(link)]),
    ):
        pass
    assert Place.database(link).lock == tmp_path / "one.sqlite3.lock"


def test_a_lock_that_cannot_be_opened_is_reported_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "up.lock").mkdir()
    told = r"can't be locked: Is a directory\. Start Depthboard as the user"
    with pytest.raises(LockUnusable, match=told), held([Place.folder(tmp_path)]):
        pass
