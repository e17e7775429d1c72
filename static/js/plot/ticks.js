// Tick labels where plotly.js formats them badly: logarithmic axes, very large and very small numbers.

import { mark } from "../format.js";

const APART = { x: 64, y: 26 }; // minimum distance between ticks in pixels
const DIGITS = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1]];
const STEPS = [1, 2, 5];
const FEW = 3; // ticks of a kind that are enough to read an axis
const EVERYDAY = [0.01, 10_000]; // plotly.js formats values in this range as the page does

const exact = (value) => Number(value.toPrecision(12));

// The smallest step of 1, 2 or 5 times a power of ten that is at least `least`.
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return exact(power * ([...STEPS, 10].find((step) => step * power >= least * (1 - 1e-9)) ?? 10));
}

function multiples(step, [low, high]) {
  const found = [];
  const slack = 1e-9 * step;
  for (let count = Math.ceil((low - slack) / step); count * step <= high + slack; count += 1) found.push(exact(count * step));
  return found;
}

// Powers of ten with as many digits between them as fit, or every second, every fifth power and so on.
function decades([low, high], apart) {
  for (const digits of DIGITS) {
    const ends = [...digits, 10];
    const closest = Math.min(...digits.map((digit, index) => Math.log10(ends[index + 1] / digit)));
    if (closest < apart) continue;
    const found = [];
    for (let power = Math.floor(low); power <= high; power += 1) {
      for (const digit of digits) found.push(Number(`${digit}e${power}`));
    }
    return found.filter((value) => Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high + 1e-9);
  }
  return multiples(niceStep(apart), [low, high]).map((power) => Number(`1e${power}`));
}

// Even steps with enough distance at the upper end, where a logarithmic axis is densest.
function evenly([low, high], apart) {
  const [from, to] = [10 ** low, 10 ** high];
  return multiples(niceStep(to * (1 - 10 ** -apart)), [from, to]);
}

// Ticks of a logarithmic axis, whose ends are powers of ten: decades, with 2 and 5 or all digits between them if they
// fit, or even steps within less than a decade.
export function logarithmicTicks(range, pixels, axis = "y") {
  const apart = (APART[axis] * (range[1] - range[0])) / pixels;
  const found = decades(range, apart);
  const even = found.length < FEW && range[1] - range[0] < 1.5 ? evenly(range, apart) : [];
  return even.length > found.length ? even : found;
}

export function linearTicks(range, pixels, axis = "y") {
  return multiples(niceStep((1.5 * APART[axis] * (range[1] - range[0])) / pixels), range);
}

// The ticks of an axis without ticks of its own. With `isCount`, only integers have a meaning on the axis.
export function ticksOf({ type, range, isCount, ticksuffix = "" }, pixels, axis) {
  const isLog = type === "log";
  const largest = Math.max(...range.map(Math.abs));
  if (!isLog && (isCount || (largest >= EVERYDAY[0] && largest < EVERYDAY[1]))) return {};
  const found = isLog ? logarithmicTicks(range, pixels, axis) : linearTicks(range, pixels, axis);
  const tickvals = isLog && isCount ? found.filter(Number.isInteger) : found;
  return { tickvals, ticktext: tickvals.map((value) => mark(value) + ticksuffix) };
}
