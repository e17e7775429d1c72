"""The data folder is the given one, with any name."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.commands import preflight
from app.commands.backup import save
from app.commands.failures import Failure
from app.commands.restore import restore
from app.settings import Settings
from app.storage import artifacts, folder_lock, migrations
from app.storage.database import Database, told
from app.storage.folder_lock import FolderInUse
from tests.app.conftest import serving
from tests.dashboard import COMMAND, clean_environment, get, running
from trainer.data.folder import FILES

NAMES = [
    *(
        "a%2Fb",
        "study?a",
        "study?mode=memory",
        "a#b",
        "a b ",
        'it\'s "it"',
        "-v",
        "two\nlines",
        "back\\slash",
    ),
    *("caf\u00e9", "cafe\u0301", "\U0001f40d", "<b>&amp;", os.fsdecode(b"not-utf-8-\xff")),
    *("s3:", "file:", "memory:", ":memory:", "a:b@c", "~", "~nobody-here", "x" * 255),
]
BROKEN = os.fsdecode(b"-%2F?#'\n\xff ~")
"""A name with much of what has a meaning elsewhere."""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder is empty."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_all_files_are_in_the_given_data_folder(name: str, migrated: Path, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(migrated, folder)
    with serving(Settings(data_dir=Path(f"./{name}"))) as served:
        assert served.client.post("/runs", json={"depth": 1}).status_code == 201
        page = served.client.get("/workers", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert served.client.get("/health").status_code == 200
    shutil.copy(folder / migrated.name, tmp_path / "copy")
    with closing(Database(f"sqlite:///{tmp_path / 'copy'}")) as copy, copy.read() as session:
        assert session.execute(text("SELECT count(*) FROM run")).scalar() == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "copy"])
    found = artifacts.of_run(Settings(data_dir=folder).artifacts, 1).folder
    assert found == folder / "artifacts" / "runs" / "1"
    assert isinstance(found, Path)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_folder_for_artifacts_is_not_parsed_as_a_url(name: str, tmp_path: Path) -> None:
    relative = f"./{name}" if name.startswith("~") else name
    files = artifacts.of_run(Settings(artifacts_url=relative).artifacts, 1)
    assert files.folder == tmp_path / name / "runs" / "1"
    files = artifacts.of_run((tmp_path / name).as_uri(), 1)
    assert files.folder == tmp_path / name / "runs" / "1"


@pytest.mark.parametrize("url", ["file:///srv/a?b", "file:///srv/a#b"])
def test_a_file_url_with_more_than_a_path_is_refused(url: str) -> None:
    with pytest.raises(artifacts.StoreUnusable, match="does not contain an absolute path"):
        artifacts.check(url)


@pytest.mark.parametrize(
    ("given", "folder"),
    [
        ("~", "HOME"),
        ("~/x", "HOME/x"),
        ("~/a%2Fb/", "HOME/a%2Fb"),
        ("./~", "HERE/~"),
        ("~nobody-here/x", "HERE/~nobody-here/x"),
        ("x/~", "HERE/x/~"),
        ("data", "HERE/data"),
        ("/srv/data/", "/srv/data"),
    ],
)
def test_a_path_may_begin_at_home_and_is_absolute_from_the_start(
    given: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    expected = Path(folder.replace("HOME", "/home/ada").replace("HERE", str(tmp_path)))
    settings = preflight.settings_of({"data_dir": given, "artifacts_url": given})
    url = f"sqlite:///{given.rstrip('/')}/x.db"
    assert Settings(database_url=url).url.database == str(expected.parent / expected.name / "x.db").replace(
        "%2F", "/"
    )
    monkeypatch.chdir("/")
    assert settings.data_dir == Settings().data_dir == expected
    assert settings.artifacts == str(expected)
    assert settings.url.database == str(expected / "depthboard.sqlite3")


def test_the_default_is_absolute_too(tmp_path: Path) -> None:
    assert Settings().data_dir == tmp_path / "data"


def test_urls_are_not_made_absolute_paths() -> None:
    assert Settings(artifacts_url="s3://bucket/~/a#b").artifacts == "s3://bucket/~/a#b"
    server = "postgresql+psycopg://me:p%40ss@host/name?sslmode=require"
    assert Settings(database_url=server).url.render_as_string(hide_password=False) == server
    query = Settings(database_url="sqlite:////srv/a%3Fb.db?timeout=3").url
    assert (query.database, query.query) == ("/srv/a?b.db", {"timeout": "3"})


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////srv/x.db", "/srv/x.db"),
        ("sqlite+pysqlite:////srv/x.db", "/srv/x.db"),
        ("sqlite:///x.db", "HERE/x.db"),
        ("sqlite:///file:/srv/a%2520b.db?mode=rwc&uri=true", "/srv/a b.db"),
        ("postgresql+psycopg://me@host/name", None),
    ],
)
def test_the_file_behind_a_url_is_known(url: str, path: str | None, tmp_path: Path) -> None:
    found = preflight.check_database(Settings(database_url=url))
    assert found == (path and Path(path.replace("HERE", str(tmp_path))))


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"],
)
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(Failure, match="is an in-memory database, which other processes can't read"):
        preflight.check_database(Settings(database_url=url))


def deep(folder: Path, size: int) -> Path:
    """A folder whose path has so many bytes."""
    while size - len(os.fsencode(folder)) > 256:
        folder /= "x" * 200
    return folder / ("y" * (size - len(os.fsencode(folder)) - 1))


def test_a_path_that_is_too_long_for_sqlite_is_refused_and_the_longest_works(tmp_path: Path) -> None:
    longest = preflight.LONGEST_PATH - len("/depthboard.sqlite3")
    settings = Settings(data_dir=deep(tmp_path, longest))
    preflight.check_database(settings)
    with closing(Database(settings.url)) as database:
        migrations.upgrade(database)
    assert (settings.data_dir / "depthboard.sqlite3").exists()
    with pytest.raises(Failure, match=r"DATA_DIR .* has 505 bytes, but SQLite supports at most 504"):
        preflight.check_database(Settings(data_dir=deep(tmp_path, longest + 1)))


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(Failure, match=r"\(--data-dir\): the value is empty"):
        preflight.settings_of({"data_dir": ""})


@pytest.fixture(autouse=True)
def _variables() -> Iterator[None]:
    """Take back the variables that a test has made of its options."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@contextmanager
def held(**given: Any) -> Iterator[None]:
    """Hold what a dashboard with these settings has for itself."""
    with folder_lock.held(preflight.places(Settings(**given))) as introduce:
        introduce("the first")
        yield


def test_a_database_is_locked_once_under_all_its_names(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    second.mkdir()
    first.mkdir()
    (first / "depthboard.sqlite3").touch()
    (second / "link.db").symlink_to(first / "depthboard.sqlite3")
    (tmp_path / "folder").symlink_to(first)
    same: list[dict[str, Any]] = [
        {"data_dir": first},
        {"data_dir": tmp_path / "folder"},
        {"data_dir": first, "database_url": f"sqlite:///{second}/other.db"},
        {"data_dir": second, "database_url": f"sqlite:///{first}/depthboard.sqlite3"},
        {"data_dir": second, "database_url": "sqlite:///first/depthboard.sqlite3"},
        {"data_dir": second, "database_url": f"sqlite:///{second}/link.db"},
        {"data_dir": second, "database_url": f"sqlite:///file:{first}/depthboard.sqlite3?uri=true"},
    ]
    with held(data_dir=first):
        for given in same:
            with pytest.raises(FolderInUse, match=r"already running on the .*\(the first\)"), held(**given):
                pass
        with held(data_dir=second), held(data_dir=tmp_path / "third", database_url="sqlite:///first/b.db"):
            pass
    for given in same:
        with held(**given):
            pass


def test_with_a_database_server_only_the_folder_is_locked(tmp_path: Path) -> None:
    url = "postgresql+psycopg://me@host/name"
    with held(data_dir=tmp_path, database_url=url):
        with held(data_dir=tmp_path / "other", database_url=url):
            pass
        with pytest.raises(FolderInUse), held(data_dir=tmp_path):
            pass


def test_a_database_is_named_by_its_path_or_its_url_without_password(tmp_path: Path) -> None:
    assert told(Settings(data_dir=tmp_path / "a%2Fb").url) == f"{tmp_path}/a%2Fb/depthboard.sqlite3"
    assert told(Settings(data_dir=tmp_path / BROKEN).url).endswith("\\udcff ~/depthboard.sqlite3")
    url = "postgresql+psycopg://me:secret@host/name"
    assert told(Settings(database_url=url).url) == "postgresql+psycopg://me:***@host/name"


def test_a_backup_goes_from_any_folder_to_any_other(database: Database, tmp_path: Path) -> None:
    files = [tmp_path / BROKEN / f"{number}.backup" for number in range(2)]
    files[0].parent.mkdir()
    save(database, Settings(data_dir=tmp_path).artifacts, files[0])
    settings = Settings(data_dir=tmp_path / BROKEN / "a?b")
    with closing(Database(settings.url)) as restored:
        restore(files[0], restored, settings.artifacts)
        save(restored, settings.artifacts, files[1])
    assert (settings.data_dir / "depthboard.sqlite3").exists()


def test_a_dashboard_trains_in_a_folder_of_any_name_and_locks_it(tmp_path: Path) -> None:
    """In a folder whose name is no text; what it is told goes into messages, pages and the database."""
    damaged = tmp_path / BROKEN / "datasets" / "clothes"
    damaged.mkdir(parents=True)
    for name in FILES:
        (damaged / name).touch()

    def depthboard(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words],
            cwd=tmp_path,
            env=clean_environment(),
            check=False,
            capture_output=True,
            text=True,
        )

    with running(Path(BROKEN), cwd=tmp_path) as dashboard:
        words = ["submit", "--depth", "1", "--epochs", "1", "--wait", "--url", dashboard.url]
        assert depthboard(*words).returncode == 0
        refused = depthboard(*words, "--dataset", "clothes")
        assert refused.returncode == 2
        assert r"\udcff ~/datasets/clothes/" in refused.stderr
        second = depthboard("up", "--port", "0", f"--data-dir={BROKEN}")
        assert second.returncode == 2
        assert "already running on the data folder" in second.stderr
        assert get(dashboard.url, "/workers", accept="text/html")[0] == 200
    assert [os.fsencode(path.name) for path in tmp_path.iterdir()] == [os.fsencode(BROKEN)]
    assert len([*(tmp_path / BROKEN / "artifacts").rglob("model.safetensors")]) == 1
