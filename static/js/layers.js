// Accuracy by number of layers, or by any other groups: a dot per run, means, intervals, and the published
// reference.

import { PERCENT, PERCENT_TICKS, bandOf, chart, colour, endLabels, percents, plain, shadeColour } from "./chart.js";

const PARTS = [
  { field: "train_accuracy", name: "train", dash: "dash", symbol: "circle-open" },
  { field: "test_accuracy", name: "test", dash: "solid", symbol: "circle" },
];

function band(rows, field) {
  const known = rows.filter((row) => row[field].ci95);
  if (known.length < 2) return [];
  const low = percents(known.map((row) => row[field].ci95[0]));
  const high = percents(known.map((row) => Math.min(1, row[field].ci95[1])));
  return [bandOf(known.map((row) => row.x), low, high, colour("muted", 0.13))];
}

function measured(set, rows, runs, { field, name, dash, symbol }) {
  return [
    {
      x: rows.map((row) => row.x),
      y: percents(rows.map((row) => row[field].mean)),
      text: rows.map((row) => `mean of ${row.n}`),
      mode: "lines",
      line: { color: colour("ink"), width: 2, dash },
      hovertemplate: `${name} ${PERCENT}, %{text}<extra></extra>`,
    },
    {
      x: runs.map((run) => set.groupOf(run).x),
      y: percents(runs.map((run) => run[field])),
      text: runs.map((run) => plain(run.name)),
      mode: "markers",
      marker: {
        color: runs.map((run) => shadeColour(set.groupOf(run).shade)),
        symbol,
        size: 9,
        line: { width: symbol === "circle" ? 1 : 2, color: symbol === "circle" ? colour("surface") : undefined },
      },
      hovertemplate: `%{text}<br>${name} ${PERCENT}<extra></extra>`,
    },
  ];
}

function published(rows, { field, name, symbol }) {
  return {
    x: rows.map((row) => row.depth),
    y: percents(rows.map((row) => row[field])),
    mode: "lines+markers",
    line: { color: colour("muted", 0.8), width: 1.5, dash: "dot" },
    marker: { color: colour("muted"), symbol: symbol.replace("circle", "diamond"), size: 7 },
    hovertemplate: `published (200 epochs), ${name} ${PERCENT}<extra></extra>`,
  };
}

// `read` gives `{groups, runs, reference, train}`: `train` names the kind of train accuracy.
export function layersChart(element, set, read) {
  return chart(element, () => {
    const { groups: rows, runs, reference: overlay, train } = read();
    const parts = PARTS.map((part) => (part.field === "train_accuracy" ? { ...part, name: train } : part));
    const narrow = element.clientWidth < 500; // the legend says the rest
    const places = new Map([...overlay.map(({ depth }) => [depth, depth]), ...rows.map(({ x, label }) => [x, set.isByDepth ? x : plain(label)])]);
    const xs = [...places.keys()];
    const ends = [
      ...parts.flatMap(({ field, name }) => {
        const last = rows.at(-1);
        return last ? [{ text: `<b>${narrow ? name.replace(" ", "<br>") : name}</b>`, x: last.x, y: 100 * last[field].mean, ink: colour("ink") }] : [];
      }),
      ...PARTS.flatMap(({ field, name }) => {
        const last = overlay.at(-1);
        return last ? [{ text: narrow ? `published<br>${name}` : `published ${name}`, x: last.depth, y: 100 * last[field], ink: colour("muted") }] : [];
      }),
    ];
    const values = percents([
      ...runs.flatMap((run) => parts.map(({ field }) => run[field])),
      ...overlay.flatMap((row) => parts.map(({ field }) => row[field])),
    ]);
    const low = Math.min(...values);
    const span = values.length ? Math.max(0.2, Math.max(...values) - low) : 100;
    return {
      traces: [
        ...parts.flatMap(({ field }) => band(rows, field)),
        ...PARTS.map((part) => published(overlay, part)),
        ...parts.flatMap((part) => measured(set, rows, runs, part)),
      ],
      layout: {
        x: { title: set.by, tickvals: xs, ticktext: [...places.values()], range: [Math.min(1, ...xs) - 0.4, Math.max(2, ...xs) + 0.4] },
        y: {
          title: "Accuracy",
          ...PERCENT_TICKS,
          range: values.length ? [low - span * 0.08, low + span * 1.1] : [90, 100.5],
        },
        margin: { l: 56, r: narrow ? 76 : 108, t: 8, b: 44 },
        annotations: rows.length || overlay.length ? endLabels(ends, span * (narrow ? 0.15 : 0.055)) : [],
      },
    };
  });
}
