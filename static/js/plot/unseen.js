// States below a chart which points it does not show, and why.

import { listed, plural, whole } from "../format.js";
import { readable } from "./labels.js";
import { fill } from "../morph.js";

const NAMED = 3; // runs that a sentence lists

const counts = ({ isCounted, hoverinfo }) => isCounted ?? hoverinfo !== "skip";
const nameOf = ({ name, text }, index) => readable(name ?? (Array.isArray(text) ? text[index] : "")).split("\n")[0];

// A function that returns why an axis can't show a value, or "".
function lookAt({ type, range }) {
  const isLog = type === "log";
  const [low, high] = !range ? [-Infinity, Infinity] : isLog ? range.map((power) => 10 ** power) : range;
  return (value) => {
    if (!Number.isFinite(value)) return "broken";
    if (isLog && value <= 0) return "zero";
    return value < low || value > high ? "outside" : "";
  };
}

// Counts the points of these traces, and those that are broken, at 0 or less on a logarithmic axis or outside the
// ends of an axis. Collects the names of the last kind. Only traces with `isCounted` count: others repeat runs or were
// measured by someone else. A trace that `hasGaps` has no value at some places.
export function unseen(traces, { x, y }) {
  const found = { points: 0, broken: 0, zero: 0, outside: 0, names: new Set() };
  const [across, up] = [lookAt(x), lookAt(y)];
  for (const trace of traces.filter(counts)) {
    for (let index = 0; index < trace.y.length; index += 1) {
      if (trace.hasGaps && !Number.isFinite(trace.y[index])) continue;
      found.points += 1;
      const [one, other] = [across(trace.x[index]), up(trace.y[index])];
      if (!one && !other) continue;
      const why = ["broken", "zero", "outside"].find((each) => each === one || each === other);
      found[why] += 1;
      if (why === "outside") found.names.add(nameOf(trace, index));
    }
  }
  return { ...found, isAll: !(found.broken + found.zero + found.outside) };
}

const share = (count, points) => (count === points ? `All ${plural(points, "point")}` : `${whole(count)} of ${plural(points, "point")}`);
const verb = (count, one, many) => (count === 1 ? one : many);

function owners(names) {
  const known = [...names].filter(Boolean);
  if (!known.length) return "";
  const more = known.length - NAMED;
  return ` (${listed(more > 0 ? [...known.slice(0, NAMED), `${whole(more)} more`] : known)})`;
}

// Sentences about points that are not shown.
export function sentences({ points, broken, zero, outside, names }) {
  const said = [];
  if (zero) said.push(`${share(zero, points)} ${verb(zero, "is", "are")} not drawn: a logarithmic axis can't show 0 or less.`);
  if (broken) said.push(`${share(broken, points)} ${verb(broken, "is", "are")} not drawn: the value is not a finite number.`);
  if (outside) said.push(`${share(outside, points)} ${verb(outside, "lies", "lie")} outside the axis${owners(names)}.`);
  return said;
}

// The line with these sentences below a chart, and a button that switches between the usual range and everything.
export class Unseen {
  #line = Object.assign(document.createElement("p"), { className: "unseen small muted", hidden: true });
  #button = Object.assign(document.createElement("button"), { type: "button" });

  constructor(chart, toggle) {
    this.#line.setAttribute("role", "note");
    this.#button.addEventListener("click", toggle);
    (chart.closest(".scroll") ?? chart).after(this.#line);
  }

  // `isWhole` says that the reader has chosen to show everything.
  show(found, isWhole) {
    const said = sentences(found);
    if (isWhole) said.push("The axis shows all points.");
    this.#line.hidden = !said.length;
    this.#button.textContent = isWhole ? "Fit to most" : "Show all";
    fill(this.#line, `${said.join(" ")} `, ...(isWhole || found.outside ? [this.#button] : []));
  }
}
