"""The `depthboard` command as a person or script uses it."""

import json
import re
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from app.client import Client
from app.schemas.answers import RunOut
from app.settings import Settings
from app.storage.database import Database
from tests.app.conftest import serving
from tests.app.states import finished_run
from tests.dashboard import COMMAND, ROOT, Dashboard, clean_environment, get, running
from tests.forked import Forks
from tests.waiting import eventually
from trainer.config import TrainConfig

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(forks: Forks) -> Run:
    """Runs `depthboard` to its end, as a fork."""

    def run_command(*words: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
        return forks.run(
            "app.cli", *words, cwd=cwd, environment=clean_environment(COLUMNS="120", **environment)
        )

    return run_command


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


def list_of(url: str, text: str) -> list[RunOut]:
    """The runs that mention a text."""
    with Client(url) as client:
        return list(client.runs(q=text))


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


def test_submit_says_where_the_run_is_to_be_seen(run: Run, url: str) -> None:
    answer = run("submit", "--depth", "1", "--epochs", "1", "--name", "from here", "--url", url)
    assert answer.returncode == 0
    assert "(from here) waits at " in answer.stdout
    page = answer.stdout.split()[-1]
    assert page.startswith(f"{url}/runs/")
    assert get(url, page.removeprefix(url))[0] == 200


def test_submit_follows_a_run_to_its_end(run: Run, url: str) -> None:
    answer = run("submit", "--depth", "1", "--epochs", "2", "--wait", DEPTHBOARD_URL=url)
    assert answer.returncode == 0
    assert "finished: " in answer.stdout
    assert "100%" in answer.stderr


def test_submit_prints_the_finished_run_as_json(run: Run, url: str) -> None:
    answer = run(
        "submit",
        "--depth",
        "1",
        "--epochs",
        "2",
        "--tag",
        "a",
        "--tag",
        "b",
        "--wait",
        "--json",
        "--url",
        url,
    )
    assert answer.returncode == 0
    assert answer.stderr == ""
    finished = json.loads(answer.stdout)
    assert (finished["status"], finished["epochs_done"], finished["tags"]) == ("finished", 2, ["a", "b"])


def test_a_run_that_does_not_finish_is_exit_code_1(forks: Forks, url: str) -> None:
    following = forks.captured(
        "app.cli", "submit", "--depth", "1", "--device", "cuda", "--name", "given up", "--wait", "--url", url
    )
    eventually(lambda: list_of(url, "given up"))
    with Client(url) as client:
        client.cancel(list_of(url, "given up")[0].id)
    out, _ = following.communicate(timeout=60)
    assert following.returncode == 1
    assert "(given up) cancelled: " in out


def test_study_takes_lists_and_ranges_and_ends_with_the_comparison(run: Run, url: str) -> None:
    words = ("study", "--depth", "1", "--seed", "20-21", "--epochs", "1,2", "--url", url)
    preview = run(*words, "--preview")
    assert re.match(r"4 runs, (about|under) .+ to .+ \(from .+\); ", preview.stdout)
    assert json.loads(run(*words, "--preview", "--json").stdout)["runs"] == 4
    followed = run(*words, "--wait")
    assert followed.returncode == 0
    assert "4 finished" in followed.stderr
    assert "7,850" in followed.stdout
    again = json.loads(run(*words, "--reuse", "--json").stdout)
    assert again["counts"]["finished"] == 4


def test_runs_lists_what_the_filters_let_through(run: Run, url: str) -> None:
    words = ("study", "--depth", "3", "--seed", "30-33", "--device", "cuda", "--tag", "listed", "--json")
    study = json.loads(run(*words, "--url", url).stdout)
    listed = json.loads(run("runs", "--tag", "listed", "--json", "--sort", "seed", "--url", url).stdout)
    assert [found["id"] for found in listed] == study["runs"]
    few = json.loads(run("runs", "--tag", "listed", "--limit", "2", "--json", "--url", url).stdout)
    assert len(few) == 2
    first, second, *_ = study["runs"]
    table = run("runs", str(first), str(second), "--url", url).stdout.splitlines()
    # why they wait stands there too, once the worker knows which devices it has
    assert table[0].rstrip().removesuffix("reason").split() == [
        "id",
        "name",
        "status",
        "depth",
        "seed",
        "epochs",
        "test",
        "accuracy",
        "trained",
    ]
    assert len(table) == 3
    assert run("runs", "--search", "nothing mentions this", "--url", url).stdout == "No runs.\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("submit",), "--depth"),
        (("submit", "--depth", "three"), "--depth: 'three' is not a whole number"),
        (("submit", "--depth", "1-3"), "--depth: one value was expected, got 3"),
        (("submit", "--depth", "1", "--wat"), "--wat"),
        (("study", "--depth", "3-1"), "--depth: '3-1' is an empty range"),
        (("study", "--depth", "1", "--lr", "nan"), "--lr: 'nan' is not a number"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_names_the_option(
    run: Run, words: tuple[str, ...], complaint: str
) -> None:
    answer = run(*words)
    assert answer.returncode == 2
    assert complaint in answer.stderr
    assert "Traceback" not in answer.stderr


def test_what_the_server_refuses_is_exit_code_2_and_names_the_field(run: Run, url: str) -> None:
    answer = run("submit", "--depth", "11", "--url", url)
    assert answer.returncode == 2
    assert answer.stderr.startswith("depth: ")
    assert answer.stderr.count("\n") == 1


def test_no_server_is_exit_code_1_and_says_how_to_start_one(run: Run) -> None:
    answer = run("runs", "--url", "http://127.0.0.1:1")
    assert answer.returncode == 1
    assert "http://127.0.0.1:1" in answer.stderr
    assert "depthboard up" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_ctrl_c_while_following_is_exit_code_130_and_leaves_the_run_alone(forks: Forks, url: str) -> None:
    following = forks.captured(
        "app.cli",
        "submit",
        "--depth",
        "1",
        "--device",
        "cuda",
        "--name",
        "left alone",
        "--wait",
        "--url",
        url,
    )
    eventually(lambda: list_of(url, "left alone"))
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=60)
    assert following.returncode == 130
    assert "Traceback" not in err
    assert [found.status for found in list_of(url, "left alone")] == ["queued"]


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
        ("up", "--artifacts-url", "nonesuch://bucket", "expected a folder or a URL that fsspec knows"),
        ("serve", "--database-url", "nonesuch://host/name", "nonesuch"),
        ("serve", "--artifacts-url", "memory://bucket", "is the memory of one process"),
        ("worker", "--artifacts-url", "file://artifacts/x", "does not name an absolute path"),
    ],
)
def test_a_database_out_of_reach_ends_it_at_once_and_names_the_variable(
    run: Run, tmp_path: Path, *, command: str, option: str, value: str, complaint: str
) -> None:
    answer = run(command, "--port", "0", option, value, DEPTHBOARD_DATA_DIR=str(tmp_path))
    assert answer.returncode == 2
    variable = f"DEPTHBOARD_{option[2:].replace('-', '_').upper()} ({option}): "
    assert answer.stderr.count("\n") == answer.stderr.count(variable) >= 1
    assert complaint in answer.stderr


def test_a_database_server_that_does_not_answer_is_told_without_password_or_traceback(run: Run) -> None:
    answer = run("serve", "--port", "0", "--database-url", "postgresql+psycopg://me:secret@127.0.0.1:1/name")
    assert answer.returncode == 1
    assert "The database postgresql+psycopg://me:***@127.0.0.1:1/name can't be used: " in answer.stderr
    assert "Is it running, and is DEPTHBOARD_DATABASE_URL right?" in answer.stderr
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
    assert "The worker gives up: no slot can start: 5 in a row died" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("command", ["up", "serve", "worker"])
def test_a_database_of_a_newer_version_is_refused_and_left_alone(
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
def test_an_address_that_others_reach_is_refused_and_told_what_to_do(
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


def test_an_open_dashboard_says_so_where_it_starts_in_its_log_and_on_system(tmp_path: Path) -> None:
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
    assert "answers to the host names localhost, 127.0.0.1, [::1] (DEPTHBOARD_ALLOWED_HOSTS)." in more


def test_another_loopback_address_is_no_opening_and_its_url_works(url: str) -> None:
    assert url.startswith("http://127.0.0.2:")
    status, page = get(url, "/workers", accept="text/html")
    assert status == 200
    assert "without a login" not in page
    assert "127.0.0.2 (this machine only)" in page


def test_a_word_that_is_no_yes_or_no_is_refused(run: Run, tmp_path: Path) -> None:
    answer = run("up", "--port", "0", "--data-dir", str(tmp_path), DEPTHBOARD_NO_LOGIN="perhaps")
    assert answer.returncode == 2
    assert "DEPTHBOARD_NO_LOGIN" in answer.stderr


def test_train_does_without_a_server_and_ends_as_it_went(run: Run, tmp_path: Path) -> None:
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


def test_a_second_dashboard_on_the_same_data_folder_is_refused_and_told_where_the_first_is(
    run: Run, dashboard: Dashboard, folder: Path
) -> None:
    answer = run("up", "--port", "0", "--data-dir", str(folder))
    assert answer.returncode == 2
    assert answer.stdout == ""
    first = f"process {dashboard.process.pid}, {dashboard.url}"
    assert f"already running on the data folder {str(folder)!r} ({first}). " in answer.stderr
    assert "Stop it first, or name another folder with --data-dir." in answer.stderr
    assert "Traceback" not in answer.stderr
    assert get(dashboard.url, "/health")[0] == 200


@pytest.mark.parametrize("command", [("up", "--port", "0"), ("restore", "some.backup")])
def test_a_lock_that_is_out_of_reach_is_told(run: Run, command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "up.lock").mkdir()  # nobody can open it, not even root
    answer = run(*command, "--data-dir", str(tmp_path))
    assert answer.returncode == 2
    assert answer.stderr.startswith(f"'{tmp_path}/up.lock' can't be locked: ")
    assert "Start Depthboard as the user that the data folder belongs to, or name another" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_backup_of_nothing_is_refused_and_makes_nothing(run: Run, tmp_path: Path) -> None:
    answer = run("backup", str(tmp_path / "some.backup"), "--data-dir", str(tmp_path / "nowhere"))
    assert answer.returncode == 2
    assert answer.stderr.startswith("DEPTHBOARD_DATA_DIR (--data-dir): there is no database '")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_backup_is_told_without_a_traceback(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "some.backup"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("depthboard.sqlite3", b"not a database" * 100)
    answer = run("restore", str(file), "--data-dir", str(tmp_path / "new"))
    assert answer.returncode == 1
    assert "is damaged: the tables in it can't be read" in answer.stderr
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
    assert "is there already" in again.stderr
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
