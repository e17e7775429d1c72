// Where accuracies stand on an axis: on even steps, near the best or all of them, or as error rates on a logarithmic one.

const SIGNIFICANT = [1, 5, 2, 3, 1.5, 7, 4, 2.5, 6, 8];
const APART = 26; // pixels between the marks of an axis
const NEAR = 2; // times the lowest error: what errs more is far from the best

const worded = (percent) => `${Number(percent.toFixed(4))}\u00a0%`;

export const isNear = (accuracy, best) => 1 - accuracy <= NEAR * Math.max(0.001, 1 - best);

// Which accuracies are near the best of them. One alone near it would fill the frame with nothing to compare.
export function nearBest(accuracies) {
  const best = Math.max(...accuracies);
  const near = accuracies.map((accuracy) => isNear(accuracy, best));
  return near.filter(Boolean).length > 1 ? near : near.map(() => true);
}

// Marks in percent of error that are far enough apart on a logarithmic axis of this height.
function marks(least, most, height) {
  const perPixel = Math.log10(most / least) / height;
  const chosen = [];
  for (const digit of SIGNIFICANT) {
    for (let power = Math.floor(Math.log10(least)) - 1; power <= 2; power += 1) {
      const mark = Number((digit * 10 ** power).toPrecision(3));
      const isFree = chosen.every((other) => Math.abs(Math.log10(other / mark)) > APART * perPixel);
      if (mark >= least && mark <= most && isFree) chosen.push(mark);
    }
  }
  return chosen;
}

function even(values) {
  const percents = values.map((value) => 100 * value);
  const [low, high] = percents.length ? [Math.min(...percents), Math.max(...percents)] : [90, 100];
  const span = Math.max(0.2, high - low);
  const range = [low - 0.08 * span, low + 1.1 * span];
  const identity = (value) => value;
  return {
    place: (accuracy) => 100 * accuracy,
    shown: (accuracy) => 100 * accuracy,
    position: identity,
    value: identity,
    range,
    word: "",
    axis: { title: "Accuracy", ticksuffix: "\u00a0%", range },
  };
}

function errors(values, height) {
  const all = values.map((value) => 100 * (1 - value));
  const positive = all.filter((error) => error > 1e-9);
  const perfect = positive.length < all.length;
  const smallest = positive.length ? Math.min(...positive) : 1;
  const floor = smallest / (perfect ? 2 : 10); // a logarithm has no place for no error at all
  const least = perfect ? floor : smallest;
  const most = Math.max(least * 1.2, ...all);
  const margin = 0.07 * Math.log10(most / least);
  const range = [Math.log10(least) - margin, Math.log10(most) + margin];
  const tickvals = marks(10 ** range[0], 10 ** range[1], height).filter((mark) => !perfect || mark > 1.25 * floor);
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
      tickvals: perfect ? [...tickvals, floor] : tickvals,
      ticktext: [...tickvals.map(worded), ...(perfect ? [worded(0)] : [])],
    },
  };
}

// The scale asked for, over accuracies that are to be in its frame, on an axis of so many pixels: `place` puts an
// accuracy on it, `shown` gives it in percent as the axis has it, `position` turns a place into one of the axis'
// ends and steps, and `value` turns it back.
export const accuracyScale = (asked, values, height) => (asked === "error" && values.length ? errors(values, height) : even(values));
