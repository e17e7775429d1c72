"""Training as a command: exit codes, and messages on standard error."""

from pathlib import Path

import pytest

from trainer import command


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what the command sets for torch."""
    for name in ("OMP_WAIT_POLICY", "CUBLAS_WORKSPACE_CONFIG"):
        monkeypatch.setenv(name, "as it was")


def test_options_are_named_after_hyperparameters() -> None:
    assert command.option("batch_size") == "--batch-size"


def test_every_invalid_value_is_reported_with_its_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"depth": "deep", "lr": "0", "batch_size": "70000"}
    assert command.train(given, tmp_path, None, as_json=False) == command.BAD_VALUE
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.partition(":")[0] for line in said.err.splitlines()] == ["--depth", "--lr", "--batch-size"]
    assert said.err.splitlines()[1].endswith("greater than 0, not 0")


def test_conflicting_hyperparameters_are_reported_without_an_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"depth": "8"}
    assert command.train(given, tmp_path, None, as_json=False) == command.BAD_VALUE
    said = capsys.readouterr().err
    assert "choose at most 7 layers or a width of at least 1024" in said
    assert not said.startswith("--")


def test_missing_data_is_reported_with_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"depth": "1", "epochs": "1", "dataset": "clothes"}
    assert command.train(given, tmp_path, None, as_json=True) == command.FAILED
    said = capsys.readouterr()
    assert said.out == ""
    assert str(tmp_path / "datasets" / "clothes") in said.err


def test_ctrl_c_prints_interrupted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("trainer.terminal.run", interrupted)
    assert command.train({"depth": "1"}, tmp_path, None, as_json=False) == command.INTERRUPTED
    assert capsys.readouterr().err == "Interrupted.\n"
