// Accuracy by number of layers: a dot per finished run, means, intervals, and the published reference.

import { PERCENT, PERCENT_TICKS, chart, colour, depthColour, label, percents, plain } from "./chart.js";

const PARTS = [
  { field: "train_accuracy", name: "train", dash: "dash", symbol: "circle-open" },
  { field: "test_accuracy", name: "test", dash: "solid", symbol: "circle" },
];

function band(rows, field) {
  const known = rows.filter((row) => row[field].ci95);
  if (known.length < 2) return [];
  const depths = known.map((row) => row.depth);
  const low = known.map((row) => row[field].ci95[0]);
  const high = known.map((row) => Math.min(1, row[field].ci95[1]));
  return [
    {
      x: [...depths, ...depths.toReversed()],
      y: percents([...high, ...low.toReversed()]),
      fill: "toself",
      fillcolor: colour("muted", 0.13),
      line: { width: 0 },
      mode: "lines",
      hoverinfo: "skip",
    },
  ];
}

function measured(rows, runs, { field, name, dash, symbol }) {
  return [
    {
      x: rows.map((row) => row.depth),
      y: percents(rows.map((row) => row[field].mean)),
      text: rows.map((row) => `mean of ${row.n}`),
      mode: "lines",
      line: { color: colour("ink"), width: 2, dash },
      hovertemplate: `${name} ${PERCENT}, %{text}<extra></extra>`,
    },
    {
      x: runs.map((run) => run.depth),
      y: percents(runs.map((run) => run[field])),
      text: runs.map((run) => plain(run.name)),
      mode: "markers",
      marker: {
        color: runs.map((run) => depthColour(run.depth)),
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

// Labels at the right end of the lines, pushed apart where they would overlap.
function endLabels(ends, least) {
  const sorted = ends.toSorted((one, other) => other.y - one.y);
  let ceiling = Infinity;
  return sorted.map(({ text, x, y, ink }) => {
    ceiling = Math.min(y, ceiling - least);
    return label(text, x, ceiling, ink);
  });
}

// `read` gives the comparison, or null while there is none; `reference` whether the published figures show.
export function layersChart(element, read, reference) {
  return chart(element, () => {
    const comparison = read();
    const rows = comparison?.by_depth ?? [];
    const runs = (comparison?.runs ?? []).filter((run) => run.status === "finished");
    const narrow = element.clientWidth < 500; // the legend says the rest
    const overlay = reference() ? (comparison?.reference ?? []) : [];
    const depths = [...rows, ...overlay].map((row) => row.depth);
    const ends = [
      ...PARTS.flatMap(({ field, name }) => {
        const last = rows.at(-1);
        return last ? [{ text: `<b>${name}</b>`, x: last.depth, y: 100 * last[field].mean, ink: colour("ink") }] : [];
      }),
      ...PARTS.flatMap(({ field, name }) => {
        const last = overlay.at(-1);
        return last ? [{ text: narrow ? `published<br>${name}` : `published ${name}`, x: last.depth, y: 100 * last[field], ink: colour("muted") }] : [];
      }),
    ];
    const values = percents([
      ...runs.flatMap((run) => PARTS.map(({ field }) => run[field])),
      ...overlay.flatMap((row) => PARTS.map(({ field }) => row[field])),
    ]);
    const low = Math.min(...values);
    const span = values.length ? Math.max(0.2, Math.max(...values) - low) : 100;
    return {
      traces: [
        ...PARTS.flatMap(({ field }) => band(rows, field)),
        ...PARTS.map((part) => published(overlay, part)),
        ...PARTS.flatMap((part) => measured(rows, runs, part)),
      ],
      layout: {
        x: { title: "Layers", tickvals: [...new Set(depths)], range: [Math.min(1, ...depths) - 0.4, Math.max(2, ...depths) + 0.4] },
        y: {
          title: "Accuracy",
          ...PERCENT_TICKS,
          range: values.length ? [low - span * 0.08, low + span * 1.1] : [90, 100.5],
        },
        margin: { l: 56, r: narrow ? 76 : 108, t: 8, b: 44 },
        annotations: rows.length || overlay.length ? endLabels(ends, span * (narrow ? 0.1 : 0.055)) : [],
      },
    };
  });
}
