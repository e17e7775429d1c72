// Words within charts: what they may hold, where they stand, and how those at the ends of lines keep apart.

import { colour, font, shadeColour } from "./colours.js";
import { widthOf } from "./label_places.js";

// plotly.js reads some HTML in names and labels.
export const plain = (text) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

// The text that such a name stands for, as a page shows it.
export const readable = (name) =>
  name.replaceAll("<br>", "\n").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

export function label(text, x, y, ink = colour("muted")) {
  return { text, x, y, xanchor: "left", yanchor: "middle", xshift: 10, showarrow: false, font: { color: ink, size: 12 } };
}

// Labels `{text, x, y, ink, side, gap, hover}` as a trace: plotly.js measures every annotation anew at each redraw,
// but not the texts of traces. They stand `gap` pixels from their places, to the `side` that `textposition` names,
// which plotly.js keeps clear of markers: here of ones that can't be seen.
export const texts = (labels) => ({
  x: labels.map(({ x }) => x),
  y: labels.map(({ y }) => y),
  text: labels.map(({ text }) => text),
  mode: "markers+text",
  marker: { opacity: 0, size: labels.map(({ gap }) => 1.6 * (gap - 1)) },
  textposition: labels.map(({ side }) => side),
  textfont: { size: 12, color: labels.map(({ ink }) => ink) },
  cliponaxis: false,
  hovertext: labels.map(({ hover = "" }) => hover),
  hoverinfo: labels.map(({ hover }) => (hover ? "text" : "skip")),
  isCounted: false,
});

const LEAST = 80; // pixels at the right: enough for labels like "5 layers"
const DOT = 30; // the dot before a name, its distance from the line and a little room

// The margins of a chart `width` pixels wide whose lines end in these names: all are readable to their ends, unless
// they would take more than half of the chart.
export function labelled(names, width) {
  const widest = names.reduce((most, name) => Math.max(most, widthOf(name, font())), 0);
  return { l: 56, r: Math.round(Math.max(LEAST, Math.min(DOT + widest, width / 2))), t: 8, b: 44 };
}

// A name beside its line: the text in ink, for it must be readable, and a dot in the line's colour.
export const nameLabel = (shade, text) => `<span style="color: ${shadeColour(shade)}">●</span> ${plain(text)}`;

// Labels `{text, x, y, ink}` at the right end of lines, pushed apart where they would overlap, within `range`, the
// ends of the axis that is `height` pixels high. Those that end `reach` from each other or farther don't meet.
export function endLabels(ends, range, height, { reach = Infinity, lines = 1 } = {}) {
  const least = ((range[1] - range[0]) * 15 * lines) / height;
  const placed = [];
  const near = (one, other) => other !== one && Math.abs(other.x - one.x) < reach;
  for (const { text, x, y, ink = colour("ink") } of ends.toSorted((one, other) => other.y - one.y)) {
    const next = label(text, x, y, ink);
    next.y = Math.min(y, ...placed.filter((other) => near(next, other)).map((other) => other.y - least));
    placed.push(next);
  }
  let floor = range[0];
  for (const each of placed.toReversed()) {
    if (each.y < floor) each.y = floor;
    if (reach === Infinity) floor = each.y + least;
  }
  return placed;
}
