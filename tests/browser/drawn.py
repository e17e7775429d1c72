"""Reads the drawing of a chart from its picture: lines, points, names, marks and the ends of its axes.

The data that a script gave to a chart are not enough: a chart can have new data and still show old ones.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log10
from typing import Any, Final, Self

from playwright.sync_api import Page

NEAR: Final = 0.05
"""Maximum distance in pixels of equal places; the picture has hundredths of pixels."""
_READ: Final = r"""(id) => {
  const chart = document.getElementById(id);
  const frame = chart?.querySelector(".nsewdrag");
  if (!frame) return null;
  const axes = { x: chart._fullLayout.xaxis, y: chart._fullLayout.yaxis };
  const size = { x: Number(frame.getAttribute("width")), y: Number(frame.getAttribute("height")) };
  const value = (name, pixel) => {
    const { range, type } = axes[name];
    const share = name === "x" ? pixel / size.x : 1 - pixel / size.y;
    const place = range[0] + share * (range[1] - range[0]);
    return type === "log" ? 10 ** place : place;
  };
  const numbers = (text) => (text ?? "").match(/-?[\d.]+(e[-+]?\d+)?/g)?.map(Number) ?? [];
  const place = ([x, y]) => ({
    x: value("x", x),
    y: value("y", y),
    is_inside: x > -1 && x < size.x + 1 && y > -1 && y < size.y + 1,
  });
  const dot = (point) => place(numbers(point.getAttribute("transform")));
  const pairs = (path) => {
    const found = [];
    for (const [, command, rest] of (path.getAttribute("d") ?? "").matchAll(/([MLHV])([^A-Z]*)/g)) {
      const [x, y] = found.at(-1) ?? [];
      const [one, two] = numbers(rest);
      found.push(command === "H" ? [one, y] : command === "V" ? [x, one] : [one, two]);
    }
    return found;
  };
  const isShown = (element) => getComputedStyle(element).display !== "none";
  const all = (root, selector) => [...root.querySelectorAll(selector)].filter(isShown);
  const marks = (name) => {
    const corner = frame.getBoundingClientRect();
    return all(chart, `.${name}tick text`).map((mark) => {
      const { left, right, top, bottom } = mark.getBoundingClientRect();
      const pixel = name === "x" ? (left + right) / 2 - corner.left : (top + bottom) / 2 - corner.top;
      return [mark.textContent, value(name, pixel)];
    });
  };
  const axis = (name) => ({
    ends: axes[name].range,
    is_log: axes[name].type === "log",
    pixels: size[name],
    marks: marks(name),
    title: chart.querySelector(`.g-${name}title`)?.textContent ?? "",
  });
  return {
    x: axis("x"),
    y: axis("y"),
    names: all(chart, ".annotation").map((name) => name.textContent).filter(Boolean),
    traces: [...chart.querySelectorAll(".scatterlayer .trace")].map((trace) => ({
      index: trace.__data__[0].trace.index,
      line: all(trace, ".lines path.js-line").flatMap(pairs).map(place),
      points: all(trace, ".points path.point").map(dot),
      texts: all(trace, ".text text").map((text) => text.textContent),
    })),
  };
}"""


@dataclass(frozen=True)
class Place:
    """A place in the units of the axes, and whether it lies within their ends."""

    x: float
    y: float
    is_inside: bool = True


@dataclass(frozen=True)
class Trace:
    """A trace with the drawn vertices of its line, its points and texts; `index` is its position."""

    index: int
    line: list[Place]
    points: list[Place]
    texts: list[str]

    @property
    def last(self) -> Place | None:
        """The end of the line, or the last point."""
        return next(iter([*self.line[-1:], *self.points[-1:]]), None)


@dataclass(frozen=True)
class Axis:
    """An axis: its ends (powers of ten on a logarithmic axis), and its tick labels with their values."""

    ends: tuple[float, float]
    is_log: bool
    pixels: float
    marks: list[tuple[str, float]]
    title: str

    @classmethod
    def of(cls, found: dict[str, Any]) -> Self:
        """An axis from the read values."""
        return cls(**found | {"marks": [(text, value) for text, value in found["marks"]]})

    def apart(self, one: float, other: float) -> float:
        """The distance of two values in pixels."""
        return abs(self._pixel(one) - self._pixel(other))

    def has(self, value: float | None) -> bool:
        """Whether the axis can show this value."""
        return value is not None and not (self.is_log and value <= 0)

    def holds(self, value: float) -> bool:
        """Whether the value is between the ends and not on one of them."""
        return 0.5 < self._pixel(value) < self.pixels - 0.5

    def _pixel(self, value: float) -> float:
        low, high = self.ends
        return ((log10(value) if self.is_log else value) - low) / (high - low) * self.pixels


@dataclass(frozen=True)
class Drawing:
    """A chart as drawn; `names` are the names beside its lines and dots."""

    x: Axis
    y: Axis
    names: list[str]
    traces: list[Trace]

    @classmethod
    def of(cls, page: Page, chart: str) -> Self | None:
        """The chart with this name; None if it is not drawn yet."""
        found: dict[str, Any] | None = page.evaluate(_READ, f"{chart}-chart")
        if found is None:
            return None
        return cls(
            Axis.of(found["x"]),
            Axis.of(found["y"]),
            found["names"],
            [
                Trace(
                    trace["index"],
                    [Place(**place) for place in trace["line"]],
                    [Place(**place) for place in trace["points"]],
                    trace["texts"],
                )
                for trace in found["traces"]
            ],
        )

    @property
    def ends(self) -> list[Place]:
        """The end of each line and the last point of each trace of points, without traces of texts."""
        return [trace.last for trace in self.traces if trace.last and not trace.texts]

    def ends_at(self, places: Sequence[tuple[float, float]]) -> bool:
        """Whether the last traces end at these places, each within the frame."""
        last = self.ends[len(self.ends) - len(places) :]
        return all(end.is_inside for end in last) and self._are(last, places)

    def shows(self, data: list[dict[str, Any]]) -> bool:
        """Whether the ends of these traces' lines and their points within the frame are drawn."""
        drawn = {trace.index: trace for trace in self.traces}
        return all(
            index in drawn and self._shows(drawn[index], trace["mode"], places)
            for index, trace in enumerate(data)
            if (places := self._places(trace))
        )

    def _shows(self, trace: Trace, mode: str, places: list[tuple[float, float]]) -> bool:
        inside = [place for place in places if self.x.holds(place[0]) and self.y.holds(place[1])]
        has_line = "lines" not in mode or len(places) == 1 or self._are(trace.line[-1:], places[-1:])
        points = [point for point in trace.points if self.x.holds(point.x) and self.y.holds(point.y)]
        return has_line and ("markers" not in mode or self._are(points, inside))

    def _places(self, trace: dict[str, Any]) -> list[tuple[float, float]]:
        """The places of a trace that its axes can show."""
        pairs = zip(trace["x"], trace["y"], strict=True)
        return [(x, y) for x, y in pairs if self.x.has(x) and self.y.has(y)]

    def _are(self, drawn: Sequence[Place], places: Sequence[tuple[float, float]]) -> bool:
        return len(drawn) == len(places) and all(
            self.x.apart(place.x, x) < NEAR and self.y.apart(place.y, y) < NEAR
            for place, (x, y) in zip(drawn, places, strict=True)
        )


def wait(page: Page, chart: str, until: Callable[[Drawing], object], seconds: float = 30) -> Drawing:
    """Wait until the chart with this name meets a condition; the time limit only matters in a failed test."""
    deadline = time.monotonic() + seconds
    while True:
        drawing = Drawing.of(page, chart)
        if drawing and until(drawing):
            return drawing
        assert time.monotonic() < deadline, f"{page.url}: the {chart} chart stays {drawing}"
        page.wait_for_timeout(50)


def traces(
    page: Page, chart: str, until: Callable[[list[dict[str, Any]]], object] = bool
) -> list[dict[str, Any]]:
    """The data of the chart with this name, once it has some and has drawn them."""

    def are_drawn(drawing: Drawing) -> object:
        text = page.evaluate("(id) => JSON.stringify(document.getElementById(id).data)", f"{chart}-chart")
        found[:] = json.loads(text)
        return any(trace["x"] for trace in found) and drawing.shows(found) and until(found)

    found: list[dict[str, Any]] = []
    wait(page, chart, are_drawn)
    return found


def choose(page: Page, address: str, view: str) -> None:
    """Change the view of an open page as a step back in its history does."""
    query = "&".join([address.partition("?")[2], *view.split()]).strip("&")
    page.evaluate(
        "(query) => { history.replaceState(null, '', `?${query}`); dispatchEvent(new Event('popstate')); }",
        query,
    )
