"""Small line charts as the points of SVG polylines, for pages without scripts."""

from collections.abc import Sequence
from typing import Final

WIDTH: Final = 240
HEIGHT: Final = 40

_GAP: Final = 3
"""A pause of more than this many usual intervals breaks the line."""


def lines(
    ages: Sequence[float], values: Sequence[float | None], *, span: float, interval: float
) -> list[str]:
    """Lines through values from 0 to 1 at these ages in seconds, oldest first; now is at the right end.

    `span` is the age at the left end. Missing values and pauses break the line.
    """
    found: list[list[str]] = []
    before: float | None = None
    for age, value in zip(ages, values, strict=True):
        if value is None or age > span:
            before = None
            continue
        if before is None or before - age > _GAP * interval:
            found.append([])
        x = WIDTH * (1 - age / span)
        y = HEIGHT * (1 - min(1.0, max(0.0, value)))
        found[-1].append(f"{x:.1f},{y:.1f}")
        before = age
    return [" ".join(points if len(points) > 1 else points * 2) for points in found]
