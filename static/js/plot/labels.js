// Text in charts: escaping, shortening and alignment.

import { colour } from "./colours.js";
import { spaced } from "./spacing.js";

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

// Labels `{text, x, y, ink}` beside their places, pushed apart where they would overlap, within `range`, the ends of the
// axis that is `height` pixels high.
export function endLabels(ends, range, height, { lines = 1 } = {}) {
  const places = spaced(ends.map(({ y }) => y), ((range[1] - range[0]) * 15 * lines) / height, range);
  return ends.map(({ text, x, ink = colour("ink") }, index) => label(text, x, places[index], ink));
}
