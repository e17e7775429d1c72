"""The learning rate over a run."""

import math
from typing import Final

from trainer.config import TrainConfig

RISE: Final = 0.3
START_DIVISOR: Final = 25.0
END_DIVISOR: Final = 1e4
"""PyTorch's defaults for `onecycle`: fraction of rising updates, divisors of the first and last rate."""


def learning_rate(config: TrainConfig, step: int, updates: int) -> float:
    """The learning rate of update number `step`, counted from 0, in a run of `updates` updates.

    `cosine` falls from `lr` to nearly 0 (Loshchilov and Hutter, 2017). `onecycle` rises from lr/25 to `lr` in
    the first 30 % of the updates and then falls to a 10,000th of its start (Smith and Topin, 2019).
    """
    if config.schedule == "cosine":
        return _cosine(config.lr, 0.0, step / updates)
    if config.schedule == "onecycle":
        start = config.lr / START_DIVISOR
        peak, last = RISE * updates - 1, updates - 1
        if step <= peak:
            return _cosine(start, config.lr, step / peak if peak else 1.0)
        return _cosine(config.lr, start / END_DIVISOR, (step - peak) / (last - peak) if last > peak else 1.0)
    return config.lr


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
