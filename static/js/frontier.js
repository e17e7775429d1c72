// What accuracy costs: runs and the means of their groups, and the groups that nothing cheaper beats.

import { LABELLED, PERCENT, PERCENT_TICKS, chart, colour, label, percents, plain, shadeColour } from "./chart.js";
import { listed } from "./format.js";
import { mean } from "./statistics.js";

const COSTS = {
  parameters: { of: (run) => run.parameters, title: "Parameters", hover: "%{x:,} parameters" },
  seconds: { of: (run) => run.train_seconds, title: "Training time (s)", hover: "%{x:.1f} s" },
  flops: {
    of: (run) => run.flops_per_epoch * run.epochs_done,
    title: "Training FLOPs (an estimate from the layer sizes)",
    hover: "%{x:.3s}FLOP",
  },
};

// Those of `{cost, accuracy}` that are better than all that cost as much or less, cheapest first.
export function paretoFront(points) {
  const sorted = points.toSorted((one, other) => one.cost - other.cost || other.accuracy - one.accuracy);
  let best = -Infinity;
  return sorted.filter(({ accuracy }) => {
    const better = accuracy > best;
    best = Math.max(best, accuracy);
    return better;
  });
}

const verb = (labels, one, many) => (labels.length === 1 ? one : many);

// The chart in words, by the means of the groups.
export function wordsOf(points) {
  if (!points.length) return "Dots appear as runs finish.";
  if (points.length === 1) return `Only ${points[0].label} so far: nothing to weigh against it.`;
  const best = paretoFront(points);
  const front = points.filter((point) => best.includes(point)).map(({ label }) => label);
  const beaten = points.map(({ label }) => label).filter((label) => !front.includes(label));
  return (
    `${listed(front)} ${verb(front, "is", "are")} not beaten by anything cheaper` +
    (beaten.length ? `; ${listed(beaten)} ${verb(beaten, "costs more and reaches no more", "cost more and reach no more")}` : "") +
    ". By the means alone: the verdict above says which differences stand out from luck."
  );
}

// Labels above the means, a line lower where they would overlap: one is about `width` wide and `height` high.
function labels(points, width, height) {
  const placed = [];
  for (const { label: name, cost, accuracy } of points.toSorted((one, other) => other.accuracy - one.accuracy)) {
    let y = accuracy;
    for (const other of placed) if (Math.abs(other.x - cost) < width && other.y - y < height) y = other.y - height;
    placed.push({ ...label(plain(name), cost, y, colour("ink")), xshift: 6, yshift: 12 });
  }
  return placed;
}

export function frontierChart(element, words, set, view) {
  const update = chart(element, () => {
    const asked = view.get("cost");
    const cost = COSTS[Object.hasOwn(COSTS, asked) ? asked : "parameters"];
    const runs = set.runs.filter((run) => run.status === "finished");
    const points = set.grouped(runs).map(([{ label, shade }, group]) => ({
      label,
      shade,
      n: group.length,
      cost: mean(group.map(cost.of)),
      accuracy: 100 * mean(group.map((run) => run.test_accuracy)),
    }));
    const front = paretoFront(points);
    words.textContent = wordsOf(points);
    const costs = runs.map(cost.of);
    const values = percents(runs.map((run) => run.test_accuracy));
    const most = Math.max(0, ...costs);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const span = Math.max(0.2, high - low);
    const marker = (color, size, line) => ({ color, size, line });
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
          text: runs.map((run) => plain(run.name)),
          mode: "markers",
          marker: marker(runs.map((run) => shadeColour(set.groupOf(run).shade, 0.55)), 7, { width: 0 }),
          hovertemplate: `%{text}<br>${cost.hover}: ${PERCENT}<extra></extra>`,
        },
        {
          x: points.map((point) => point.cost),
          y: points.map((point) => point.accuracy),
          text: points.map((point) => plain(`${point.label}, mean of ${point.n}`)),
          mode: "markers",
          marker: marker(points.map((point) => shadeColour(point.shade)), 13, { width: 2, color: colour("surface") }),
          hovertemplate: `%{text}<br>${cost.hover}: ${PERCENT}<extra></extra>`,
        },
      ],
      layout: {
        x: { title: cost.title, range: runs.length ? [-0.03 * most, 1.06 * most] : [0, 1] },
        y: {
          title: "Final test accuracy",
          ...PERCENT_TICKS,
          range: runs.length ? [low - 0.1 * span, high + 0.15 * span] : [90, 100],
        },
        margin: LABELLED,
        annotations: labels(points, most * (element.clientWidth < 500 ? 0.3 : 0.12), span * 0.075),
        uirevision: cost.title,
      },
    };
  });
  set.addEventListener("change", update);
  view.follow(["cost"], update);
}
