"""Arrays and JSON metadata in one safetensors file.

The metadata has a single key, `depthboard`, with human-readable JSON. safetensors does not keep the order of
several keys, and equal contents must give equal bytes.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from trainer.files import durable, raw_tensors
from trainer.files.raw_tensors import DIGEST, KEY, TensorFileError

Arrays = dict[str, NDArray[Any]]


def write(
    path: Path, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, object], base: Path | None = None
) -> None:
    """Write arrays and their JSON metadata `about`, with a digest of both, as `durable.write` does.

    Raises `durable.NotWritten`.
    """
    contents = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    text = json.dumps({**about, DIGEST: _digest(contents, about)}, allow_nan=False)
    durable.write(path, save(contents, {KEY: text}), base)


def read(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read the arrays and the JSON metadata of a file.

    Raises `TensorFileError` if the file is missing, damaged or not written by `write`.
    """
    try:
        content = path.read_bytes()
        arrays = load(content)
        about = json.loads(_metadata(content)[KEY])
    except OSError as error:
        raise TensorFileError(f"{path} can't be read: {error.strerror or error}") from error
    except (SafetensorError, ValueError, KeyError) as error:
        raise TensorFileError(f"{path} is damaged: {error}") from error
    if about.pop(DIGEST, None) != _digest(arrays, about):
        raise TensorFileError(f"{path} is damaged: its content does not match its digest")
    return arrays, about


def _metadata(content: bytes) -> dict[str, str]:
    """The metadata in the header: 8 bytes with the header's length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8 : 8 + length])["__metadata__"]
    return metadata


def _digest(arrays: Mapping[str, NDArray[Any]], about: Mapping[str, object]) -> str:
    tensors = ((name, str(array.dtype), array.shape, array.data) for name, array in arrays.items())
    return raw_tensors.digest(tensors, about)
