"""Arrays and the JSON about them in one file: what comes back, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from trainer.files import tensor_file
from trainer.files.raw_tensors import TensorFileError

ARRAYS: tensor_file.Arrays = {
    "b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a": np.array([1, 255], np.uint8),
    "none": np.zeros((0, 4), np.float16),
}
ABOUT = {"epoch": 2, "rate": 0.1 + 0.2, "name": "é"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "some.safetensors"
    tensor_file.write(path, ARRAYS, ABOUT)
    return path


def test_written_arrays_are_read_back(path: Path) -> None:
    arrays, about = tensor_file.read(path)
    assert about == ABOUT
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_equal_arrays_are_written_as_equal_bytes(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    turned = {name: np.asfortranarray(ARRAYS[name]) for name in reversed(ARRAYS)}
    tensor_file.write(other, turned, ABOUT)
    assert other.read_bytes() == path.read_bytes()


def test_every_flipped_bit_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        content = bytearray(whole)
        content[place] ^= 1
        path.write_bytes(content)
        with pytest.raises(TensorFileError, match="is damaged"):
            tensor_file.read(path)


def test_a_file_cut_anywhere_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for kept in range(0, len(whole), 11):
        path.write_bytes(whole[:kept])
        with pytest.raises(TensorFileError, match="is damaged"):
            tensor_file.read(path)


def test_a_file_that_another_program_wrote_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign"
    for metadata in (None, {"format": "pt"}, {"depthboard": json.dumps({"epoch": 2})}):
        path.write_bytes(save(ARRAYS, metadata))
        with pytest.raises(TensorFileError, match="is damaged"):
            tensor_file.read(path)


def test_a_file_that_is_absent_says_so(tmp_path: Path) -> None:
    with pytest.raises(TensorFileError, match="can't be read: No such file"):
        tensor_file.read(tmp_path / "absent")


def test_a_number_that_json_does_not_have_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        tensor_file.write(tmp_path / "never", {}, {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []
