// Color, dash and marker of each group, as the server assigns them.

import { shadeColour } from "./colours.js";
import { plain } from "./labels.js";

const LINE_MARKERS = 8; // maximum number of markers on a line, evenly spaced

const SVG = "http://www.w3.org/2000/svg";

export const lineOf = (group, width = 2, alpha = 1) => ({ color: shadeColour(group.shade, alpha), width, dash: group.dash });

// Markers of a line, drawn if colour and dash don't distinguish all groups, or if the line is a single point.
export const markerOf = (group, size = 7, alpha = 1) => ({ color: shadeColour(group.shade, alpha), symbol: group.symbol, size, maxdisplayed: LINE_MARKERS });

export function modeOf(group, length) {
  if (length < 2) return "markers";
  return group.needsMarkers ? "lines+markers" : "lines";
}

// The legend entry of a group in an exported picture.
export const keyOf = (group, mode = modeOf(group, 2)) => ({ name: plain(group.label), mode, line: lineOf(group), marker: markerOf(group, 9) });

// A marker as a shape of plotly.js, `across` pixels right of its anchor, because not every font has a character for it.
// The y axis of the page's path points down; that of plotly.js's pixels points up.
export function signOf(symbol, color, across) {
  const path = document
    .getElementById(`mark-${symbol}`)
    .getAttribute("d")
    .replaceAll(/([MLC])([^A-Z]*)/g, (_, command, numbers) => {
      const moved = numbers.match(/-?[\d.]+/g).map((number, index) => (index % 2 ? -number : Number(number) + across));
      return command + moved.map((number) => number.toFixed(2)).join(" ");
    });
  const fillcolor = symbol.endsWith("-open") ? "rgba(0, 0, 0, 0)" : color;
  return { type: "path", path, fillcolor, line: { color, width: 1.25 }, xsizemode: "pixel", ysizemode: "pixel" };
}

function child(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}

// The mark beside a group's name on a page, as `group_mark` of templates/shared/_parts.html draws it.
export function groupMark({ shade, dash, symbol, isMarked }) {
  if (!isMarked) {
    const dot = document.createElement("span");
    dot.className = "dot";
    dot.dataset.depth = shade;
    dot.setAttribute("aria-hidden", "true");
    return dot;
  }
  return swatch({ "data-depth": shade, "data-dash": dash }, symbol);
}

function swatch(own, symbol) {
  const made = child("svg", { class: "swatch", viewBox: "0 0 32 14", "aria-hidden": "true", ...own });
  made.append(child("line", { x1: 1, x2: 31, y1: 7, y2: 7 }));
  if (symbol) made.append(child("use", { href: `#mark-${symbol}`, x: 16, y: 7 }));
  return made;
}

// A sample of a drawn line, with its color, dash and marker.
export function sampleOf({ mode = "lines", line = {}, marker = {} }) {
  const made = swatch({ "data-dash": line.dash ?? "solid" }, mode.includes("markers") ? marker.symbol : null);
  made.style.stroke = made.style.fill = line.color ?? marker.color;
  return made;
}

// Names groups above a chart that has no room for names inside; no groups hides the names.
export function showKeys(element, groups) {
  element.hidden = !groups.length;
  const ids = groups.map(({ id }) => id).join();
  if (element.dataset.shows === ids) return;
  element.dataset.shows = ids;
  element.replaceChildren(
    ...groups.map((group) => {
      const key = document.createElement("span");
      key.className = "key";
      key.append(groupMark(group), group.label);
      return key;
    }),
  );
  element.tabIndex = element.scrollHeight > element.clientHeight ? 0 : -1; // keys scroll a long list
}
