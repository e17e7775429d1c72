"""Axes of drawings: ranges, ticks and their labels."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from app.formats import significant, whole

Extent = tuple[float, float]
"""The lowest and the highest value."""

_STEPS: Final = (1, 2, 2.5, 5, 10)
_ROOM: Final = 0.06
"""Fraction of the range that stays free at each end."""

_FACTOR: Final = 5
"""Extreme values are left out if they make the axis this many times as high as the others need."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis: its title with the unit, its range in values and in pixels, and its ticks."""

    title: str
    range: Extent
    pixels: Extent
    ticks: Sequence[float]
    labels: Sequence[str]

    def place(self, value: float) -> float:
        """The pixel of a value."""
        (low, high), (start, end) = self.range, self.pixels
        return start + (value - low) / (high - low) * (end - start)

    @property
    def marks(self) -> list[tuple[float, str]]:
        """The pixel and the label of each tick."""
        return [
            (round(self.place(tick), 1), label) for tick, label in zip(self.ticks, self.labels, strict=True)
        ]


def linear(title: str, extent: Extent, pixels: Extent, *, most: int, unit: str = "") -> Axis:
    """An axis over a range with at most about `most` ticks at round numbers."""
    at = ticks(extent, most)
    return Axis(title, extent, pixels, at, [f"{significant(tick, 4)}{unit}" for tick in at])


def epochs(last: int, pixels: Extent) -> Axis:
    """The axis of epochs from 0; ticks are whole."""
    end = max(last, 2)
    at = [tick for tick in ticks((0, end), 8) if tick == int(tick)]
    return Axis("Epoch", (0, end), pixels, at, [whole(int(tick)) for tick in at])


def ticks(extent: Extent, most: int) -> list[float]:
    """Round numbers within a range: at least two, and about `most` at most."""
    low, high = extent
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(part * power for part in _STEPS if part * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def extent_of(values: Iterable[float]) -> Extent | None:
    """The extent of those values that are finite; None if none is."""
    finite = [value for value in values if math.isfinite(value)]
    return (min(finite), max(finite)) if finite else None


def within(extents: Sequence[Extent], least: float, ends: Extent, *, downward: bool = False) -> Extent:
    """A range that shows most of some extents, such as those of runs.

    Extremely high ones (with `downward`, low ones) are left out, as few as possible and at most half, if they
    would flatten the others. The others count as at least `least` high. The range never exceeds `ends`.
    """
    low, high = _most(extents, least, downward=downward)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        half = abs(high) / 20 or 0.5
        low, high = low - half, high + half
    room = _ROOM * (high - low)
    return max(ends[0], low - room), min(ends[1], high + room)


def _most(extents: Sequence[Extent], least: float, *, downward: bool) -> Extent:
    ordered = sorted(extents, key=lambda each: each[0] if downward else -each[1])
    whole_one = _union(ordered)
    for count in range(1, len(ordered) // 2 + 1):
        rest = _union(ordered[count:])
        if whole_one[1] - whole_one[0] > _FACTOR * max(rest[1] - rest[0], least):
            return rest
    return whole_one


def _union(extents: Sequence[Extent]) -> Extent:
    return min(low for low, _ in extents), max(high for _, high in extents)
