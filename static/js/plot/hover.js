// Formats figures in hover texts.

import { loss, seconds, significant } from "../format.js";

// Formats that a `hovertemplate` may use beside those of plotly.js, as in `%{y:loss}`.
const WORDS = { loss, seconds, norm: (value) => significant(value, 3) };
const TOKEN = new RegExp(`%\\{([xy]):(${Object.keys(WORDS).join("|")})\\}`, "g");

// A trace with a template that plotly.js understands. plotly.js reads custom data in full at every drawing, so this
// array is empty: it formats a point when the pointer is on it.
export function worded(trace) {
  const asked = [...(trace.hovertemplate ?? "").matchAll(TOKEN)];
  if (!asked.length) return trace;
  let place = 0;
  const hovertemplate = trace.hovertemplate.replaceAll(TOKEN, () => `%{customdata[${place++}]}`);
  const words = (index) => asked.map(([, axis, name]) => WORDS[name](trace[axis][index]));
  const customdata = new Proxy([], { get: (empty, key) => (/^\d+$/.test(String(key)) ? words(Number(key)) : empty[key]) });
  return { ...trace, hovertemplate, customdata };
}
