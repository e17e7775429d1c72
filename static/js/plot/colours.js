// Colours and font of the stylesheet, for charts.

// Within the names of groups, where more than five of them bring a longer scale of colours.
const probe = document.createElement("span");
probe.hidden = true;
(document.querySelector(".legend[role=group]") ?? document.body).append(probe);

// Asking for a style makes the browser lay out what has just changed, so each is asked for once per theme.
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

// A colour of the stylesheet as plotly.js reads it quickest, for it does so several times for every dot, in the
// theme that is in force.
export function colour(name, alpha = 1) {
  return `#${[...remembered(name, () => rgb(name)), ...(alpha < 1 ? [255 * alpha] : [])].map(hex).join("")}`;
}

export const font = () => remembered("font", () => getComputedStyle(document.body).fontFamily);

// A colour of the scale of depths, from 1 (light) to 10 (dark).
export const shadeColour = (shade, alpha) => colour(`depth-${Math.min(shade, 10)}`, alpha);

const LAYERS = 5; // colours of layers; deeper ones have them again, with other dashes

// A layer of one network, from 1: colours that no depth has.
export const layerColour = (layer, alpha) => colour(`layer-${((layer - 1) % LAYERS) + 1}`, alpha);
export const layerDash = (layer) => (layer <= LAYERS ? "solid" : "dot");
