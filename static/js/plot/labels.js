// Text in charts: escaping, shortening and alignment.

import { colour } from "./colours.js";
import { spaced } from "./spacing.js";

// plotly.js reads some HTML in names and labels, so it is escaped.
export const plain = (text) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

// The plain text of an escaped name.
export const readable = (name) =>
  name.replaceAll("<br>", "\n").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

export function label(text, x, y, ink = colour("muted")) {
  return { text, x, y, xanchor: "left", yanchor: "middle", xshift: 10, showarrow: false, font: { color: ink, size: 12 } };
}

// Labels `{text, x, y, ink, side, gap, hover}` as a trace: plotly.js measures every annotation again at each redraw,
// but not the texts of traces. Each label is `gap` pixels from its position, on the `side` that `textposition` names.
// plotly.js keeps that distance from markers, so the trace has invisible ones.
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

// Labels `{text, x, y, ink}` beside their positions, moved apart if they would overlap. They stay within `range`, the
// ends of the axis, which is `height` pixels high.
export function endLabels(ends, range, height, { lines = 1 } = {}) {
  const places = spaced(ends.map(({ y }) => y), ((range[1] - range[0]) * 15 * lines) / height, range);
  return ends.map(({ text, x, ink = colour("ink") }, index) => label(text, x, places[index], ink));
}
