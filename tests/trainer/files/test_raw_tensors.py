"""Tensors as bytes: the same as NumPy reads, and digests of tensors alone."""

from pathlib import Path

import numpy as np
import pytest

from trainer.files import raw_tensors, tensor_file
from trainer.files.raw_tensors import TensorFileError
from trainer.files.tensor_file import Arrays

ARRAYS: Arrays = {
    "b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a": np.array([1, 2, 255], np.uint8),
    "half": np.array([0.5, 0.25], np.float16),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "some.safetensors"
    tensor_file.write(found, ARRAYS, {"epochs": 3})
    return found


def test_bytes_shapes_and_types_are_those_of_the_arrays(path: Path) -> None:
    found = raw_tensors.read(path)
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name] == (str(array.dtype), array.shape, array.tobytes())


def test_damaged_and_missing_files_are_rejected(path: Path, tmp_path: Path) -> None:
    content = path.read_bytes()
    for damaged in (content[:-1] + b"!", content[:40], b"", b"\xff" * 100):
        path.write_bytes(damaged)
        with pytest.raises(TensorFileError, match="is damaged"):
            raw_tensors.read(path)
    with pytest.raises(TensorFileError, match="can't be read: No such file"):
        raw_tensors.read(tmp_path / "missing")


def test_the_digest_of_tensors_ignores_metadata_only(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    tensor_file.write(other, ARRAYS, {"epochs": 4, "device": "cpu"})
    assert raw_tensors.tensors_digest(other) == raw_tensors.tensors_digest(path)
    changed = {**ARRAYS, "a": np.array([1, 2, 254], np.uint8)}
    tensor_file.write(other, changed, {"epochs": 3})
    assert raw_tensors.tensors_digest(other) != raw_tensors.tensors_digest(path)
    renamed = {name.upper(): array for name, array in ARRAYS.items()}
    tensor_file.write(other, renamed, {"epochs": 3})
    assert raw_tensors.tensors_digest(other) != raw_tensors.tensors_digest(path)
    other.write_bytes(b"short")
    with pytest.raises(TensorFileError, match="is damaged"):
        raw_tensors.tensors_digest(other)
