// Places names beside the right ends of lines, in the order of the ends and without overlap.

import { colour, font } from "./colours.js";
import { widthOf } from "./label_places.js";
import { plain } from "./labels.js";
import { signOf } from "./marks.js";
import { spaced } from "./spacing.js";

const LINE = 15; // pixels between the centres of names
const DOT = 30; // the dot before a name, its distance from the frame and some room
const LEAST = 80; // minimum right margin in pixels: enough for names like "5 layers"
const NARROW = 500; // width in pixels of a narrow chart
const SHIFT = 14; // pixels from the frame to the markers before the names
const SIGN = 14; // pixels for a marker before its name
const NEAR = 4; // pixels: a name this close to its line's end needs no connection
const FAR = 60; // pixels: with a name farther from its line's end, connections would look like lines of the chart

// The point where a line leaves the frame at the right or ends within it; null if the line is outside.
function endOf({ x, y }, [left, right]) {
  const last = x.findLastIndex((value, index) => value <= right && Number.isFinite(y[index]));
  if (last < 0 || (x[last] < left && last === x.length - 1)) return null;
  if (!(x[last + 1] > right) || !Number.isFinite(y[last + 1])) return { x: x[last], y: y[last] };
  const share = (right - x[last]) / (x[last + 1] - x[last]);
  return { x: right, y: y[last] + share * (y[last + 1] - y[last]) };
}

// The margins of a chart with names at the ends of its lines, and whether the names fit. They may take half of the
// chart's width, or a third on a phone, and each needs a line of its own.
export function roomFor(names, { width, height }) {
  const right = Math.round(Math.max(LEAST, DOT + Math.max(0, ...names.map((name) => widthOf(name, font())))));
  const fits = right <= width / (width < NARROW ? 3 : 2) && names.length * LINE <= height;
  return { fits, margin: { l: 56, r: fits ? right : 16, t: 8, b: 44 } };
}

// The parts of a layout that name lines `{name, color, symbol, x, y}` within the visible range `seen`. `log` names the
// logarithmic axes; their values are powers of ten.
export function endNames(lines, seen, height, log = {}) {
  const placed = lines
    .map((line) => ({ ...line, end: endOf(line, seen.x) }))
    .filter(({ end }) => end && end.y >= Math.min(...seen.y) && end.y <= Math.max(...seen.y));
  const unit = (seen.y[1] - seen.y[0]) / height;
  const half = (LINE / 2) * unit;
  const places = spaced(placed.map(({ end }) => end.y), LINE * unit, [seen.y[0] + half, seen.y[1] - half]);
  const moves = places.map((place, index) => Math.abs(place - placed[index].end.y) / unit);
  const isFan = Math.max(...moves) > FAR; // colors, markers and the legend connect the names
  const value = (name, place) => (log[name] ? 10 ** place : place);
  const shapes = placed.flatMap(({ color, end }, index) => {
    const line = { type: "line", layer: "below", line: { color, width: 1 } };
    const y = value("y", end.y);
    const isEarly = seen.x[1] - end.x > 0.02 * (seen.x[1] - seen.x[0]);
    const isMoved = !isFan && (isEarly || moves[index] > NEAR);
    return [
      ...(isEarly ? [{ ...line, line: { ...line.line, dash: "dot" }, opacity: 0.6, x0: value("x", end.x), x1: value("x", seen.x[1]), y0: y, y1: y }] : []),
      ...(isMoved ? [{ ...line, xref: "paper", xsizemode: "pixel", xanchor: 1, x0: 0, x1: SHIFT - 2, y0: y, y1: value("y", places[index]) }] : []),
    ];
  });
  const signs = placed.map(({ color, symbol = "circle" }, index) => ({
    ...signOf(symbol, color, SHIFT + SIGN / 2 - 1),
    xref: "paper",
    xanchor: 1,
    yanchor: value("y", places[index]),
  }));
  const annotations = placed.map(({ name }, index) => ({
    text: plain(name),
    xref: "paper",
    x: 1,
    xanchor: "left",
    xshift: SHIFT + SIGN,
    y: places[index],
    yanchor: "middle",
    showarrow: false,
    font: { color: colour("ink"), size: 12 },
  }));
  return { annotations, shapes: [...shapes, ...signs] };
}
