// Accuracy against cost, with the Pareto front.

import { nearBest } from "../plot/accuracy_scale.js";
import { allHidden, hiddenWords } from "./averages.js";
import { PERCENT, PERCENT_TICKS, chart, heightOf, percents, sizeOf } from "../plot/chart.js";
import { colour, font } from "../plot/colours.js";
import { listed, seconds } from "../format.js";
import { ACCURACY, COST, frame as fitted } from "../plot/frame.js";
import { labelPlaces, widthOf } from "../plot/label_places.js";
import { label, plain } from "../plot/labels.js";
import { keyOf, markerOf, showKeys } from "../plot/marks.js";
import { fill } from "../morph.js";
import { mean, median } from "./statistics.js";

const COSTS = {
  parameters: { of: (run) => run.parameters, title: "Parameters", hover: "%{x:,} parameters" },
  seconds: { of: (run) => run.train_seconds, middle: median, title: "Training time (s)", hover: "%{customdata} s" },
  flops: {
    of: (run) => run.flops_per_epoch * run.epochs_done,
    title: "Training FLOPs (an estimate from the layer sizes)",
    hover: "%{x:.3s}FLOP",
  },
};

// Accuracies in percent count as equal if they display alike.
const shownOf = ({ accuracy }) => Number(accuracy.toFixed(2));

// The points `{cost, accuracy}` that are better than all points of the same or lower cost, cheapest first. Equally
// accurate points of equal cost are all included.
export function paretoFront(points) {
  const sorted = points.toSorted((one, other) => one.cost - other.cost || shownOf(other) - shownOf(one));
  let best = { shown: -Infinity, cost: NaN };
  return sorted.filter((point) => {
    const shown = shownOf(point);
    const isBetter = shown > best.shown;
    if (isBetter) best = { shown, cost: point.cost };
    return isBetter || (shown === best.shown && point.cost === best.cost);
  });
}

const MANY = 6; // names that a sentence lists

const list = (points) => listed(points.map(({ label }) => label));
const others = (points) => (points.length > MANY ? `${points.length} others` : list(points));

// The chart in sentences, from the means of the groups.
export function wordsOf(points, isOver = false) {
  if (!points.length) return isOver ? "No run finished." : "Dots appear as runs finish.";
  if (points.length === 1) return `Only one group (${points[0].label}) has results. Add a second group to compare costs.`;
  const best = paretoFront(points);
  const front = points.filter((point) => best.includes(point));
  const beaten = points.filter((point) => !best.includes(point));
  // beaten at the same cost, or only by a cheaper point
  const isEqual = (point) => points.some((other) => other.cost === point.cost && shownOf(other) > shownOf(point));
  const [same, dearer] = [beaten.filter(isEqual), beaten.filter((point) => !isEqual(point))];
  const sentences = [`Pareto front: ${list(front)}.`];
  if (dearer.length) sentences.push(`Higher cost without higher accuracy: ${others(dearer)}.`);
  if (same.length) sentences.push(`Lower accuracy at equal cost: ${others(same)}.`);
  return `${sentences.join(" ")} This compares mean accuracies; the verdict judges the differences.`;
}

const MARGIN = { l: 76, r: 16, t: 8, b: 44 };

const worded = ({ label: name, accuracy }) => `${name}, ${accuracy.toFixed(2)}\u00a0%`;

const HIGH = 16; // height in pixels of a name at the edge
const ACROSS = 12; // width in pixels of an arrow

const mark = (text, x, edge, xanchor, hovertext) => ({ ...label(text, x, edge, colour("ink")), xanchor, xshift: 0, yanchor: "bottom", hovertext });

// Arrows at the edge for means below the frame. Means close together share one; its hover text lists all of them.
function arrows(points, at, edge) {
  const found = [];
  for (const point of points.toSorted((one, other) => one.cost - other.cost)) {
    const last = found.at(-1);
    if (last && at(point).x - at(last[0]).x < ACROSS) last.push(point);
    else found.push([point]);
  }
  return found.map((group) => mark("↓", group[0].cost, edge, "center", group.map((point) => `${plain(worded(point))}, below the axis range`).join("<br>")));
}

// Names at the edge with their boxes, or null if a name would be cut off or overlap another.
function below(points, at, edge, frame) {
  const found = points.map((point) => {
    const text = `↓ ${worded(point)}`;
    const [{ x }, width] = [at(point), widthOf(text, font())];
    const left = x + width <= frame.width ? x : x - width;
    return { box: { left, right: left + width, top: frame.height - HIGH, bottom: frame.height }, mark: mark(plain(text), point.cost, edge, left < x ? "right" : "left") };
  });
  const isClear = ({ box }, index) => box.left >= 0 && found.slice(index + 1).every((other) => box.right < other.box.left || other.box.right < box.left);
  return found.every(isClear) ? found : null;
}

// Names of the means within and below the frame, or null if they do not all fit; `at` returns a place in pixels.
function names(points, low, runs, front, at, frame, edge) {
  const under = below(low, at, edge, frame);
  if (!under) return null;
  const ordered = points.toSorted((one, other) => other.accuracy - one.accuracy);
  const dots = ordered.map((point) => ({ ...at(point), radius: 8, width: widthOf(point.label, font()) + 2 }));
  const lines = front.flatMap((point, index) => {
    const [from, to] = [at(point), front[index + 1] ? at(front[index + 1]) : { x: frame.width, y: at(point).y }];
    return [
      { left: from.x, right: to.x, top: from.y - 2, bottom: from.y + 2 },
      { left: to.x - 2, right: to.x + 2, top: to.y, bottom: from.y },
    ];
  });
  const places = labelPlaces(dots, runs.map((run) => ({ ...at(run), radius: 4 })), lines, under.map(({ box }) => box), frame);
  if (!places) return null;
  const beside = ordered.map((point, index) => ({
    ...label(plain(point.label), point.cost, point.accuracy, colour("ink")),
    xanchor: "center",
    xshift: places[index].x - dots[index].x,
    yshift: dots[index].y - places[index].y,
  }));
  return [...beside, ...under.map((each) => each.mark)];
}

// The range of the accuracy axis, with room for names and without runs far below the others.
function raised(accuracies, { isWhole, room }) {
  const { range } = fitted(isWhole ? [{ values: accuracies }] : accuracies.map((accuracy) => ({ values: [accuracy] })), ACCURACY);
  const kept = accuracies.filter((accuracy) => accuracy >= range[0]);
  const [low, high] = [Math.min(...kept), Math.max(...kept)];
  const span = Math.max(0.2, high - low);
  return [Math.max(0, Math.min(low, 99.8) - room * span), Math.min(100, high + 0.15 * span)];
}

export function frontierChart(element, { words, keys }, set, view) {
  const update = chart(element, ({ isWhole }) => {
    const asked = view.get("cost");
    const cost = COSTS[Object.hasOwn(COSTS, asked) ? asked : "parameters"];
    const hidden = view.ids("hide");
    const runs = set.runs.filter((run) => run.status === "finished" && !hidden.has(run.id));
    const points = set.grouped(runs).map(([group, members]) => ({
      ...group,
      n: members.length,
      cost: (cost.middle ?? mean)(members.map(cost.of)),
      accuracy: 100 * mean(members.map((run) => run.test_accuracy)),
    }));
    const front = paretoFront(points);
    const isOver = set.runs.every((run) => ["finished", "failed", "cancelled"].includes(run.status));
    fill(words, allHidden(set.runs, hidden) || wordsOf(points, isOver) + hiddenWords(hidden));
    const costs = runs.map(cost.of);
    const values = percents(runs.map((run) => run.test_accuracy));
    // only times can have outliers, for example on a machine that slept
    const dear = fitted(cost === COSTS.seconds ? costs.map((each) => ({ values: [each] })) : [{ values: costs }], COST);
    const most = Math.max(0, ...costs.filter((each) => isWhole || each <= dear.range[1]));
    // one depth far from the best would squeeze all others into a line
    const isNear = isWhole ? points.map(() => true) : nearBest(points.map(({ accuracy }) => accuracy / 100));
    const outside = new Set(points.filter((_, index) => !isNear[index]).map(({ id }) => id));
    const inside = values.filter((_, index) => !outside.has(set.groupOf(runs[index]).id));
    // markers share all properties but the columns, which differ by point
    const markers = (groups, size, alpha, line) => {
      const looks = groups.map((group) => markerOf(group, size, alpha));
      return { color: looks.map(({ color }) => color), symbol: looks.map(({ symbol }) => symbol), size, line };
    };
    const across = most ? [-0.03 * most, 1.06 * most] : [0, 1];
    const up = runs.length ? raised(inside, { isWhole, room: outside.size ? 0.25 : 0.1 }) : [90, 100];
    const frame = { width: Math.max(100, sizeOf(element).width - MARGIN.l - MARGIN.r), height: heightOf(element) };
    const at = ({ cost: x, accuracy: y }) => ({
      x: ((x - across[0]) / (across[1] - across[0])) * frame.width,
      y: ((up[1] - y) / (up[1] - up[0])) * frame.height,
    });
    const dots = runs.map((run, index) => ({ cost: costs[index], accuracy: values[index] })).filter(({ accuracy }) => accuracy >= up[0]);
    const within = points.filter(({ cost }) => cost <= across[1]);
    const [low, shown] = [true, false].map((wanted) => within.filter(({ accuracy }) => accuracy < up[0] === wanted));
    const named = within.length === points.length ? names(shown, low, dots, front, at, frame, up[0]) : null;
    showKeys(keys, named ? [] : points);
    return {
      traces: [
        {
          x: [...front.map((point) => point.cost), 1.06 * most],
          y: [...front.map((point) => point.accuracy), front.at(-1)?.accuracy],
          mode: "lines",
          line: { color: colour("muted"), width: 1.5, shape: "hv" },
          hoverinfo: "skip",
        },
        {
          x: costs,
          y: values,
          text: runs.map((run) => plain(set.describe(run))),
          customdata: costs.map(seconds),
          mode: "markers",
          marker: markers(runs.map((run) => set.groupOf(run)), 7, 0.55, { width: points.some(({ isMarked }) => isMarked) ? 1 : 0 }),
          hovertemplate: `%{text}<br>${cost.hover}: ${PERCENT}<extra></extra>`,
        },
        {
          x: points.map((point) => point.cost),
          y: points.map((point) => point.accuracy),
          text: points.map((point) => plain(`${point.label}, mean of ${point.n}`)),
          customdata: points.map((point) => seconds(point.cost)),
          isCounted: within.length < points.length, // counted only if a mean is outside; otherwise the means repeat the runs
          mode: "markers",
          marker: markers(points, 13, 1, { width: 2, color: colour("surface") }),
          hovertemplate: `%{text}<br>${cost.hover}: ${PERCENT}<extra></extra>`,
        },
      ],
      layout: {
        x: { title: cost.title, range: across, isCount: asked !== "seconds" && asked !== "flops" },
        y: { title: "Final test accuracy", ...PERCENT_TICKS, range: up, automargin: false },
        margin: MARGIN,
        annotations: named ?? arrows(low, at, up[0]),
        uirevision: cost.title,
      },
      legend: points.map((point) => keyOf(point, "markers")),
    };
  }, view);
  set.addEventListener("change", update);
  view.follow(["cost", "hide"], update);
}
