"""Checkpoints: what comes back, what is refused, and what a kill in the middle of writing leaves."""

import errno
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.files import checkpoint, durable, tensor_file
from trainer.files.checkpoint import CheckpointError
from trainer.training.loop import TrainState, train

CPU = torch.device("cpu")
CONFIG = TrainConfig(depth=2, epochs=3, batch_size=128)
DATA = "the digest of the data"

DYING_SAVE = """
import os, signal, sys
from pathlib import Path
import torch
from trainer.files import checkpoint
from trainer.config import TrainConfig
from trainer.training.loop import TrainState

config = TrainConfig.model_validate_json(sys.argv[2])
state = TrainState.start(config, torch.device("cpu"))
state.epoch = 2
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
checkpoint.save(Path(sys.argv[1]), state, config, sys.argv[3])
"""
"""Saves the state of epoch 2 and is killed when that is written and does not have its name yet."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "some.safetensors"


def state_of(config: TrainConfig = CONFIG, epoch: int = 0) -> TrainState:
    state = TrainState.start(config, CPU)
    state.epoch = epoch
    return state


def test_a_training_resumed_from_a_checkpoint_ends_with_the_same_bytes(data: TensorData, path: Path) -> None:
    straight = state_of()
    figures = [record.test_loss for record in train(CONFIG, data, straight)]
    state = state_of()
    next(train(CONFIG, data, state))
    checkpoint.save(path, state, CONFIG, DATA)
    resumed = checkpoint.load(path, CONFIG, DATA, CPU)
    assert resumed.epoch == 1
    assert [record.test_loss for record in train(CONFIG, data, resumed)] == figures[1:]
    checkpoint.save(path, straight, CONFIG, DATA)
    expected = path.read_bytes()
    checkpoint.save(path, resumed, CONFIG, DATA)
    assert path.read_bytes() == expected


def test_a_saved_state_is_loaded_completely(path: Path) -> None:
    state = state_of(epoch=2)
    state.moments = {"0.weight.average": torch.rand(3, 4), "0.bias.average": torch.rand(3)}
    state.best_test_loss, state.best_epoch = 0.1 + 0.2, 1
    checkpoint.save(path, state, CONFIG, DATA)
    loaded = checkpoint.load(path, CONFIG, DATA, CPU)
    assert (loaded.epoch, loaded.best_test_loss, loaded.best_epoch) == (2, 0.1 + 0.2, 1)
    assert loaded.moments.keys() == state.moments.keys()
    for name, moment in state.moments.items():
        assert torch.equal(loaded.moments[name], moment)
        loaded.moments[name].add_(1)  # memory of its own, that training may write


def test_before_the_first_test_loss_the_best_one_is_infinite(path: Path) -> None:
    checkpoint.save(path, state_of(), CONFIG, DATA)
    assert checkpoint.load(path, CONFIG, DATA, CPU).best_test_loss == math.inf


def test_the_metadata_is_one_key_of_readable_json(path: Path) -> None:
    checkpoint.save(path, state_of(epoch=2), CONFIG, DATA)
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    (about,) = header["__metadata__"].values()
    assert json.loads(about)["epoch"] == 2
    assert json.loads(about)["config"]["depth"] == 2


def test_another_configuration_is_refused_with_the_differing_hyperparameters(path: Path) -> None:
    checkpoint.save(path, state_of(), CONFIG, DATA)
    other = CONFIG.model_copy(update={"lr": 0.1, "seed": 5})
    with pytest.raises(CheckpointError, match=r"another configuration: different lr, seed$"):
        checkpoint.load(path, other, DATA, CPU)


class Later(TrainConfig):
    """The hyperparameters of a later version."""

    smoothing: float = 0.0


def test_a_hyperparameter_that_is_newer_than_the_checkpoint_had_its_default(path: Path) -> None:
    checkpoint.save(path, state_of(epoch=2), CONFIG, DATA)
    later = Later(**CONFIG.model_dump())
    assert checkpoint.load(path, later, DATA, CPU).epoch == 2
    with pytest.raises(CheckpointError, match=r"another configuration: different smoothing$"):
        checkpoint.load(path, later.model_copy(update={"smoothing": 0.1}), DATA, CPU)


def test_a_checkpoint_with_unknown_hyperparameters_is_refused(path: Path) -> None:
    checkpoint.save(path, state_of(), Later(**CONFIG.model_dump(), smoothing=0.1), DATA)
    with pytest.raises(CheckpointError, match=r"another configuration: different smoothing$"):
        checkpoint.load(path, CONFIG, DATA, CPU)


def test_a_state_trained_on_other_data_is_refused(path: Path) -> None:
    checkpoint.save(path, state_of(), CONFIG, DATA)
    with pytest.raises(CheckpointError, match="belongs to other data: the files of mnist have changed"):
        checkpoint.load(path, CONFIG, "another digest", CPU)


def test_another_version_of_the_format_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "VERSION", 99)
    checkpoint.save(path, state_of(), CONFIG, DATA)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="has format version 99; expected 1"):
        checkpoint.load(path, CONFIG, DATA, CPU)


def test_weights_of_another_network_are_refused(path: Path) -> None:
    checkpoint.save(path, state_of(TrainConfig(depth=3)), CONFIG, DATA)
    with pytest.raises(CheckpointError, match="does not match the network"):
        checkpoint.load(path, CONFIG, DATA, CPU)


def test_a_file_that_is_absent_is_refused(path: Path) -> None:
    with pytest.raises(CheckpointError, match="can't be read: No such file"):
        checkpoint.load(path, CONFIG, DATA, CPU)


@pytest.mark.parametrize("kept", [0, 7, 100, 10_000])
def test_a_file_that_was_cut_off_is_refused(path: Path, kept: int) -> None:
    checkpoint.save(path, state_of(), CONFIG, DATA)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoint.load(path, CONFIG, DATA, CPU)


@pytest.mark.parametrize("place", [0, 8, 30, 5_000, -1])
def test_a_flipped_bit_is_noticed(path: Path, place: int) -> None:
    checkpoint.save(path, state_of(), CONFIG, DATA)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoint.load(path, CONFIG, DATA, CPU)


def test_a_changed_epoch_is_noticed(path: Path) -> None:
    checkpoint.save(path, state_of(epoch=2), CONFIG, DATA)
    content = path.read_bytes()
    path.write_bytes(content.replace(b'\\"epoch\\": 2', b'\\"epoch\\": 3'))
    assert path.read_bytes() != content
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoint.load(path, CONFIG, DATA, CPU)


def test_a_foreign_file_of_tensors_is_refused(path: Path) -> None:
    tensor_file.write(path, {}, {"images": 3})
    with pytest.raises(CheckpointError, match="has format version None"):
        checkpoint.load(path, CONFIG, DATA, CPU)


@pytest.mark.slow
def test_a_kill_while_saving_leaves_the_old_checkpoint(path: Path) -> None:
    """At every other moment too: `test_durable.py` kills whoever writes a file."""
    checkpoint.save(path, state_of(epoch=1), CONFIG, DATA)
    arguments = [str(path), CONFIG.model_dump_json(), DATA]
    ended = subprocess.run([sys.executable, "-c", DYING_SAVE, *arguments], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert checkpoint.load(path, CONFIG, DATA, CPU).epoch == 1


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOSPC, "free some space"), (errno.EROFS, "make sure that its folder")]
)
def test_a_failed_write_keeps_the_old_checkpoint(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    checkpoint.save(path, state_of(epoch=1), CONFIG, DATA)

    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(durable.NotWritten, match=f"{os.strerror(number)}; {advice}"):
        checkpoint.save(path, state_of(epoch=2), CONFIG, DATA)
    assert list(path.parent.iterdir()) == [path]
    assert checkpoint.load(path, CONFIG, DATA, CPU).epoch == 1
