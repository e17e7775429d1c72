"""What the `depthboard` command writes in strange encodings, and what its exit codes say."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pytest

from app.client import Client
from app.settings import Settings
from tests.app.conftest import serving
from tests.app.states import finished_run
from tests.dashboard import COMMAND, ROOT, clean_environment, running
from tests.forked import Forks
from tests.waiting import eventually

UNCHANGED: Final[Mapping[str, str]] = MappingProxyType({})
ASCII = {"PYTHONIOENCODING": "ascii"}
C_LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
ENCODINGS = [ASCII, C_LOCALE, {"PYTHONIOENCODING": "latin-1"}, {"PYTHONIOENCODING": "utf-8"}]
NAMES = ("José – 3 × 4 …", "猫 🐈")


Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def run(forks: Forks) -> Run:
    """Runs `depthboard` to its end; its output as bytes.

    It is the command itself where Python finds encodings out, and a fork where they are named.
    """

    def run_command(
        *words: str | bytes, cwd: Path = ROOT, environment: Mapping[str, str] = UNCHANGED
    ) -> subprocess.CompletedProcess[bytes]:
        whole = clean_environment(COLUMNS="120") | {**environment}
        texts = [word for word in words if isinstance(word, str)]
        if environment is C_LOCALE or len(texts) < len(words):
            return subprocess.run(
                [*COMMAND, *words],
                capture_output=True,
                cwd=cwd,
                env=whole,
                stdin=subprocess.DEVNULL,
                check=False,
                timeout=300,
            )
        fork = forks.captured("app.cli", *texts, cwd=cwd, environment=whole)
        out, err = fork.output(timeout=300)
        return subprocess.CompletedProcess(words, fork.wait(), out, err)

    return run_command


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[str]:
    """A server with runs of odd names: two that have finished, and two that wait."""
    folder = tmp_path_factory.mktemp("output")
    shutil.copy(migrated, folder)
    with serving(Settings(data_dir=folder)) as served, Client(served.url) as client:
        for seed in (0, 1):
            finished_run(served.database, 0.94 + 0.01 * seed, epochs=1, seed=seed)
        for name in NAMES:
            client.create_run({"depth": 1, "device": "cuda", "name": name, "tags": ["é"]})
        yield served.url


def encoding_of(environment: dict[str, str]) -> str:
    return environment.get("PYTHONIOENCODING", "ascii")


@pytest.mark.parametrize("environment", ENCODINGS, ids=str)
def test_runs_are_listed_in_every_encoding(run: Run, environment: dict[str, str], url: str) -> None:
    listed = run("runs", "--url", url, environment=environment)
    assert (listed.returncode, listed.stderr) == (0, b"")
    shown = listed.stdout.decode(encoding_of(environment))
    assert ("José – 3 × 4 …" if encoding_of(environment) == "utf-8" else " 3 ") in shown
    assert "\N{NO-BREAK SPACE}" in shown or " %" in shown
    as_json = run("runs", "--json", "--url", url, environment=environment)
    names = [each["name"] for each in json.loads(as_json.stdout.decode(encoding_of(environment)))]
    assert set(NAMES) < set(names)


@pytest.mark.parametrize("environment", ENCODINGS[:2], ids=str)
def test_a_study_that_was_waited_for_ends_with_0_in_ascii(
    run: Run, environment: dict[str, str], url: str
) -> None:
    """Its table has a ± and its verdict other signs: each was an error and so exit code 1."""
    words = (
        "study",
        "--depth",
        "1",
        "--seed",
        "0,1",
        "--epochs",
        "1",
        "--reuse",
        "--name",
        NAMES[0],
        "--url",
        url,
    )
    done = run(*words, "--wait", environment=environment)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert b" +/- " in done.stdout
    done.stdout.decode("ascii")
    done.stderr.decode("ascii")
    for also in (("--preview",), ()):
        assert run(*words, *also, environment=environment).returncode == 0


def test_every_command_writes_ascii_where_that_is_the_encoding(run: Run, tmp_path: Path, url: str) -> None:
    odd = "é…"
    for words, code in (
        (("study", "--help"), 0),
        (("submit", "--depth", odd), 2),
        (("train", "--depth", "1", "--dataset", odd), 2),
        (("runs", "--sort", odd, "--url", url), 2),
        (("submit", "--depth", "1", "--device", "cuda", "--name", odd, "--url", url), 0),
        (("runs", f"--{odd}"), 2),
        (("backup", "a.backup", "--data-dir", odd), 2),
        (("restore", f"{odd}.backup", "--data-dir", str(tmp_path / odd)), 1),
        (("up", "--port", "0", "--host", odd), 3),
        (("up", "--port", "0", "--device", odd), 2),
    ):
        done = run(*words, cwd=tmp_path, environment=ASCII)
        assert done.returncode == code, (words, done)
        done.stdout.decode("ascii")
        done.stderr.decode("ascii")
        assert b"Traceback" not in done.stderr, words


def test_up_prints_ascii_and_accepts_a_bracketed_ipv6_address_and_empty_settings(
    run: Run, tmp_path: Path
) -> None:
    names = ("NO_LOGIN", "PORT", "SLOTS", "THREADS", "DEVICE", "LEASE_SECONDS", "URL")
    empty = {f"DEPTHBOARD_{name}": "" for name in names}
    with running(tmp_path / "é…", "--host", "[::1]", environment=ASCII | empty) as dashboard:
        assert dashboard.url.startswith("http://[::1]:")
        assert run("runs", environment={"DEPTHBOARD_URL": dashboard.url}).stdout == b"No runs.\n"


def test_training_without_a_server_writes_ascii_too(run: Run, tmp_path: Path) -> None:
    done = run("train", "--depth", "1", "--epochs", "1", "--threads", "1", cwd=tmp_path, environment=ASCII)
    assert done.returncode == 0, done.stderr
    assert b"test accuracy 0.9" in done.stdout or b"test accuracy 0.8" in done.stdout


@pytest.mark.parametrize("words", [("runs",), ("runs", "--json"), ("train", "--help")])
def test_a_closed_pipe_ends_the_command_silently(words: tuple[str, ...], url: str) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [*COMMAND, *words],
        stdout=writes,
        stderr=subprocess.PIPE,
        env=clean_environment(DEPTHBOARD_URL=url),
        cwd=ROOT,
        check=False,
    )
    os.close(writes)
    assert (done.returncode, done.stderr) == (1, b"")


def test_bytes_that_are_no_text_are_bad_input(run: Run, url: str) -> None:
    for words in ((b"submit", b"--depth", b"1", b"--name", b"\xff"), (b"runs", b"--search", b"\xff")):
        done = run(*words, b"--url", url.encode())
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr
        assert done.stderr == b"'\\udcff' is not valid text; write it in UTF-8.\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("runs", "--url", "nonsense"), 2),
        (("runs", "--url", "http://[bad"), 2),
        (("runs", "--url", "ftp://127.0.0.1"), 2),
        (("runs", "--url", "http://127.0.0.1:1"), 1),
        (("study", "--depth", "1", "--wait", "--url", "http://127.0.0.1:1"), 1),
        (("runs", "--limit", "-1"), 2),
        (("study", "--depth", "1-99"), 2),
    ],
)
def test_invalid_input_exits_with_2_and_a_missing_server_with_1(
    run: Run, words: tuple[str, ...], code: int, url: str
) -> None:
    done = run(*words, environment={} if "--url" in words else {"DEPTHBOARD_URL": url})
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr


def test_a_study_is_1_when_one_of_its_runs_was_cancelled(url: str, forks: Forks) -> None:
    words = ("study", "--depth", "1", "--seed", "5,6", "--device", "cuda", "--wait", "--url", url)
    following = forks.captured(
        "app.cli", *words, "--name", "given up", environment=clean_environment(**ASCII)
    )
    with Client(url) as client:
        runs = eventually(lambda: [each.id for each in client.runs(status="queued") if each.seed in (5, 6)])
        for run_id in runs:
            client.cancel(run_id)
    _, told = following.output(timeout=120)
    assert following.returncode == 1
    assert b"Traceback" not in told


def test_ctrl_c_exits_with_130_and_without_a_traceback(url: str, forks: Forks) -> None:
    words = ("study", "--depth", "1", "--seed", "7", "--device", "cuda", "--wait", "--url", url)
    following = forks.captured("app.cli", *words, environment=clean_environment(**ASCII))
    with Client(url) as client:
        eventually(lambda: [each for each in client.runs(status="queued") if each.seed == 7])
    following.send_signal(signal.SIGINT)
    _, told = following.output(timeout=120)
    assert following.returncode == 130
    assert b"Traceback" not in told


def test_the_help_says_what_exit_codes_mean(run: Run) -> None:
    shown = " ".join(re.sub(r"[│|]", " ", run("--help", environment=ENCODINGS[3]).stdout.decode()).split())
    for told in ("0 success", "1 the command", "2 invalid value", "3 the address", "130 interrupted"):
        assert told in shown


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_the_help_of_a_backup_lists_only_its_settings(run: Run, command: str) -> None:
    shown = run(command, "--help").stdout.decode()
    listed = set(re.findall(r"--[a-z][a-z-]+", shown))
    assert listed == {"--data-dir", "--database-url", "--artifacts-url", "--help"}


def test_an_empty_option_is_refused(run: Run) -> None:
    for option in ("--host", "--data-dir", "--slots"):
        done = run("up", option, "", "--data-dir" if option != "--data-dir" else "--device", "cpu")
        assert done.returncode == 2
        assert f"({option}): the value is empty; omit the option".encode() in done.stderr
