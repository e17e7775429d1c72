"""Estimates the memory that training on the CPU takes, without torch."""

from typing import Final

from trainer.config import PIXELS, layer_sizes, parameter_count

_RESIDENT: Final = 300 * 2**20
"""Bytes of Python, PyTorch and MNIST before a training."""

_EVALUATED: Final = 10_000
"""Images that are evaluated at the same time, at least as far as memory is concerned."""

_PER_PIXEL: Final = 6
"""Bytes of a batch for each pixel: as `uint8`, as `float32`, and the order of the images."""

_PER_UNIT: Final = 12
"""Bytes of a batch for each hidden unit: its value, its gradient and a temporary one, as `float32`."""

_PER_PARAMETER: Final = 20
"""Bytes for each parameter: its value, gradient, two moments and a temporary one, as `float32`."""


def needed(depth: int, width: int, batch_size: int) -> int:
    """Returns the memory that a run takes at most, in bytes.

    The measured peaks of runs of 1 to 5 layers, up to the widest and with the largest batches, were 75 to
    100 % of it. Data sets larger than MNIST need more.
    """
    sizes = layer_sizes(depth, width)
    units = sum(sizes[1:-1]) * max(batch_size, _EVALUATED)
    return (
        _RESIDENT
        + _PER_PIXEL * PIXELS * batch_size
        + _PER_UNIT * units
        + _PER_PARAMETER * parameter_count(sizes)
    )
