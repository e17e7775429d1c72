"""The `depthboard` command as a person or script uses it."""

import json
import re
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from app.settings import Settings
from app.storage.database import Database
from tests.app.conftest import Run, serving
from tests.app.states import finished_run
from tests.dashboard import COMMAND, ROOT, Dashboard, clean_environment, get, running
from trainer.config import TrainConfig


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command itself to its end."""
    return subprocess.run(
        [*COMMAND, *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the dashboard."""
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def dashboard(folder: Path) -> Iterator[Dashboard]:
    """A dashboard that trains, on another loopback address than the usual one."""
    with running(folder, "--host", "127.0.0.2") as found:
        yield found


@pytest.fixture(scope="module")
def url(dashboard: Dashboard) -> str:
    """Where that is found."""
    return dashboard.url


@pytest.mark.parametrize("command", ["up", "serve", "worker"])
def test_every_setting_is_an_option_with_its_variable(run: Run, command: str) -> None:
    shown = run(command, "--help").stdout
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')}" in shown
        assert f"DEPTHBOARD_{name.upper()}" in shown


@pytest.mark.parametrize("command", ["submit", "study", "train"])
def test_every_hyperparameter_is_an_option(run: Run, command: str) -> None:
    shown = run(command, "--help").stdout
    for name, field in TrainConfig.model_fields.items():
        assert f"--{name.replace('_', '-')}" in shown
        assert (field.description or "").split()[0] in shown


@pytest.mark.parametrize("command", ["up", "serve", "worker"])
def test_wrong_settings_are_exit_code_2_and_name_the_variable(run: Run, command: str) -> None:
    answer = run(command, "--port", "70000", DEPTHBOARD_SLOTS="none")
    assert answer.returncode == 2
    assert "DEPTHBOARD_PORT (--port): " in answer.stderr
    assert "DEPTHBOARD_SLOTS (--slots): " in answer.stderr
    assert "'none'" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("command", "option", "value", "complaint"),
    [
        ("up", "--database-url", "nonsense", "expected one like postgresql"),
        ("up", "--data-dir", "/dev/null/data", "/dev/null"),
        ("up", "--artifacts-url", "nonesuch://bucket", "expected a folder, or an fsspec URL"),
        ("serve", "--database-url", "nonesuch://host/name", "nonesuch"),
        ("serve", "--artifacts-url", "memory://bucket", "is in-memory storage of one process"),
        ("worker", "--artifacts-url", "file://artifacts/x", "does not contain an absolute path"),
    ],
)
def test_an_unreachable_database_ends_the_command_and_names_the_variable(
    run: Run, tmp_path: Path, *, command: str, option: str, value: str, complaint: str
) -> None:
    answer = run(command, "--port", "0", option, value, DEPTHBOARD_DATA_DIR=str(tmp_path))
    assert answer.returncode == 2
    variable = f"DEPTHBOARD_{option[2:].replace('-', '_').upper()} ({option}): "
    assert answer.stderr.count("\n") == answer.stderr.count(variable) >= 1
    assert complaint in answer.stderr


def test_an_unreachable_database_is_reported_without_password_or_traceback(run: Run) -> None:
    answer = run("serve", "--port", "0", "--database-url", "postgresql+psycopg://me:secret@127.0.0.1:1/name")
    assert answer.returncode == 1
    assert "The database postgresql+psycopg://me:***@127.0.0.1:1/name can't be used: " in answer.stderr
    assert "Check that it is running and that DEPTHBOARD_DATABASE_URL is correct." in answer.stderr
    assert "secret" not in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_worker_whose_slots_cannot_start_says_so_without_a_traceback(settings: Settings) -> None:
    words = "import sys; from app.cli import main; sys.executable = '/bin/false'; main()"
    answer = subprocess.run(
        [sys.executable, "-c", words, "worker", "--slots", "1", "--data-dir", str(settings.data_dir)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=clean_environment(),
        check=False,
    )
    assert answer.returncode == 1
    assert "The worker has stopped: no slot can start: 5 in a row died" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("command", ["up", "serve", "worker"])
def test_a_database_of_a_newer_version_is_refused_and_not_changed(
    run: Run, command: str, settings: Settings
) -> None:
    database = Database(settings.url)
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    answer = run(command, "--port", "0", "--data-dir", str(settings.data_dir))
    assert answer.returncode == 2
    assert "has schema version 9999, which this version of Depthboard" in answer.stderr
    assert "use the newer Depthboard that wrote it" in answer.stderr
    assert "Traceback" not in answer.stderr
    with database.read() as session:
        assert session.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"
    database.close()


@pytest.mark.parametrize("command", ["up", "serve"])
def test_a_taken_port_is_exit_code_3_with_a_clear_message(run: Run, command: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = run(command, "--port", str(port), "--data-dir", str(tmp_path))
    assert answer.returncode == 3
    assert str(port) in answer.stderr
    assert "in use" in answer.stderr
    assert "--port" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_an_address_of_another_machine_is_refused(run: Run, tmp_path: Path) -> None:
    answer = run("up", "--host", "192.0.2.1", "--port", "0", "--data-dir", str(tmp_path))
    assert answer.returncode == 3
    assert "'192.0.2.1' is not an address of this machine" in answer.stderr


@pytest.mark.parametrize("command", ["up", "serve"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104
def test_an_exposed_address_is_refused_with_the_remedy(
    run: Run, command: str, host: str, tmp_path: Path
) -> None:
    answer = run(command, "--host", host, "--port", "0", "--data-dir", str(tmp_path), DEPTHBOARD_NO_LOGIN="0")
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1
    assert answer.stderr.startswith(
        f"DEPTHBOARD_HOST (--host): {host!r} can be reached from other machines, "
    )
    assert "there is no login" in answer.stderr
    assert "Listen on 127.0.0.1, or allow it with --no-login (DEPTHBOARD_NO_LOGIN=1)" in answer.stderr


def test_an_exposed_dashboard_warns_on_start_in_its_log_and_on_system(tmp_path: Path) -> None:
    words = ["up", "--host", "0.0.0.0", "--no-login", "--port", "0", "--slots", "1"]  # noqa: S104
    process = subprocess.Popen(
        [*COMMAND, *words, "--data-dir", str(tmp_path)],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        greeting = process.stdout.readline()
        more = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", greeting)
        assert found, greeting
        status, page = get(found[0], "/workers", accept="text/html")
    finally:
        process.terminate()
        _, log = process.communicate(timeout=60)
    exposure = (
        "Depthboard listens on every IPv4 address of this machine, without a login: anyone who reaches its "
        "port can start, read and delete runs."
    )
    assert status == 200
    for told in (more, page, log):
        assert exposure in told
    assert (
        "accepts requests to the host names localhost, 127.0.0.1, [::1] (DEPTHBOARD_ALLOWED_HOSTS)." in more
    )


def test_another_loopback_address_is_local_and_its_url_works(url: str) -> None:
    assert url.startswith("http://127.0.0.2:")
    status, page = get(url, "/workers", accept="text/html")
    assert status == 200
    assert "without a login" not in page
    assert "127.0.0.2 (this machine only)" in page


def test_an_invalid_boolean_is_refused(run: Run, tmp_path: Path) -> None:
    answer = run("up", "--port", "0", "--data-dir", str(tmp_path), DEPTHBOARD_NO_LOGIN="perhaps")
    assert answer.returncode == 2
    assert "DEPTHBOARD_NO_LOGIN" in answer.stderr


def test_train_needs_no_server_and_exits_with_the_result(run: Run, tmp_path: Path) -> None:
    done = run("train", "--depth", "1", "--epochs", "1", "--json", "--threads", "1", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    first, last = map(json.loads, done.stdout.splitlines())
    assert last["test_accuracy"] == first["test_accuracy"]
    missing = run(
        *("train", "--depth", "1", "--dataset", "clothes"), DEPTHBOARD_DATA_DIR="mine", cwd=tmp_path
    )
    assert missing.returncode == 1
    assert f"{tmp_path}/mine/datasets/clothes is not a folder" in missing.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--depth", "0"), "--depth: Input should be greater than or equal to 1, not 0"),
        (("--depth", "1-3"), "--depth: Input should be a valid integer"),
        (("--depth", "1", "--threads", "0"), "DEPTHBOARD_THREADS (--threads): "),
        (("--lr", "0.1"), "--depth"),
    ],
)
def test_train_names_the_option_that_is_wrong(run: Run, words: tuple[str, ...], complaint: str) -> None:
    answer = run("train", *words)
    assert answer.returncode == 2
    assert complaint in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version").stdout.startswith("depthboard 0.")


def test_a_second_dashboard_on_the_same_data_folder_is_refused_with_the_address_of_the_first(
    run: Run, dashboard: Dashboard, folder: Path
) -> None:
    answer = run("up", "--port", "0", "--data-dir", str(folder))
    assert answer.returncode == 2
    assert answer.stdout == ""
    first = f"process {dashboard.process.pid}, {dashboard.url}"
    assert f"already running on the data folder {str(folder)!r} ({first}). " in answer.stderr
    assert "Stop it first, or use another folder with --data-dir." in answer.stderr
    assert "Traceback" not in answer.stderr
    assert get(dashboard.url, "/health")[0] == 200


@pytest.mark.parametrize("command", [("up", "--port", "0"), ("restore", "some.backup")])
def test_an_unusable_lock_is_reported(run: Run, command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "up.lock").mkdir()  # nobody can open it, not even root
    answer = run(*command, "--data-dir", str(tmp_path))
    assert answer.returncode == 2
    assert answer.stderr.startswith(f"'{tmp_path}/up.lock' can't be locked: ")
    assert "Start Depthboard as the user that owns the data folder, or use another" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_backup_of_a_missing_database_is_refused(run: Run, tmp_path: Path) -> None:
    answer = run("backup", str(tmp_path / "some.backup"), "--data-dir", str(tmp_path / "nowhere"))
    assert answer.returncode == 2
    assert answer.stderr.startswith("DEPTHBOARD_DATA_DIR (--data-dir): there is no database '")
    assert list(tmp_path.iterdir()) == []


def test_restoring_an_invalid_file_prints_no_traceback(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "some.backup"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("depthboard.sqlite3", b"not a database" * 100)
    answer = run("restore", str(file), "--data-dir", str(tmp_path / "new"))
    assert answer.returncode == 1
    assert "is damaged: its tables can't be read" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_backup_of_a_running_dashboard_is_restored_into_a_new_folder(
    run: Run, url: str, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "some.backup"
    submitted = run("submit", "--depth", "1", "--epochs", "1", "--wait", "--json", "--url", url)
    assert submitted.returncode == 0
    run_id = json.loads(submitted.stdout)["id"]
    saved = command("backup", str(file), "--data-dir", str(folder))
    again = run("backup", str(file), "--data-dir", str(folder))
    busy = run("restore", str(file), "--data-dir", str(folder))
    found = re.match(r"Saved (\d+ runs? and \d+ files) to (.*) \(", saved.stdout)
    assert found, saved
    assert found[2] == str(file)
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "already exists" in again.stderr
    assert busy.returncode == 2
    assert "already running on the data folder" in busy.stderr
    new = tmp_path / "new"
    restored = command("restore", str(file), "--data-dir", str(new))
    assert restored.stdout.startswith(f"Restored {found[1]} into {new}. ")
    with serving(Settings(data_dir=new)) as served:
        run_again = served.client.get(f"/runs/{run_id}").json()
    assert (run_again["status"], run_again["epochs_done"]) == ("finished", 1)
    weights = Path(f"artifacts/runs/{run_id}/attempt-1/model.safetensors")
    assert (new / weights).read_bytes() == (folder / weights).read_bytes()


def test_a_backup_counts_its_runs_and_files_in_words(run: Run, settings: Settings, tmp_path: Path) -> None:
    with closing(Database(settings.url)) as database:
        finished_run(database, 0.9, epochs=1)
    (settings.data_dir / "artifacts/runs/1/attempt-1").mkdir(parents=True)
    (settings.data_dir / "artifacts/runs/1/attempt-1/model.safetensors").touch()
    saved = run("backup", str(tmp_path / "some.backup"), "--data-dir", str(settings.data_dir))
    assert saved.stdout.startswith("Saved 1 run and 1 file to "), saved
