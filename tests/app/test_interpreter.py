"""How processes of Depthboard are started: no code comes from the current folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import interpreter
from app.interpreter import without_current_folder
from tests.dashboard import ROOT


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lib").mkdir()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("searched", "kept"),
    [
        ("", ""),
        (":", ""),
        (".", ""),
        ("lib", ""),
        ("./lib:../lib", ""),
        (":/usr/lib/modules", "/usr/lib/modules"),
        ("/usr/lib/modules:", "/usr/lib/modules"),
        ("/a::/b", "/a:/b"),
        ("/nonesuch:.:/a b", "/nonesuch:/a b"),
        ("~/lib", ""),
    ],
)
def test_a_search_path_keeps_absolute_entries(searched: str, kept: str) -> None:
    assert without_current_folder(searched) == kept


def test_the_current_folder_is_removed_under_all_its_names(tmp_path: Path) -> None:
    link = tmp_path / "lib" / "link"
    link.symlink_to(tmp_path)
    search_path = f"{tmp_path}:{tmp_path}/:{tmp_path}/lib/..:{link}:{tmp_path}/lib"
    assert without_current_folder(search_path) == f"{tmp_path}/lib"


def test_a_deleted_current_folder_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert without_current_folder(f":/a:{gone}") == f"/a:{gone}"


def test_an_absolute_path_of_the_current_folder_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert without_current_folder(f".:{ROOT}") == str(ROOT)


def test_set_variables_take_precedence_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SET", "by the user")
    monkeypatch.setenv("PYTHONPATH", ":/a")
    found = interpreter.environment(SET="by default", OTHER="by default")
    assert (found["SET"], found["OTHER"], found["PYTHONPATH"]) == ("by the user", "by default", "/a")
    assert {**os.environ, "OTHER": "by default", "PYTHONPATH": "/a", "PYTHONSAFEPATH": "1"} == found
    monkeypatch.delenv("PYTHONPATH")
    assert "PYTHONPATH" not in interpreter.environment()


GRANDCHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import random'], check=True)"


@pytest.mark.parametrize("search_path", [None, ":", "."])
@pytest.mark.parametrize("words", [("-P", "-m", "wave"), ("-c", GRANDCHILD)])
def test_child_processes_import_nothing_from_the_current_folder(
    words: tuple[str, ...], search_path: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("random", "wave", "sitecustomize", "usercustomize"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a stranger')")
    if search_path is not None:
        monkeypatch.setenv("PYTHONPATH", search_path)
    assert interpreter.command("wave") == [sys.executable, "-P", "-m", "wave"]
    done = subprocess.run(
        [sys.executable, *words],
        env=interpreter.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
