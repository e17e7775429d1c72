"""Data for the trainer's tests: a small synthetic set, and the real one read once."""

import pytest
import torch

from trainer.data import Arrays, TensorData, load, to_device


@pytest.fixture(scope="session")
def arrays() -> Arrays:
    """MNIST as it is shipped."""
    return load()


@pytest.fixture(scope="session")
def mnist(arrays: Arrays) -> TensorData:
    """MNIST on the CPU."""
    return to_device(arrays, torch.device("cpu"))


@pytest.fixture(scope="session")
def data() -> TensorData:
    """300 random images whose class is the brightest of their first ten pixels; 100 to test on."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(400, 784, generator=generator)
    labels = images[:, :10].argmax(dim=1)
    return TensorData(images[:300], labels[:300], images[300:], labels[300:])
