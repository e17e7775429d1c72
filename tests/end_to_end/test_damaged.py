"""A database that is damaged at start, or gone while it is used, under the real commands."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.storage.test_database_file import KINDS, content, fill
from tests.forked import Fork, Forks
from tests.processes import ENDLESS, PATIENCE, up

COMMANDS = {
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
    tmp_path_factory: pytest.TempPathFactory, forks: Forks
) -> Iterator[dict[str, tuple[Fork, str, str]]]:
    """Each command after it met its kind of damage, its output and its errors; they run at the same time."""
    sound = fill(tmp_path_factory.mktemp("sound"))
    started = {}
    for kind, command in COMMANDS.items():
        folder = tmp_path_factory.mktemp("damaged")
        KINDS[kind][0](Path(shutil.copy(sound, folder)))
        started[kind] = (
            content(folder),
            folder,
            forks.captured("app.cli", *command.split(), "--data-dir", str(folder)),
        )
    yield {kind: (process, *process.communicate(timeout=120)) for kind, (_, _, process) in started.items()}
    for before, folder, _ in started.values():
        assert content(folder) == before


@pytest.mark.parametrize("kind", COMMANDS)
def test_damage_is_reported_once_and_ends_the_command(
    kind: str, ended: dict[str, tuple[Fork, str, str]]
) -> None:
    """No traceback, no log lines, no restarts."""
    process, output, errors = ended[kind]
    assert process.returncode == 2
    assert errors.count("\n") == 1
    assert KINDS[kind][1] in errors
    assert "Nothing was changed" in errors
    assert "depthboard restore FILE --data-dir NEW" in errors
    assert output == ""


def test_training_waits_for_a_moved_folder_and_no_new_one_is_created(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data, moved = tmp_path / "data", tmp_path / "moved"
    with up(data) as dashboard:
        run = dashboard.post(**ENDLESS)
        dashboard.training(run)
        epochs = dashboard.read(run)["epochs_done"]
        data.rename(moved)
        for answer in (dashboard.client.get("/health"), dashboard.client.post("/runs", json={"depth": 1})):
            assert answer.status_code == 503
            assert f"The data folder {data} is missing" in answer.json()["detail"]
        assert not data.exists()
        moved.rename(data)
        dashboard.training(run, epochs + 3)
        read = dashboard.read(run)
        assert (read["attempt"], read["status"]) == (1, "running")
        recorded = dashboard.client.get(f"/runs/{run['id']}/epochs").json()["epoch"]
        assert recorded == list(range(1, len(recorded) + 1))
        assert [each["id"] for each in dashboard.client.get("/runs").json()["runs"]] == [run["id"]]

        shutil.rmtree(data)
        dashboard.web.kill()
        assert dashboard.process.wait(PATIENCE) == 2
        assert not data.exists()
    errors = capfd.readouterr().err
    assert errors.count("the database is unavailable") <= 4  # each process once for each of two outages
    assert "there is no database" in errors
    assert "Traceback" not in errors
