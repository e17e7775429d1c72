// Shows the values of a chart's curves at the pointer's x beside the pointer, in the order of the curves.

import { readable } from "./labels.js";
import { sampleOf } from "./marks.js";
import { whole } from "../format.js";

const MOST = 15; // curves that are listed; of more, those nearest to the pointer
const NEAR = 8; // pixels between points of different curves that count as one x
const REACH = 60; // pixels between the pointer and the nearest point
const ASIDE = 16; // pixels between the pointer and the box

const readouts = new WeakMap(); // by chart
let pointer = null; // `{element, x, y}` in the window
let isAsked = false;

const part = (tag, own) => Object.assign(document.createElement(tag), own);
const box = part("div", { className: "readout" });
const guide = part("div", { className: "guide" });
for (const each of [box, guide]) {
  each.hidden = true;
  each.setAttribute("aria-hidden", "true"); // every chart has a table
  document.body.append(each);
}

// The place of the nearest of ascending values.
export function nearest(values, value) {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low > 0 && value - values[low - 1] <= values[low] - value ? low - 1 : low;
}

// The points of the curves at the x that is nearest to `at`, a place in pixels, from top to bottom.
function pointsAt(traces, { xaxis, yaxis }, at) {
  const value = xaxis.p2d(at);
  const found = traces.flatMap((trace) => {
    const index = nearest(trace.x, value);
    const [x, y] = [xaxis.d2p(trace.x[index]), yaxis.d2p(trace.y[index])];
    return Number.isFinite(x) && Number.isFinite(y) ? [{ trace, index, x, y }] : [];
  });
  if (!found.length) return [];
  const { x } = found.reduce((best, each) => (Math.abs(each.x - at) < Math.abs(best.x - at) ? each : best));
  if (Math.abs(x - at) > REACH) return [];
  const hasX = ({ trace }) => xaxis.d2p(trace.x[0]) <= x && xaxis.d2p(trace.x.at(-1)) >= x;
  return found.filter((each) => Math.abs(each.x - x) < NEAR || hasX(each)).toSorted((one, other) => one.y - other.y);
}

function line({ trace, index }, isNearest, wordsOf) {
  const row = part("p", { className: isNearest ? "nearest" : "" });
  const note = Array.isArray(trace.text) ? ` (${trace.text[index]})` : "";
  row.append(sampleOf(trace), part("span", { textContent: readable(trace.name) + note }), part("b", { textContent: wordsOf(trace.y[index]) }));
  return row;
}

// The area of a chart between its axes, in the window.
function frameOf(element, { xaxis, yaxis }) {
  const { left, top } = element.getBoundingClientRect();
  const { _offset: across, _length: width } = xaxis;
  const { _offset: down, _length: height } = yaxis;
  return { left: left + across, top: top + down, width, height };
}

// The place of the box: right or left of the pointer, or where there is no room, as on a phone, below or above the frame.
function placeOf(width, height, frame) {
  const beside = Math.max(0, Math.min(pointer.y - height / 2, innerHeight - height));
  if (pointer.x + ASIDE + width < innerWidth) return { across: pointer.x + ASIDE, down: beside };
  if (pointer.x - ASIDE - width > 0) return { across: pointer.x - ASIDE - width, down: beside };
  const below = frame.top + frame.height + 2 * ASIDE;
  return { across: (innerWidth - width) / 2, down: below + height < innerHeight ? below : Math.max(0, frame.top - height - ASIDE) };
}

function hide() {
  box.hidden = guide.hidden = true;
}

function show() {
  isAsked = false;
  const readout = pointer && readouts.get(pointer.element);
  if (!readout || !pointer.element.isConnected) return hide();
  const { _fullLayout: layout } = pointer.element;
  const frame = frameOf(pointer.element, layout);
  const [x, y] = [pointer.x - frame.left, pointer.y - frame.top];
  const isInside = x >= 0 && y >= 0 && x <= frame.width && y <= frame.height;
  const points = isInside ? pointsAt(readout.traces, layout, x) : [];
  if (!points.length) return hide();
  const byDistance = points.toSorted((one, other) => Math.abs(one.y - y) - Math.abs(other.y - y));
  const listed = new Set(byDistance.slice(0, MOST));
  const middle = points.reduce((best, each) => (Math.abs(each.x - x) < Math.abs(best.x - x) ? each : best));
  const rows = points.filter((each) => listed.has(each)).map((each) => line(each, points.length > 1 && each === byDistance[0], readout.y));
  const more = points.length - listed.size;
  box.replaceChildren(part("strong", { textContent: readout.x(middle.trace.x[middle.index]) }), ...rows);
  if (more) box.append(part("p", { className: "muted", textContent: `and ${whole(more)} more; the nearest ${MOST} are listed` }));
  box.hidden = guide.hidden = false;
  const { width, height } = box.getBoundingClientRect();
  const { across, down } = placeOf(width, height, frame);
  box.style.translate = `${across}px ${down}px`;
  guide.style.translate = `${frame.left + middle.x}px ${frame.top}px`;
  guide.style.height = `${frame.height}px`;
}

function ask() {
  if (!isAsked) requestAnimationFrame(show);
  isAsked = true;
}

function leave() {
  pointer = null;
  ask();
}

// Follows the pointer over a chart. While it drags, the chart shows what it selects.
export function followPointer(element) {
  const follow = ({ clientX: x, clientY: y }) => {
    pointer = { element, x, y };
    ask();
  };
  element.addEventListener("pointermove", follow);
  element.addEventListener("pointerup", follow);
  element.addEventListener("pointerleave", leave);
  element.addEventListener("pointerdown", (event) => (event.pointerType === "mouse" ? leave() : follow(event)));
}

addEventListener("scroll", () => pointer && leave(), { capture: true, passive: true });

// Sets what a chart shows, after each drawing: the words for an x and for a y; null for hover texts at single points.
export function setReadout(element, traces, readout) {
  const curves = traces.filter(({ name, hoverinfo, x }) => name && hoverinfo !== "skip" && x.length);
  if (readout) readouts.set(element, { ...readout, traces: curves });
  else readouts.delete(element);
  if (pointer?.element === element) ask();
}
