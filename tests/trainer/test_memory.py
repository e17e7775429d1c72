"""The estimate of a training's memory, compared with measured peaks."""

import pytest

from trainer.memory import needed

MEBIBYTE = 2**20


@pytest.mark.parametrize(
    ("depth", "width", "batch_size", "measured"),
    [
        (3, 512, 1024, 369),
        (1, 512, 60_000, 569),
        (5, 512, 60_000, 1030),
        (5, 1024, 20_000, 734),
        (2, 4096, 8000, 813),
        (3, 2048, 8192, 708),
        (4, 4096, 30_000, 2372),
    ],
)
def test_measured_peaks_are_at_most_the_estimate(
    depth: int, width: int, batch_size: int, measured: int
) -> None:
    assert 0.75 < measured * MEBIBYTE / needed(depth, width, batch_size) <= 1.0


def test_a_gibibyte_is_enough_for_common_runs_and_seven_for_all() -> None:
    assert needed(7, 512, 40_000) <= 2**30 < needed(5, 512, 60_000)
    assert needed(10, 4096, 60_000) <= 7 * 2**30
