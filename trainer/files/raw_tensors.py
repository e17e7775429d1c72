"""Tensors of a safetensors file as bytes, and their digests. Needs neither NumPy nor PyTorch."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

KEY: Final = "depthboard"
"""The only key of the metadata: human-readable JSON."""

DIGEST: Final = "sha256"
"""The digest in that JSON, of the tensors and of everything else in it."""

_METADATA: Final = "__metadata__"
_LENGTH_BYTES: Final = 8
_LONGEST_HEADER: Final = 1 << 20
_PIECE_BYTES: Final = 1 << 20
_TYPES: Final = {"U8": "uint8", "I64": "int64", "F16": "float16", "F32": "float32", "F64": "float64"}
"""Element types, and their names in NumPy."""


class TensorFileError(Exception):
    """The file can't be read, or is damaged."""


class RawTensor(NamedTuple):
    """A tensor: its element type as in NumPy, its shape and its bytes, little-endian and row-major."""

    dtype: str
    shape: tuple[int, ...]
    content: bytes


def read(path: Path) -> dict[str, RawTensor]:
    """Read the tensors of a file and check their digest.

    Raises `TensorFileError` if the file is missing, damaged or not written by `tensor_file.write`.
    """
    try:
        with path.open("rb") as file:
            header = _header(file)
            content = file.read()
        about = json.loads(header.pop(_METADATA)[KEY])
        tensors = {name: _tensor(entry, content) for name, entry in header.items()}
        stored = about.pop(DIGEST)
    except OSError as error:
        raise TensorFileError(f"{path} can't be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TensorFileError(f"{path} is damaged: {error}") from error
    if stored != digest(((name, *tensor) for name, tensor in tensors.items()), about):
        raise TensorFileError(f"{path} is damaged: its content does not match its digest")
    return tensors


def digest(
    tensors: Iterable[tuple[str, str, tuple[int, ...], bytes | memoryview]], about: Mapping[str, object]
) -> str:
    """The digest that a file stores: of `about`, and of each tensor's name, type, shape and bytes."""
    found = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, dtype, shape, content in sorted(tensors):
        found.update(f"{name} {dtype} {shape}\n".encode())
        found.update(content)
    return found.hexdigest()


def tensors_digest(path: Path) -> str:
    """The SHA-256 of a file's tensors without its metadata, read in pieces: equal for equal tensors.

    Raises `TensorFileError` if the file is missing or has no valid header.
    """
    try:
        with path.open("rb") as file:
            header = _header(file)
            header.pop(_METADATA, None)
            found = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
            while piece := file.read(_PIECE_BYTES):
                found.update(piece)
    except OSError as error:
        raise TensorFileError(f"{path} can't be read: {error.strerror or error}") from error
    except (ValueError, AttributeError) as error:
        raise TensorFileError(f"{path} is damaged: {error}") from error
    return found.hexdigest()


def _header(file: BinaryIO) -> dict[str, Any]:
    """The header: 8 bytes with its length, then JSON."""
    length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    if length > _LONGEST_HEADER:
        raise ValueError(f"its header states a length of {length:,} bytes")
    header: dict[str, Any] = json.loads(file.read(length))
    return header


def _tensor(entry: Mapping[str, Any], content: bytes) -> RawTensor:
    start, end = entry["data_offsets"]
    return RawTensor(_TYPES[entry["dtype"]], tuple(entry["shape"]), content[start:end])
