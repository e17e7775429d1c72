"""Counts of durations in intervals, in the shape of a Prometheus histogram."""

from bisect import bisect_left
from collections.abc import Iterator
from threading import Lock
from typing import Final

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the intervals in seconds; the last interval has none."""


class Histogram:
    """Durations in seconds, counted separately for each combination of labels; safe to share by threads."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}
        self._lock = Lock()

    def add(self, seconds: float, *labels: str) -> None:
        """Count a duration."""
        with self._lock:
            counts = self._counts.setdefault(labels, [0] * (len(BOUNDS) + 1))
            counts[bisect_left(BOUNDS, seconds)] += 1
            self._sums[labels] = self._sums.get(labels, 0.0) + seconds

    def read(self) -> Iterator[tuple[tuple[str, ...], list[tuple[str, float]], float]]:
        """For each combination of labels, the cumulative counts by upper bound, and the sum in seconds."""
        with self._lock:
            found = [(labels, [*counts], self._sums[labels]) for labels, counts in self._counts.items()]
        for labels, counts, total in found:
            below = 0
            cumulative = []
            for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
                below += count
                cumulative.append((bound, float(below)))
            yield labels, cumulative, total
