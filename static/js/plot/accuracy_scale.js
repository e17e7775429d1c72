// Scales of an accuracy axis: linear near the best, linear over all, or error rate on a logarithmic axis.

import { mark } from "../format.js";
import { logarithmicTicks } from "./ticks.js";

const NEAR = 2; // an error above NEAR times the lowest one is far from the best
const UNIT = "\u00a0%";

export const isNear = (accuracy, best) => 1 - accuracy <= NEAR * Math.max(0.001, 1 - best);

// Whether each accuracy is near the best. If only the best itself is near, all count: it has nothing to compare with.
export function nearBest(accuracies) {
  const best = Math.max(...accuracies);
  const near = accuracies.map((accuracy) => isNear(accuracy, best));
  return near.filter(Boolean).length > 1 ? near : near.map(() => true);
}

function even(values) {
  const percents = values.map((value) => 100 * value);
  const [low, high] = percents.length ? [Math.min(...percents), Math.max(...percents)] : [90, 100];
  const span = Math.max(0.2, high - low);
  const range = [Math.max(0, Math.min(low, 100 - span) - 0.08 * span), Math.min(100, low + 1.1 * span)];
  const identity = (value) => value;
  return {
    place: (accuracy) => 100 * accuracy,
    shown: (accuracy) => 100 * accuracy,
    position: identity,
    value: identity,
    range,
    word: "",
    axis: { title: "Accuracy", ticksuffix: UNIT, minallowed: 0, maxallowed: 100, range },
  };
}

function errors(values) {
  const all = values.map((value) => 100 * (1 - value));
  const positive = all.filter((error) => error > 1e-9);
  const perfect = positive.length < all.length;
  const smallest = positive.length ? Math.min(...positive) : 1;
  const floor = smallest / (perfect ? 2 : 10); // a logarithmic axis can't show an error of 0
  const least = perfect ? floor : smallest;
  const most = Math.max(least * 1.2, ...all);
  const margin = 0.07 * Math.log10(most / least);
  const range = [Math.log10(least) - margin, Math.min(2, Math.log10(most) + margin)];
  const ticksOf = (axis, pixels) => {
    const found = logarithmicTicks(axis.range, pixels).filter((error) => !perfect || error > 1.25 * floor);
    const none = perfect && floor >= 10 ** axis.range[0] ? [floor] : [];
    return { tickvals: [...found, ...none], ticktext: [...found.map((error) => mark(error) + UNIT), ...none.map(() => `0${UNIT}`)] };
  };
  return {
    place: (accuracy) => Math.max(floor, 100 * (1 - accuracy)),
    shown: (accuracy) => 100 * (1 - accuracy),
    position: Math.log10,
    value: (position) => 10 ** position,
    range,
    word: " error",
    axis: {
      title: "Error rate, logarithmic",
      type: "log",
      range,
      maxallowed: 2,
      ticksOf,
    },
  };
}

// The requested scale for accuracies within its frame. `place` puts an accuracy on it, `shown` is the displayed percent
// value, `position` converts a place to the units of the axis range, and `value` converts it back.
export const accuracyScale = (asked, values) => (asked === "error" && values.length ? errors(values) : even(values));
