"""`python -m trainer`: what it prints, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.forked import Fork, Forks
from tests.trainer.idx_files import small, write
from trainer.__main__ import main

COMMAND = (sys.executable, "-m", "trainer")


def test_json_lines_tell_each_epoch_and_then_the_run() -> None:
    words = ("--depth", "1", "--epochs", "2", "--device", "cpu", "--threads", "1", "--json")
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr == ""
    first, second, last = map(json.loads, done.stdout.splitlines())
    assert list(first) == [
        "epoch", "train_loss", "last_batch_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds",
        "gradient_norms", "dead_relu",
    ]  # fmt: skip
    assert (first["epoch"], second["epoch"]) == (1, 2)
    assert last["test_accuracy"] == second["test_accuracy"]
    assert last["train_accuracy"] > second["train_accuracy"]  # at the last weights, not running
    assert last["layer_sizes"] == [784, 10]
    assert last["device_used"] == "cpu"
    assert last["train_seconds"] == first["seconds"] + second["seconds"]


def test_without_json_one_line_summarises_the_run(forks: Forks) -> None:
    done = forks.run("trainer", "--depth", "1", "--epochs", "1", "--device", "cpu")
    assert done.returncode == 0
    assert "784-10 on cpu: train accuracy 0." in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_an_added_data_set_is_read_from_the_data_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "datasets" / "clothes", small())
    options = ["--depth", "1", "--epochs", "1", "--device", "cpu", "--dataset", "clothes", "--json"]
    assert main([*options, "--data-dir", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out.splitlines()[-1])["dataset"] == "clothes"
    assert "Warning: the training set has only 5 images.\n" in printed.err


def test_a_missing_data_set_is_reported_with_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--depth", "1", "--device", "cpu", "--dataset", "clothes"]
    assert main([*options, "--data-dir", str(tmp_path)]) == 1
    assert f"{tmp_path / 'datasets' / 'clothes'} is not a folder" in capsys.readouterr().err


@contextmanager
def begun(forks: Forks, errors: IO[bytes]) -> Iterator[tuple[Fork, IO[bytes]]]:
    """A long training that has printed its first line, and the end of the pipe that it prints into."""
    reads, writes = os.pipe()
    with os.fdopen(reads, "rb") as output, os.fdopen(writes, "wb") as printed:
        words = ("--depth", "1", "--epochs", "10000", "--device", "cpu", "--json")
        running = forks.start("trainer", *words, outputs=[printed, errors])
        printed.close()
        output.readline()
        yield running, output


def test_ctrl_c_ends_it_cleanly(forks: Forks, tmp_path: Path) -> None:
    errors = tmp_path / "errors"
    with errors.open("wb") as file, begun(forks, file) as (running, _):
        running.send_signal(signal.SIGINT)
        assert running.wait() == 130
    assert errors.read_text() == "Interrupted.\n"


def test_a_closed_pipe_prints_no_traceback(forks: Forks, tmp_path: Path) -> None:
    errors = tmp_path / "errors"
    with errors.open("wb") as file, begun(forks, file) as (running, output):
        output.close()
        assert running.wait() == 1
    assert errors.read_text() == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--depth", "0"], "--depth: Input should be greater than or equal to 1, not 0"),
        (["--depth", "1", "--epochs", "1000000000"], "--epochs: Input should be less than or equal to 10000"),
        (["--depth", "1", "--lr", "nan"], "--lr: Input should be a finite number, not nan"),
        (["--depth", "1", "--lr=-1"], "--lr: Input should be greater than 0, not -1"),
        (["--depth", "1", "--lr", "abc"], "--lr: Input should be a valid number"),
        (
            ["--depth", "1", "--batch-size", "70000"],
            "--batch-size: Input should be less than or equal to 60000",
        ),
        (
            ["--depth", "1", "--device", "tpu"],
            "--device: Input should be 'auto', 'cpu', 'cuda' or 'mps', not tpu",
        ),
        (
            ["--depth", "1", "--dataset", "../etc"],
            "--dataset: should be the name of a data set: at most 64 lower-case letters",
        ),
    ],
)
def test_an_invalid_value_is_reported_with_its_option_and_bound(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: --depth"),
        (["--depth", "1", "--layers", "3"], "unrecognized arguments: --layers"),
        (["--depth", "1", "--threads", "0"], "--threads: input should be an integer of at least 1, not 0"),
    ],
)
def test_an_unknown_option_is_reported(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_every_hyperparameter_is_an_option_with_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "--batch-size BATCH_SIZE Images per update; the last batch of an epoch may be shorter." in shown


def test_a_run_that_diverges_says_so_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--depth", "5", "--width", "128", "--lr", "100", "--device", "cpu"]) == 1
    assert "diverged: loss became non-finite at epoch 1" in capsys.readouterr().err


def test_an_unavailable_device_is_reported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert main(["--depth", "1", "--device", "cuda"]) == 1
    assert "Device 'cuda' is not available here" in capsys.readouterr().err
