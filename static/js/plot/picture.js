// Exports charts as SVG and PNG with title, legend and notes.

import { colour, font } from "./colours.js";
import { widthOf } from "./label_places.js";
import { plain } from "./labels.js";

const SAMPLE = 40; // pixels of line before a name
const ROOM = 24; // around both
const ROW = 21; // the height of a row of names
const EDGE = 12; // around all names
const SCALE = 2; // pixels of a PNG per pixel of the page
const NOTE = { size: 11, line: 16 }; // pixels, for the sentences about points that are not shown

// The entries of each chart's legend, `{name, mode, line, marker}`, which the page itself does not show.
export const legends = new WeakMap();

// The sentences below each chart about points that are not shown.
export const notes = new WeakMap();

// A text wrapped to lines of at most `width` pixels.
function wrapped(text, width) {
  const lines = [""];
  for (const word of text.split(" ").filter(Boolean)) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (lines.at(-1) && widthOf(longer, font()) > width) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines.filter(Boolean);
}

// The layout of names below a chart `width` pixels wide: width of an entry, width of the picture, number of rows.
export function rowsFor(names, width) {
  const entry = Math.ceil(SAMPLE + ROOM + Math.max(0, ...names.map((name) => widthOf(name, font()))));
  const whole = Math.max(width, entry + 2 * EDGE);
  const columns = Math.max(1, Math.floor((whole - 2 * EDGE) / entry));
  return { entry, width: whole, rows: Math.ceil(names.length / columns) };
}

// A text without plotly.js's escapes, for measuring.
const unescaped = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

// A figure with the page's background, because a transparent one is unreadable elsewhere, and with a legend of all
// lines. Marks on the edge of its frame are not cut off.
function figureOf(element) {
  const { data, layout, clientWidth, clientHeight } = element;
  const legend = legends.get(element) ?? [];
  const { entry, width, rows } = rowsFor(legend.map(({ name }) => unescaped(name)), clientWidth);
  const words = wrapped(notes.get(element) ?? "", width - 2 * EDGE);
  const note = words.length ? words.length * NOTE.line + EDGE : 0;
  const names = legend.length ? rows * ROW + EDGE : 0;
  const below = note + names;
  const height = clientHeight + below;
  const { l, b } = layout.margin;
  const saying = { text: words.map(plain).join("<br>"), xref: "paper", yref: "paper", x: 0, y: 0, xanchor: "left", yanchor: "top", xshift: EDGE - l, yshift: -b, align: "left", showarrow: false, font: { size: NOTE.size, color: colour("muted") } };
  return {
    data: [...data.map((trace) => ({ ...trace, cliponaxis: false, showlegend: false })), ...legend.map(({ name, mode, line, marker }) => ({ name, mode, line, marker, x: [null], y: [null], showlegend: true }))],
    layout: {
      ...layout,
      width,
      height,
      paper_bgcolor: colour("surface"),
      annotations: [...(layout.annotations ?? []), ...(note ? [saying] : [])],
      margin: { ...layout.margin, b: b + below },
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
        maxheight: names + ROW,
        traceorder: "normal",
        bgcolor: colour("surface"),
        font: { family: font(), size: 12, color: colour("ink") },
      },
    },
  };
}

// The typeface of the page as a rule for a picture, which can't use the page's own.
async function typeface() {
  for (const sheet of document.styleSheets) {
    for (const rule of sheet.cssRules) {
      const [, address] = (rule instanceof CSSFontFaceRule && rule.style.getPropertyValue("src").match(/url\("(.+?)"\)/)) || [];
      if (!address) continue;
      const file = await (await fetch(new URL(address, sheet.href ?? location.href))).blob();
      const content = await new Promise((resolve) => {
        const reader = new FileReader();
        reader.addEventListener("load", () => resolve(reader.result), { once: true });
        reader.readAsDataURL(file);
      });
      return `@font-face { font-family: Inter; font-weight: 400 700; src: url("${content}") }`;
    }
  }
  return "";
}

// A picture as SVG that contains its typeface.
async function svgOf(element) {
  const figure = figureOf(element);
  const { width, height } = figure.layout;
  const address = await Plotly.toImage(figure, { format: "svg", width, height });
  const svg = decodeURIComponent(address.slice(address.indexOf(",") + 1));
  const rule = await typeface().catch(() => ""); // without a server, in the fonts of the system
  return { svg: svg.replace(">", `><style>${rule}</style>`), width, height };
}

async function pngOf({ svg, width, height }) {
  const image = new Image(width, height);
  image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width * SCALE, height * SCALE];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

export async function download(element, format) {
  const picture = await svgOf(element);
  const content = format === "png" ? await pngOf(picture) : new Blob([picture.svg], { type: "image/svg+xml" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = `${element.id.replace("-chart", "")}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-download]");
  if (button) download(document.getElementById(button.dataset.download), button.dataset.format);
});
