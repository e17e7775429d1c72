"""Checkpoints: a `TrainState` as one file, from which training resumes bit-identically."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.config import TrainConfig
from trainer.files import tensor_file
from trainer.files.raw_tensors import TensorFileError
from trainer.files.tensor_file import Arrays
from trainer.training.loop import TrainState

VERSION: Final = 1
"""Version of the file format. Increase it when older files would be read with another meaning."""

_WEIGHTS: Final = "weights."
_MOMENTS: Final = "moments."


class CheckpointError(Exception):
    """Training can't resume from a checkpoint; the message says why."""


def save(
    path: Path, state: TrainState, config: TrainConfig, data_sha256: str, base: Path | None = None
) -> None:
    """Write `state` and the digest of its training data, completely or not at all.

    Creates folders as `durable.write` does. Raises `durable.NotWritten`.
    """
    arrays = {_WEIGHTS + name: to_array(tensor) for name, tensor in state.model.state_dict().items()}
    arrays |= {_MOMENTS + name: to_array(tensor) for name, tensor in state.moments.items()}
    about = {
        "version": VERSION,
        "epoch": state.epoch,
        "best_test_loss": None if math.isinf(state.best_test_loss) else state.best_test_loss,
        "best_epoch": state.best_epoch,
        "config": config.model_dump(),
        "data_sha256": data_sha256,
    }
    tensor_file.write(path, arrays, about, base)


def load(path: Path, config: TrainConfig, data_sha256: str, device: torch.device) -> TrainState:
    """Load a saved state onto `device`.

    A hyperparameter that is missing in an older file counts as its default. Raises `CheckpointError` if the
    file is damaged, has another version, or belongs to another configuration or to data with another digest.
    """
    try:
        arrays, about = tensor_file.read(path)
    except TensorFileError as error:
        raise CheckpointError(str(error)) from error
    if about.get("version") != VERSION:
        raise CheckpointError(f"{path} has format version {about.get('version')}; expected {VERSION}")
    if differing := _differing(about["config"], config):
        raise CheckpointError(f"{path} belongs to another configuration: different {', '.join(differing)}")
    if about["data_sha256"] != data_sha256:
        raise CheckpointError(f"{path} belongs to other data: the files of {config.dataset} have changed")
    state = TrainState.start(config, device)
    try:
        state.model.load_state_dict(_part(arrays, _WEIGHTS, torch.device("cpu")))
    except RuntimeError as error:
        raise CheckpointError(f"{path} does not match the network: {error}") from error
    state.moments = _part(arrays, _MOMENTS, device)
    state.epoch, state.best_epoch = about["epoch"], about["best_epoch"]
    state.best_test_loss = math.inf if about["best_test_loss"] is None else about["best_test_loss"]
    return state


def to_array(tensor: Tensor) -> NDArray[Any]:
    """A tensor's values as a NumPy array in CPU memory."""
    array: NDArray[Any] = tensor.detach().cpu().numpy()
    return array


def _part(arrays: Arrays, prefix: str, device: torch.device) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): torch.from_numpy(np.array(array)).to(device)
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _differing(saved: Mapping[str, object], config: TrainConfig) -> list[str]:
    """Names of hyperparameters that differ from the saved ones; a missing one counts as its default."""
    missing = object()
    given, chosen = config.model_dump(mode="json"), config.model_dump(mode="json", exclude_defaults=True)
    return sorted(
        name for name in saved.keys() | chosen.keys() if saved.get(name, missing) != given.get(name, missing)
    )
