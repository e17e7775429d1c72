// Computes axis ranges that show most runs and leave out extreme ones. Extreme values would flatten all others, so a
// note counts them instead, and the reader can show them.

const ROOM = 0.06; // fraction of the range, at each end
const AGAIN = 2; // maximum height, relative to the height without failed runs
const RESOLUTION = 1e-12; // relative: smaller differences count as none

// The kinds of axes. Values are left out if they make the axis `factor` times as high as the rest needs, where the
// rest counts as at least `least` high: losses of a few nats are normal. A minority of runs that never comes near the
// others is left out sooner: the rest then counts as at least `apart` high. `sides` are the sides that can have extreme
// values, `base` is a value that is always shown, and values never exceed `ends`. With `isSpiky`, single points of a
// run can be left out, and not only whole runs.
export const LOSS = { factor: 5, least: 3, apart: ({ high }) => high / 4, sides: ["high"], ends: [0, Infinity], isSpiky: true };
export const LOG_LOSS = { factor: 5, least: 2, apart: () => 1, sides: ["high"] };
export const LOG_NORM = { factor: 5, least: 2, apart: () => 2, sides: ["high", "low"] };
export const SECONDS = { factor: 5, least: 0, apart: () => 0, sides: ["high"], base: 0, isSpiky: true };
export const COST = { factor: 20, least: 0, apart: () => 0, sides: ["high"], base: 0 };
export const GAP = { factor: 5, least: 2, apart: () => 1, sides: ["high", "low"], base: 0, ends: [-100, 100], isSpiky: true };
export const ACCURACY = { factor: 5, least: 100, apart: ({ low }) => Math.max(0.2, 100 - low), sides: ["low"], ends: [0, 100] };
export const SHARE = { factor: 5, least: 1, apart: () => 1, sides: ["high"], base: 0, ends: [0, 100] };

const isSome = ({ low, high }) => low <= high;

function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}

const union = (extents) => ({ low: Math.min(...extents.map(({ low }) => low)), high: Math.max(...extents.map(({ high }) => high)) });

const based = ({ low, high }, base) => (base === undefined ? { low, high } : { low: Math.min(low, base), high: Math.max(high, base) });

const height = (extent, base) => {
  const { low, high } = based(extent, base);
  return high - low;
};

// Extents sorted from the farthest on a side, and the extent of the rest without the first, the first two and so on.
function peeled(extents, side) {
  const sorted = extents.toSorted(side === "high" ? (one, other) => other.high - one.high : (one, other) => one.low - other.low);
  const rest = new Array(sorted.length);
  let [low, high] = [Infinity, -Infinity];
  for (let index = sorted.length - 1; index >= 0; index -= 1) {
    low = Math.min(low, sorted[index].low);
    high = Math.max(high, sorted[index].high);
    rest[index] = { low, high };
  }
  return { sorted, rest };
}

// The smallest number of extreme extents to remove so that the others are not flattened; 0 for none. `needs` returns
// the minimum height that the rest counts as.
function tooFar({ sorted, rest }, { factor, base }, spare, needs) {
  const whole = height(rest[0], base);
  for (let count = 1; count <= Math.min(spare, sorted.length - 1); count += 1) {
    const least = needs(rest[count], sorted.slice(0, count));
    if (whole > factor * Math.max(height(rest[count], base), least)) return count;
  }
  return 0;
}

function without(extents, kind, spare, needs) {
  let kept = extents;
  let left = spare;
  for (let found = true; found; ) {
    found = false;
    for (const side of kind.sides) {
      const lined = peeled(kept, side);
      const count = tooFar(lined, kind, left, needs);
      if (!count) continue;
      found = true;
      kept = lined.sorted.slice(count);
      left -= count;
    }
  }
  return kept;
}

// The extent of a run without a few extreme points. If removing them makes further points extreme, as in a loss that
// falls through many powers of ten, all points stay.
function settled(values, kind) {
  const whole = extent(values);
  if (!kind.isSpiky || !isSome(whole) || height(whole, kind.base) <= kind.factor * kind.least) return whole;
  const points = values.filter(Number.isFinite).map((value) => ({ low: value, high: value }));
  const few = Math.max(1, Math.floor(points.length / 4));
  const kept = without(points, kind, few, () => kind.least);
  return without(kept, kind, few, () => kind.least).length < kept.length ? whole : union(kept);
}

const isBeyond = (one, rest) => one.low > rest.high || one.high < rest.low;

function withRoom(extent, { base, ends = [-Infinity, Infinity] }) {
  let { low, high } = based(extent, base);
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (high - low <= RESOLUTION * size || high === low) {
    const half = ends[1] < Infinity ? 0.5 : size / 20 || 0.5;
    [low, high] = [low === base ? low : low - half, high + half];
  }
  const room = ROOM * (high - low);
  return [Math.max(ends[0], low === base ? low : low - room), Math.min(ends[1], high + room)];
}

// The axis for runs `{values, isFailed}`: `range` shows most of them and `all` everything. Both are undefined if there
// is nothing to show. Failed runs make the range at most twice as high.
export function frame(runs, kind) {
  const extents = runs.map(({ values, isFailed }) => ({ ...settled(values, kind), isFailed })).filter(isSome);
  if (!extents.length) return {};
  const sound = extents.filter(({ isFailed }) => !isFailed);
  const asked = sound.length ? sound : extents;
  const needs = (rest, cut) => {
    const isMinority = cut.length < asked.length / 2;
    return isMinority && cut.every((one) => isBeyond(one, rest)) ? Math.min(kind.least || Infinity, kind.apart(rest)) : kind.least;
  };
  const most = union(without(asked, kind, Math.floor(asked.length / 2), needs));
  const shown = extents.reduce((found, each) => {
    const joined = union([found, each]);
    return each.isFailed && height(joined) <= AGAIN * height(most) ? joined : found;
  }, most);
  const all = union(runs.map(({ values }) => extent(values)).filter(isSome));
  return { range: withRoom(shown, kind), all: withRoom(all, kind) };
}

// The logarithms of the positive values, which are the ones that a logarithmic axis can show.
export const logarithms = (values) => values.filter((value) => value > 0).map(Math.log10);
