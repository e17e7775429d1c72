"""Arrays and JSON metadata in one safetensors file.

The metadata has a single key, `depthboard`, with human-readable JSON. safetensors does not keep the order of
several keys, and equal contents must give equal bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from trainer.files import durable

Arrays = dict[str, NDArray[Any]]

_KEY: Final = "depthboard"
_DIGEST: Final = "sha256"


class TensorFileError(Exception):
    """The file can't be read, or is damaged."""


def write(path: Path, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, object]) -> None:
    """Write arrays and their JSON metadata `about`, with a digest of both. Raises `durable.NotWritten`."""
    contents = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    text = json.dumps({**about, _DIGEST: _digest(contents, about)}, allow_nan=False)
    durable.write(path, save(contents, {_KEY: text}))


def read(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read the arrays and the JSON metadata of a file.

    Raises `TensorFileError` if the file is missing, damaged or not written by `write`.
    """
    try:
        content = path.read_bytes()
        arrays = load(content)
        about = json.loads(_metadata(content)[_KEY])
    except OSError as error:
        raise TensorFileError(f"{path} can't be read: {error.strerror or error}") from error
    except (SafetensorError, ValueError, KeyError) as error:
        raise TensorFileError(f"{path} is damaged: {error}") from error
    if about.pop(_DIGEST, None) != _digest(arrays, about):
        raise TensorFileError(f"{path} is damaged: its content does not match its digest")
    return arrays, about


def _metadata(content: bytes) -> dict[str, str]:
    """The metadata in the header: 8 bytes with the header's length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8 : 8 + length])["__metadata__"]
    return metadata


def _digest(arrays: Mapping[str, NDArray[Any]], about: Mapping[str, object]) -> str:
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
