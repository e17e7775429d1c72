// Charts as files: pictures that say by themselves what a page says beside the chart.

import { colour, font } from "./colours.js";
import { widthOf } from "./label_places.js";

const SAMPLE = 40; // pixels of line before a name
const ROOM = 24; // around both
const ROW = 21; // the height of a row of names
const EDGE = 12; // around all names

// The entries of each chart's legend, `{name, mode, line, marker}`, which stay off the page.
export const legends = new WeakMap();

// Names under a chart `width` pixels wide, each whole: how wide one is, how many rows they take, and how wide the picture.
export function rowsFor(names, width) {
  const entry = Math.ceil(SAMPLE + ROOM + Math.max(0, ...names.map((name) => widthOf(name, font()))));
  const whole = Math.max(width, entry + 2 * EDGE);
  const columns = Math.max(1, Math.floor((whole - 2 * EDGE) / entry));
  return { entry, width: whole, rows: Math.ceil(names.length / columns) };
}

// What plotly.js escaped, as it is measured.
const unescaped = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

// A figure on the ground of the page, for a transparent one is unreadable elsewhere, with a legend that names all its lines.
// Marks on the edge of its frame are whole.
function figureOf(element) {
  const { data, layout, clientWidth, clientHeight } = element;
  const legend = legends.get(element) ?? [];
  const { entry, width, rows } = rowsFor(legend.map(({ name }) => unescaped(name)), clientWidth);
  const below = legend.length ? rows * ROW + EDGE : 0;
  const height = clientHeight + below;
  return {
    data: [...data.map((trace) => ({ ...trace, cliponaxis: false, showlegend: false })), ...legend.map(({ name, mode, line, marker }) => ({ name, mode, line, marker, x: [null], y: [null], showlegend: true }))],
    layout: {
      ...layout,
      width,
      height,
      paper_bgcolor: colour("surface"),
      margin: { ...layout.margin, b: layout.margin.b + below },
      showlegend: legend.length > 0,
      legend: {
        orientation: "h",
        xref: "container",
        yref: "container",
        x: EDGE / width,
        y: EDGE / 2 / height,
        xanchor: "left",
        yanchor: "bottom",
        entrywidth: entry - SAMPLE - 5,
        entrywidthmode: "pixels",
        itemwidth: SAMPLE,
        maxheight: below + ROW,
        traceorder: "normal",
        bgcolor: colour("surface"),
        font: { family: font(), size: 12, color: colour("ink") },
      },
    },
  };
}

export async function download(element, format) {
  const figure = figureOf(element);
  const { width, height } = figure.layout;
  const link = document.createElement("a");
  link.href = await Plotly.toImage(figure, { format, width, height, scale: format === "png" ? 2 : 1 });
  link.download = `${element.id.replace("-chart", "")}.${format}`;
  link.click();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-download]");
  if (button) download(document.getElementById(button.dataset.download), button.dataset.format);
});
