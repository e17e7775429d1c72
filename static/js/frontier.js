// What accuracy costs: runs and the means of their groups, and the groups that nothing cheaper beats.

import { nearBest } from "./accuracy_scale.js";
import { allHidden, hiddenWords } from "./averages.js";
import { PERCENT, PERCENT_TICKS, chart, heightOf, percents, sizeOf } from "./chart.js";
import { colour, font } from "./colours.js";
import { listed } from "./format.js";
import { ACCURACY, COST, frame as fitted } from "./frame.js";
import { labelPlaces, widthOf } from "./label_places.js";
import { label, plain } from "./labels.js";
import { keyOf, markerOf, showKeys } from "./marks.js";
import { fill } from "./morph.js";
import { mean } from "./statistics.js";

const COSTS = {
  parameters: { of: (run) => run.parameters, title: "Parameters", hover: "%{x:,} parameters" },
  seconds: { of: (run) => run.train_seconds, title: "Training time (s)", hover: "%{x:seconds} s" },
  flops: {
    of: (run) => run.flops_per_epoch * run.epochs_done,
    title: "Training FLOPs (an estimate from the layer sizes)",
    hover: "%{x:.3s}FLOP",
  },
};

// Accuracies in percent count as equal if they are shown as the same.
const shownOf = ({ accuracy }) => Number(accuracy.toFixed(2));

// Those of `{cost, accuracy}` that are better than all that cost as much or less, cheapest first; of equals at one
// cost all.
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

const verb = (labels, one, many) => (labels.length === 1 ? one : many);

const MANY = 6; // names in a sentence

const list = (points) => listed(points.map(({ label }) => label));
const others = (points) => (points.length > MANY ? `${points.length} others` : list(points));

// The chart in words, by the means of the groups.
export function wordsOf(points, isOver = false) {
  if (!points.length) return isOver ? "No run finished." : "Dots appear as runs finish.";
  if (points.length === 1) return `Only ${points[0].label} so far: nothing to weigh against it.`;
  const best = paretoFront(points);
  const front = points.filter((point) => best.includes(point));
  const beaten = points.filter((point) => !best.includes(point));
  // beaten at the same cost, or only by something cheaper
  const isEqual = (point) => points.some((other) => other.cost === point.cost && shownOf(other) > shownOf(point));
  const [same, dearer] = [beaten.filter(isEqual), beaten.filter((point) => !isEqual(point))];
  const parts = [`${list(front)} ${verb(front, "is", "are")} not beaten by anything that costs no more`];
  if (dearer.length) parts.push(`${others(dearer)} ${verb(dearer, "costs more and reaches no more", "cost more and reach no more")}`);
  if (same.length) parts.push(`${others(same)} ${verb(same, "costs", "cost")} as much as another and ${verb(same, "reaches", "reach")} less`);
  return `${parts.join("; ")}. By the means alone: the verdict above says which differences stand out from luck.`;
}

const MARGIN = { l: 76, r: 16, t: 8, b: 44 };

// Names of the means that lie below the frame, at its edge, one above the other.
const below = (points, edge, most) =>
  points.map(({ label: name, cost, accuracy }, index) => ({
    ...label(`↓ ${plain(name)}, ${accuracy.toFixed(2)}\u00a0%`, cost, edge, colour("ink")),
    xanchor: cost > 0.75 * most ? "right" : "left",
    xshift: 0,
    yanchor: "bottom",
    yshift: 14 * index,
  }));

// Names of the means where there is room for them; `at` gives a place in pixels.
function names(points, runs, front, at, frame) {
  const ordered = points.toSorted((one, other) => other.accuracy - one.accuracy);
  const dots = ordered.map((point) => ({ ...at(point), radius: 8, width: widthOf(point.label, font()) + 2 }));
  const lines = front.flatMap((point, index) => {
    const [from, to] = [at(point), front[index + 1] ? at(front[index + 1]) : { x: frame.width, y: at(point).y }];
    return [
      { left: from.x, right: to.x, top: from.y - 2, bottom: from.y + 2 },
      { left: to.x - 2, right: to.x + 2, top: to.y, bottom: from.y },
    ];
  });
  const places = labelPlaces(dots, runs.map((run) => ({ ...at(run), radius: 4 })), lines, frame);
  return ordered.flatMap((point, index) => {
    const place = places[index];
    if (!place) return [];
    const named = label(plain(point.label), point.cost, point.accuracy, colour("ink"));
    return { ...named, xanchor: "center", xshift: place.x - dots[index].x, yshift: dots[index].y - place.y };
  });
}

// The ends of the axis of accuracies, with room for names, in which one run far below the others has no part.
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
      cost: mean(members.map(cost.of)),
      accuracy: 100 * mean(members.map((run) => run.test_accuracy)),
    }));
    const front = paretoFront(points);
    const isOver = set.runs.every((run) => ["finished", "failed", "cancelled"].includes(run.status));
    fill(words, allHidden(set.runs, hidden) || wordsOf(points, isOver) + hiddenWords(hidden));
    const costs = runs.map(cost.of);
    const values = percents(runs.map((run) => run.test_accuracy));
    // sizes are chosen, but a time may be that of a machine that slept
    const dear = fitted(cost === COSTS.seconds ? costs.map((each) => ({ values: [each] })) : [{ values: costs }], COST);
    const most = Math.max(0, ...costs.filter((each) => isWhole || each <= dear.range[1]));
    // one depth far from the best would press all others into a line
    const isNear = isWhole ? points.map(() => true) : nearBest(points.map(({ accuracy }) => accuracy / 100));
    const [near, far] = [true, false].map((wanted) => points.filter((_, index) => isNear[index] === wanted));
    const outside = new Set(far.map((point) => point.id));
    const inside = values.filter((_, index) => !outside.has(set.groupOf(runs[index]).id));
    // what markers share stands once, and their looks in columns
    const markers = (groups, size, alpha, line) => {
      const looks = groups.map((group) => markerOf(group, size, alpha));
      return { color: looks.map(({ color }) => color), symbol: looks.map(({ symbol }) => symbol), size, line };
    };
    const across = most ? [-0.03 * most, 1.06 * most] : [0, 1];
    const up = runs.length ? raised(inside, { isWhole, room: far.length ? 0.25 : 0.1 }) : [90, 100];
    const frame = { width: Math.max(100, sizeOf(element).width - MARGIN.l - MARGIN.r), height: heightOf(element) };
    const at = ({ cost: x, accuracy: y }) => ({
      x: ((x - across[0]) / (across[1] - across[0])) * frame.width,
      y: ((up[1] - y) / (up[1] - up[0])) * frame.height,
    });
    const dots = runs.map((run, index) => ({ cost: costs[index], accuracy: values[index] })).filter(({ accuracy }) => accuracy >= up[0]);
    const named = [...names(near.filter((point) => point.cost <= across[1]), dots, front, at, frame), ...below(far, up[0], most)];
    showKeys(keys, named.length < points.length ? points : []);
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
          mode: "markers",
          marker: markers(runs.map((run) => set.groupOf(run)), 7, 0.55, { width: points.some(({ isMarked }) => isMarked) ? 1 : 0 }),
          hovertemplate: `%{text}<br>${cost.hover}: ${PERCENT}<extra></extra>`,
        },
        {
          x: points.map((point) => point.cost),
          y: points.map((point) => point.accuracy),
          text: points.map((point) => plain(`${point.label}, mean of ${point.n}`)),
          isCounted: false,
          mode: "markers",
          marker: markers(points, 13, 1, { width: 2, color: colour("surface") }),
          hovertemplate: `%{text}<br>${cost.hover}: ${PERCENT}<extra></extra>`,
        },
      ],
      layout: {
        x: { title: cost.title, range: across, isCount: asked !== "seconds" && asked !== "flops" },
        y: { title: "Final test accuracy", ...PERCENT_TICKS, range: up, automargin: false },
        margin: MARGIN,
        annotations: named,
        uirevision: cost.title,
      },
      legend: points.map((point) => keyOf(point, "markers")),
    };
  }, view);
  set.addEventListener("change", update);
  view.follow(["cost", "hide"], update);
}
