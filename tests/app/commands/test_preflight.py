"""What has to be right before a process begins: each setting that is wrong is named with its option."""

import os
from pathlib import Path

import pytest

from app.address import AddressError
from app.commands import preflight
from app.commands.failures import EXIT_USAGE, Failure
from app.settings import Settings
from app.storage.sqlite import create


@pytest.fixture(autouse=True)
def _own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what options leave in the environment."""
    for name in ("DATA_DIR", "ARTIFACTS_URL", "PORT", "SLOTS", "HOST", "NO_LOGIN"):
        monkeypatch.setenv(f"DEPTHBOARD_{name}", "")
        monkeypatch.delenv(f"DEPTHBOARD_{name}")


def test_options_override_variables_and_reach_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPTHBOARD_PORT", "9000")
    monkeypatch.chdir(tmp_path)
    settings = preflight.settings_of({"port": "9001", "data_dir": "below"})
    assert (settings.port, settings.data_dir) == (9001, tmp_path / "below")
    assert os.environ["DEPTHBOARD_PORT"] == "9001"
    assert os.environ["DEPTHBOARD_DATA_DIR"] == str(tmp_path / "below"), "absolute, wherever a child begins"


def test_every_wrong_setting_is_named_with_its_option_and_what_was_given(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        preflight.settings_of({"port": "many", "slots": "-1", "data_dir": str(tmp_path)})
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "DEPTHBOARD_PORT (--port)",
        "DEPTHBOARD_SLOTS (--slots)",
    ]
    assert lines[0].endswith("got 'many'")
    assert caught.value.exit_code == EXIT_USAGE


def test_an_empty_option_is_refused() -> None:
    with pytest.raises(Failure, match=r"DEPTHBOARD_PORT \(--port\): the value is empty; omit the option"):
        preflight.settings_of({"port": ""})


def test_a_data_folder_is_made_and_a_file_in_its_place_refused(tmp_path: Path) -> None:
    preflight.check_data_dir(Settings(data_dir=tmp_path / "new" / "folder"))
    assert (tmp_path / "new" / "folder").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match=r"\(--data-dir\): can't be created"):
        preflight.check_data_dir(Settings(data_dir=tmp_path / "file"))


def test_the_folder_of_artifacts_is_made_at_the_first_start_alone(tmp_path: Path) -> None:
    place = tmp_path / "store" / "artifacts"
    given = {"data_dir": str(tmp_path / "data"), "artifacts_url": str(place)}
    preflight.begin(given)
    assert place.is_dir()
    place.rmdir()
    create(tmp_path / "data" / "depthboard.sqlite3")
    preflight.begin(given, anew=False)
    assert not place.exists()


def test_a_dashboard_locks_its_folder_and_its_database_file(tmp_path: Path) -> None:
    folder, database = preflight.places(Settings(data_dir=tmp_path))
    assert (folder.kind, database.kind) == ("data folder", "database")
    assert database.name == tmp_path / "depthboard.sqlite3"
    url = "postgresql+psycopg://me@host/name"
    assert [place.kind for place in preflight.places(Settings(data_dir=tmp_path, database_url=url))] == [
        "data folder"
    ]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "expected one like postgresql+psycopg://user@host/name"),
        ("sqlite://", "is an in-memory database"),
        ("mysql+nodriver://host/name", "expected one like postgresql"),
    ],
)
def test_a_database_that_can_not_be_named_is_refused(tmp_path: Path, url: str, words: str) -> None:
    with pytest.raises(Failure) as caught:
        preflight.check_database(Settings(data_dir=tmp_path, database_url=url))
    assert str(caught.value).startswith("DEPTHBOARD_DATABASE_URL (--database-url): ")
    assert words in str(caught.value)


def test_the_length_of_the_database_path_is_limited(tmp_path: Path) -> None:
    room = preflight.LONGEST_PATH - len("/depthboard.sqlite3")
    longest = Path(f"/{'x' * 200}/{'y' * (room - 202)}")
    assert preflight.check_database(Settings(data_dir=longest))
    with pytest.raises(Failure, match=r"\(--data-dir\): the path of the database has 505 bytes"):
        preflight.check_database(Settings(data_dir=longest.with_name(f"{longest.name}y")))
    with pytest.raises(Failure, match="--database-url"):
        preflight.check_database(
            Settings(data_dir=tmp_path, database_url=f"sqlite:///{longest}/longer-than-that.sqlite3")
        )


def test_an_exposed_address_requires_no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preflight.check_login(Settings(data_dir=tmp_path, port=0))
    everywhere = Settings(data_dir=tmp_path, host="0.0.0.0", port=0)  # noqa: S104
    with pytest.raises(Failure, match=r"\(--host\): '0.0.0.0' can be reached from other machines, and there"):
        preflight.check_login(everywhere)
    preflight.check_login(everywhere.model_copy(update={"no_login": True}))
    monkeypatch.setenv("DEPTHBOARD_NO_LOGIN", "1")
    preflight.check_login(preflight.settings_of({"host": "0.0.0.0", "port": "0", "data_dir": str(tmp_path)}))  # noqa: S104
    with pytest.raises(AddressError):
        preflight.check_login(everywhere.model_copy(update={"host": "192.0.2.1", "no_login": True}))
