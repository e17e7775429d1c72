// Colors and font of the stylesheet, for charts.

// Inside the names of groups, because a longer colour scale applies there for more than five groups.
const probe = document.createElement("span");
probe.hidden = true;
(document.querySelector(".legend[role=group]") ?? document.body).append(probe);

// Reading a style forces a layout, so each style is read once per theme.
const known = new Map();
window.addEventListener("themechange", () => known.clear());

function remembered(name, read) {
  if (!known.has(name)) known.set(name, read());
  return known.get(name);
}

function rgb(name) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
}

const hex = (byte) => Math.round(byte).toString(16).padStart(2, "0");

// A colour of the current theme in the format that plotly.js parses fastest, because it parses a colour several times
// per dot.
export function colour(name, alpha = 1) {
  return `#${[...remembered(name, () => rgb(name)), ...(alpha < 1 ? [255 * alpha] : [])].map(hex).join("")}`;
}

export const font = () => remembered("font", () => getComputedStyle(document.body).fontFamily);

// A colour of the scale of depths, from 1 (light) to 10 (dark).
export const shadeColour = (shade, alpha) => colour(`depth-${Math.min(shade, 10)}`, alpha);

const LAYERS = 5; // colours of layers; deeper layers repeat them with another dash

// The colour of a layer of one network, counted from 1; no depth has it.
export const layerColour = (layer, alpha) => colour(`layer-${((layer - 1) % LAYERS) + 1}`, alpha);
export const layerDash = (layer) => (layer <= LAYERS ? "solid" : "dot");
