"""Data for the trainer's tests: a small synthetic set, and the real one read once."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from trainer.data.folder import FILES, SHIPPED, DataFolder
from trainer.data.loading import Arrays, TensorData, load, to_device


@pytest.fixture(scope="session")
def arrays() -> Arrays:
    """MNIST as shipped."""
    return load(SHIPPED, DataFolder.of(SHIPPED, Path()))


@pytest.fixture(scope="session")
def mnist(arrays: Arrays) -> TensorData:
    """MNIST on the CPU."""
    return to_device(arrays, torch.device("cpu"))


def normalised(images: Tensor) -> Tensor:
    """`uint8` pixels as `float32` in 0..1."""
    return images.float() / 255


@pytest.fixture(scope="session")
def data() -> TensorData:
    """300 random training and 100 test images; the class is the brightest of the first ten pixels."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (400, 784), generator=generator, dtype=torch.uint8)
    labels = images[:, :10].argmax(dim=1)
    return TensorData(images[:300], labels[:300], images[300:], labels[300:])


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A folder with links to the files of MNIST."""
    shipped = DataFolder.of(SHIPPED, Path()).path
    for name in FILES:
        (tmp_path / f"{name}.gz").symlink_to(shipped / f"{name}.gz")
    return tmp_path
