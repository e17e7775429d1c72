"""A database that is damaged at start, under the real commands."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.test_database_file import KINDS, content, fill
from tests.dashboard import ROOT, clean_environment

COMMANDS = {
    "header": "up --port 0",
    "a page": "up --port 0",
    "tables": "up --port 0",
    "folder": "up --port 0",
    "text": "serve --port 0",
    "half a page": "worker --slots 1",
    "emptied": "backup never.backup",
    "no version": "restore never.backup",
}


@pytest.fixture(scope="module")
def ended(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, tuple[subprocess.Popen[str], str, str]]]:
    """Each command after it met its kind of damage, its output and its errors; they run at the same time."""
    sound = fill(tmp_path_factory.mktemp("sound"))
    started = {}
    for kind, command in COMMANDS.items():
        folder = tmp_path_factory.mktemp("damaged")
        KINDS[kind][0](Path(shutil.copy(sound, folder)))
        started[kind] = (
            content(folder),
            folder,
            subprocess.Popen(
                [sys.executable, "-m", "app.cli", *command.split(), "--data-dir", str(folder)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env=clean_environment(),
            ),
        )
    yield {kind: (process, *process.communicate(timeout=120)) for kind, (_, _, process) in started.items()}
    for before, folder, _ in started.values():
        assert content(folder) == before


@pytest.mark.parametrize("kind", COMMANDS)
def test_damage_is_told_once_and_ends_the_command(
    kind: str, ended: dict[str, tuple[subprocess.Popen[str], str, str]]
) -> None:
    """No traceback, no log lines, no restarts."""
    process, output, errors = ended[kind]
    assert process.returncode == 2
    assert errors.count("\n") == 1
    assert KINDS[kind][1] in errors
    assert "Nothing was changed" in errors
    assert "depthboard restore FILE --data-dir NEW" in errors
    assert output == ""
