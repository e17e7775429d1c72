// Formats figures in hover texts.

import { loss, seconds, significant } from "../format.js";

// What may stand in a `hovertemplate` in place of a format of plotly.js: `%{y:loss}`.
const WORDS = { loss, seconds, norm: (value) => significant(value, 3) };
const TOKEN = new RegExp(`%\\{([xy]):(${Object.keys(WORDS).join("|")})\\}`, "g");

// A trace whose template plotly.js understands. It reads an array of custom data through at every drawing, but this one
// is empty for it: words are made of a point when the pointer is on it.
export function worded(trace) {
  const asked = [...(trace.hovertemplate ?? "").matchAll(TOKEN)];
  if (!asked.length) return trace;
  let place = 0;
  const hovertemplate = trace.hovertemplate.replaceAll(TOKEN, () => `%{customdata[${place++}]}`);
  const words = (index) => asked.map(([, axis, name]) => WORDS[name](trace[axis][index]));
  const customdata = new Proxy([], { get: (empty, key) => (/^\d+$/.test(String(key)) ? words(Number(key)) : empty[key]) });
  return { ...trace, hovertemplate, customdata };
}
