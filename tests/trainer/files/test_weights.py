"""The final weights as others read them."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from trainer.config import TrainConfig
from trainer.files import weights
from trainer.training.loop import TrainState


def test_weights_are_named_as_pytorch_names_them_and_read_without_this_library(tmp_path: Path) -> None:
    config = TrainConfig(depth=3)
    model = TrainState.start(config, torch.device("cpu")).model
    weights.save(tmp_path / "model.safetensors", model, config, epochs=7)
    loaded = load_file(tmp_path / "model.safetensors")
    expected = model.state_dict()
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[name], expected[name]) for name in expected)


def test_equal_weights_are_equal_bytes(tmp_path: Path) -> None:
    config = TrainConfig(depth=3)
    model = TrainState.start(config, torch.device("cpu")).model
    weights.save(tmp_path / "one", model, config, epochs=7)
    weights.save(tmp_path / "other", model, config, epochs=7)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
