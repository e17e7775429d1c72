"""A drawing: axes, lines, points and legend as one SVG document."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from app.web import assets
from app.web.drawings.axes import Axis, Extent
from app.web.html import render

WIDTH: Final = 720
HEIGHT: Final = 408
LEFT: Final = 64
RIGHT: Final = 16
TOP: Final = 14
BOTTOM: Final = 60
ACROSS: Final = (float(LEFT), float(WIDTH - RIGHT))
"""The pixels of the horizontal axis."""

UP: Final = (float(HEIGHT - BOTTOM), float(TOP))
"""The pixels of the vertical axis, from below."""

DASHES: Final = {
    "solid": "",
    "dash": "6 5",
    "dot": "2 3",
    "longdash": "10 6",
    "dashdot": "7 3 2 3",
    "longdashdot": "11 4 2 4",
}
"""The dash patterns by plotly.js' names, as in the charts of the pages."""

_FEW_SHADES: Final = 5
_LETTER: Final = 7.2
"""About the width of a letter, in pixels: the server can't measure text."""

_SAMPLE: Final = 46
_ROW: Final = 22
_COLORS: Final = re.compile(r"--[\w-]+: light-dark\([^;]+\);")


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points; a point that is not finite interrupts it. `shade` 0 is the color of text."""

    points: Iterable[tuple[float, float]]
    shade: int = 0
    dash: str = "solid"
    width: float = 2.0


@dataclass(frozen=True, slots=True)
class Dots:
    """Single points, filled or as rings."""

    points: Sequence[tuple[float, float]]
    shade: int = 0
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval: a vertical line at `x` with short ends."""

    x: float
    ends: Extent


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the legend: a name with the line or dot that it has in the drawing."""

    name: str
    shade: int = 0
    dash: str = "solid"
    dot: str = ""
    """`filled` or `open` for a dot instead of a line."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """All parts of a drawing; `description` tells what it shows to those who can't see it."""

    title: str
    description: str
    across: Axis
    up: Axis
    lines: Sequence[Line] = ()
    dots: Sequence[Dots] = ()
    bars: Sequence[Bar] = ()
    legend: Sequence[Entry] = ()
    notes: Sequence[str] = field(default=())

    def render(self) -> str:
        """The drawing as SVG."""
        entries = _placed(self.legend)
        rows = 1 + max((row for _, _, row in entries), default=-1)
        shades = [line.shade for line in self.lines] + [dots.shade for dots in self.dots]
        return render(
            "drawings/chart.svg",
            drawing=self,
            width=WIDTH,
            height=HEIGHT + _ROW * (rows + len(self.notes)),
            frame=(LEFT, TOP, WIDTH - RIGHT - LEFT, HEIGHT - BOTTOM - TOP),
            bottom=HEIGHT - BOTTOM,
            below=HEIGHT + _ROW * rows,
            row=_ROW,
            colors=palette(many=max(shades, default=0) > _FEW_SHADES),
            paths=[(path(self, line), line) for line in self.lines],
            spots=[(_spots(self, dots), dots) for dots in self.dots],
            intervals=[
                (round(self.across.place(bar.x), 1), *(round(self.up.place(end), 1) for end in bar.ends))
                for bar in self.bars
            ],
            entries=[(entry, x, HEIGHT + _ROW * row) for entry, x, row in entries],
            dashes=DASHES,
        )


def path(drawing: Drawing, line: Line) -> str:
    """The `d` of a line: every point, rounded to a tenth of a pixel."""
    across, up = drawing.across, drawing.up
    parts: list[str] = []
    command = "M"
    for x, y in line.points:
        if math.isfinite(y):
            parts.append(f"{command}{across.place(x):.1f},{up.place(y):.1f}")
            command = "L"
        else:
            command = "M"
    return "".join(parts)


def _spots(drawing: Drawing, dots: Dots) -> list[tuple[float, float]]:
    return [
        (round(drawing.across.place(x), 1), round(drawing.up.place(y), 1))
        for x, y in dots.points
        if math.isfinite(y)
    ]


def _placed(entries: Sequence[Entry]) -> list[tuple[Entry, int, int]]:
    """Each entry of a legend with its x and its row, in columns of equal width."""
    if not entries:
        return []
    needed = _SAMPLE + math.ceil(_LETTER * max(len(entry.name) for entry in entries))
    columns = max(1, min(len(entries), (WIDTH - 2 * RIGHT) // needed))
    width = (WIDTH - 2 * RIGHT) // columns if columns > 1 else needed
    return [
        (entry, RIGHT + min(width, needed + 24) * (place % columns), place // columns)
        for place, entry in enumerate(entries)
    ]


@cache
def palette(*, many: bool) -> str:
    """The colors of the style sheet as declarations; `many` for the scale with more than five shades."""
    sheet = assets.text("style.css")
    root, _, others = sheet.partition(":root {")[2].partition("}")
    longer = others.partition(':has([data-depth="6"]')[2].partition("}")[0]
    return "\n".join(_COLORS.findall(root) + (_COLORS.findall(longer) if many else []))
