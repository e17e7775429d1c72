"""Runs of two learning rates that look alike in sixteen digits."""

from collections.abc import Sequence

from app.storage.database import Database
from tests.app.states import finished_run

NEAR = (0.3, 0.1 + 0.2)
"""Two learning rates that are equal in sixteen digits."""


def of_rates(database: Database, depths: Sequence[int] = (1,)) -> list[int]:
    """Runs of both rates, two seeds each: the second is one point better, or two points worse at depth 2."""
    return [
        finished_run(database, accuracy + seed / 1000, depth=depth, lr=rate, seed=seed)
        for depth in depths
        for rate, accuracy in zip(NEAR, {1: (0.90, 0.91), 2: (0.96, 0.94)}[depth], strict=True)
        for seed in (0, 1)
    ]
