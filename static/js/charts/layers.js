// Accuracy by depth or other groups: a dot per run, means, intervals and published results.

import { accuracyScale, isNear, nearBest } from "../plot/accuracy_scale.js";
import { bandsOf, chart, gapped, heightOf, isNarrow, sizeOf, stretches } from "../plot/chart.js";
import { colour, font, shadeColour } from "../plot/colours.js";
import { widthOf } from "../plot/label_places.js";
import { endLabels, plain, texts } from "../plot/labels.js";

const PARTS = [
  { field: "train_accuracy", name: "train", dash: "dash", symbol: "circle-open" },
  { field: "test_accuracy", name: "test", dash: "solid", symbol: "circle" },
];
// All labels fit the margins. Checking whether they do takes a tenth of each slider step.
const QUICK = { ticklabeloverflow: "allow" };
const SHOWN = "%{customdata:.2f}\u00a0%";
const within = (accuracy) => Math.max(0, Math.min(1, accuracy)); // an interval may exceed 0 to 1

const hasInterval = (field) => (row) => row[field].ci95;

// The bands of all stretches of neighbouring groups as one trace.
function bands(rows, scale) {
  const shapes = PARTS.flatMap(({ field }) =>
    stretches(rows, hasInterval(field))
      .filter((stretch) => stretch.length > 1)
      .map((stretch) => {
        const end = (index) => stretch.map((row) => scale.place(within(row[field].ci95[index])));
        return { x: stretch.map((row) => row.x), low: end(0), high: end(1) };
      }),
  );
  return shapes.length ? [bandsOf(shapes, colour("muted", 0.13))] : [];
}

// Error bars for unordered groups and for groups without neighbours, except those in `low`: below the frame are names.
function bars(rows, field, scale, isOrdered, low) {
  const alone = (isOrdered ? stretches(rows, hasInterval(field)).filter((stretch) => stretch.length === 1).flat() : rows.filter(hasInterval(field))).filter((row) => !low.includes(row));
  if (!alone.length) return [];
  const y = alone.map((row) => scale.place(row[field].mean));
  const ends = alone.map((row) => row[field].ci95.map((end) => scale.place(within(end))));
  const above = ends.map((pair, index) => Math.max(...pair) - y[index]);
  const below = ends.map((pair, index) => y[index] - Math.min(...pair));
  const error_y = { type: "data", symmetric: false, array: above, arrayminus: below, color: colour("muted", 0.6), thickness: 1.5, width: 5 };
  return [{ x: alone.map((row) => row.x), y, mode: "markers", marker: { size: 0.1, color: colour("muted") }, error_y, hoverinfo: "skip" }];
}

// The sentence about the intervals, if any is drawn.
export function intervalWords(rows, isOrdered) {
  const found = stretches(rows, hasInterval("test_accuracy"));
  const bands = isOrdered && found.some((stretch) => stretch.length > 1);
  const bars = isOrdered ? found.some((stretch) => stretch.length === 1) : found.length > 0;
  if (!bands && !bars) return "";
  return ` ${bands ? (bars ? "Bands and bars" : "Bands") : "Bars"} are 95 % intervals of the mean over seeds; they do not cover variation over test images.`;
}

// The distance between the dots of a group with `n` runs, so that they do not hide each other.
const apart = (n) => Math.min(0.06, 0.3 / n);

function places(set, runs) {
  const sizes = new Map();
  for (const run of runs) sizes.set(set.groupOf(run), (sizes.get(set.groupOf(run)) ?? 0) + 1);
  const ranks = new Map();
  return runs.map((run) => {
    const group = set.groupOf(run);
    const rank = ranks.get(group) ?? 0;
    ranks.set(group, rank + 1);
    return group.x + (rank - (sizes.get(group) - 1) / 2) * apart(sizes.get(group));
  });
}

function means(set, rows, { field, name, dash, symbol }, scale, unit) {
  return {
    x: rows.map((row) => row.x),
    y: rows.map((row) => scale.place(row[field].mean)),
    customdata: rows.map((row) => scale.shown(row[field].mean)),
    text: rows.map((row) => `mean of ${row.n}`),
    hovertext: rows.map((row) => plain(row.label)),
    mode: set.isOrdered && rows.length > 1 ? "lines" : "markers",
    line: { color: colour("ink"), width: 2, dash },
    marker: { symbol: "line-ew", size: Math.min(22, 0.8 * unit), line: { color: colour("ink"), width: symbol === "circle" ? 2.5 : 1.5 } },
    hovertemplate: `${name}${scale.word} ${SHOWN}, %{text}<br>%{hovertext}<extra></extra>`,
    isCounted: false,
  };
}

// All dots are one trace, and solid dots have no outline: plotly.js spends most of a redraw on styling dots.
function dots(set, runs, parts, scale) {
  const column = (read) => parts.flatMap((part) => runs.map((run) => read(run, part)));
  const across = places(set, runs);
  const colours = runs.map((run) => shadeColour(set.groupOf(run).shade));
  return {
    x: parts.flatMap(() => across),
    y: column((run, { field }) => scale.place(run[field])),
    customdata: column((run, { field }) => scale.shown(run[field])),
    text: column((run, { name }) => `${plain(set.describe(run))}<br>${name}`),
    mode: "markers",
    marker: {
      opacity: 1,
      color: parts.flatMap(() => colours),
      symbol: column((_, { symbol }) => symbol),
      size: column((_, { symbol }) => (symbol === "circle" ? 8 : 10)), // a smaller dot leaves the ring around it visible
      line: { width: column((_, { symbol }) => (symbol === "circle" ? 0 : 2)) },
    },
    hovertemplate: `%{text}${scale.word} ${SHOWN}<extra></extra>`,
  };
}

const PUBLISHED = "published (200 epochs)";
const publishedLine = () => ({ color: colour("muted", 0.8), width: 1.5, dash: "dot" });

// The legend of an exported picture: dots, lines and diamonds. The names of groups are below the axis.
const legendOf = (parts, overlay) => [
  ...parts.map(({ name, dash, symbol }) => ({
    name,
    mode: "lines+markers",
    line: { color: colour("ink"), width: 2, dash },
    marker: { color: colour("ink"), symbol, size: 8 },
  })),
  ...(overlay.length ? [{ name: PUBLISHED, mode: "lines+markers", line: publishedLine(), marker: { color: colour("muted"), symbol: "diamond", size: 7 } }] : []),
];

// Both published lines as one trace, with a gap between them.
function published(rows, scale) {
  if (!rows.length) return [];
  const column = (read) => gapped(PARTS.map((part) => rows.map((row) => read(row, part))));
  return [
    {
      x: column((row) => row.depth),
      y: column((row, { field }) => scale.place(row[field])),
      customdata: column((row, { field }) => scale.shown(row[field])),
      text: column((_, { name }) => name),
      mode: "lines+markers",
      line: publishedLine(),
      marker: { color: colour("muted"), symbol: column((_, { symbol }) => symbol.replace("circle", "diamond")), size: 7 },
      hovertemplate: `${PUBLISHED}, %{text}${scale.word} ${SHOWN}<extra></extra>`,
      isCounted: false,
    },
  ];
}

// Names beside the ends of lines, at the last row of `near`, the rows within the frame. If a line ends before the
// last group, at `end`, its name is above or below its end, because other lines are beside it; then only the legend
// names the published line. With a single group there is no line, and the names are beside its means. A line that
// leaves the frame towards a group of `far` has room beside it too.
function names(parts, { near, far }, overlay, scale, { end, narrow, height, unit, least }) {
  const last = near.at(-1);
  const reference = overlay.at(-1);
  const at = (accuracy) => scale.position(scale.place(accuracy));
  const beside = [];
  const over = [];
  const ends = last ? parts.map(({ name, field }) => ({ name, mean: last[field].mean })) : [];
  for (const { name, mean } of ends.toSorted((one, other) => at(other.mean) - at(one.mean))) {
    const text = `<b>${narrow ? name.replace(" ", "<br>") : name}</b>`;
    if (near.length === 1 || last.x === end || far.some(({ x }) => x > last.x)) beside.push({ text, x: last.x, y: at(mean) });
    else over.push({ text, x: last.x, y: scale.place(mean), ink: colour("ink"), side: over.length ? "bottom center" : "top center", gap: 8 });
  }
  for (const { field, name } of reference?.depth === end ? PARTS : []) {
    beside.push({ text: narrow ? `published<br>${name}` : `published ${name}`, x: end, y: at(reference[field]), ink: colour("muted") });
  }
  const [low, high] = scale.range;
  const room = far.length ? (narrow ? 44 : 26) : 0; // for the names of groups below the frame
  const clear = last ? Math.max(least, ((last.n - 1) / 2) * apart(last.n) * unit) : 0; // past the dots
  return [
    ...[...Map.groupBy(beside, ({ x }) => x).values()]
      .flatMap((labels) => endLabels(labels, [low + (room * (high - low)) / height, high], height - room, { lines: labels.some(({ text }) => text.includes("<br>")) ? 2 : 1 }))
      .map(({ text, x, y, font }) => ({ text, x, y: scale.value(y), ink: font.color, side: "middle right", gap: 10 + (x === last?.x ? clear : 0) })),
    ...over,
  ];
}

const VALUE = { line: 72, lines: 40 }; // pixels for a mean and an arrow, side by side or stacked

// Labels at the edge for groups below the frame: only an arrow if groups, `unit` pixels apart, leave no more room.
function below(rows, scale, unit) {
  const text = (percent) => (unit >= VALUE.line ? `↓ ${percent.toFixed(2)}\u00a0%` : unit >= VALUE.lines ? `${percent.toFixed(1)}<br>↓` : "↓");
  return rows.map((row) => ({
    text: text(100 * row.test_accuracy.mean),
    x: row.x,
    y: scale.value(scale.range[0] + 1e-9),
    ink: colour("ink"),
    side: "top center",
    gap: 1,
    hover: `${plain(row.label)}: test mean ${(100 * row.test_accuracy.mean).toFixed(2)}\u00a0%, below the axis range`,
  }));
}

// The accuracies that the frame includes. By default it excludes groups far from the best, because one shallow network
// would squeeze all others into a line.
function framed(set, asked, rows, runs, overlay) {
  const isZoomed = !["even", "error"].includes(asked);
  const isNearBest = rows.length && isZoomed ? nearBest(rows.map((row) => row.test_accuracy.mean)) : rows.map(() => true);
  const outside = new Set(rows.filter((_, index) => !isNearBest[index]).map(({ x }) => x));
  const inside = runs.filter((run) => !outside.has(set.groupOf(run).x));
  const best = Math.max(...rows.map((row) => row.test_accuracy.mean));
  const kept = rows.length && isZoomed ? overlay.filter((row) => isNear(row.test_accuracy, best)) : overlay;
  return [...inside, ...kept].flatMap((each) => PARTS.map(({ field }) => each[field]));
}

const TICK = 15; // width in pixels of a slanted or upright name
const SLANT = 30; // degrees

// The angle of group names below the axis, as flat as fits. Groups are `unit` pixels apart; `right` is the margin.
function axisNames(labels, unit, right) {
  const widest = Math.max(0, ...labels.map((text) => widthOf(text, font())));
  const [across, down] = [Math.cos, Math.sin].map((part) => widest * part((SLANT * Math.PI) / 180));
  if (widest + TICK <= unit) return { tickangle: 0, room: 0 };
  if (unit >= 2 * TICK && across <= right) return { tickangle: SLANT, room: down };
  return { tickangle: 90, room: widest };
}

// `read` returns `{groups, runs, reference, train, scale}`; `train` names the kind of train accuracy.
export function layersChart(element, set, view, read) {
  return chart(element, ({ isWhole }) => {
    const { groups: rows, runs, reference: overlay, train, scale: chosen } = read();
    const asked = isWhole && chosen !== "error" ? "even" : chosen;
    const parts = PARTS.map((part) => (part.field === "train_accuracy" ? { ...part, name: train } : part));
    const narrow = isNarrow(element); // the legend names the rest
    const ticks = new Map([...overlay.map(({ depth }) => [depth, depth]), ...rows.map(({ x, label: name }) => [x, set.isByDepth ? x : plain(name)])]);
    const xs = [...ticks.keys()];
    const end = Math.max(0, ...rows.map(({ x }) => x), ...overlay.map(({ depth }) => depth));
    const values = framed(set, asked, rows, runs, overlay);
    const range = [Math.min(1, ...xs) - 0.4, Math.max(2, ...xs) + 0.4];
    const right = narrow ? 76 : 118;
    const unit = (sizeOf(element).width - 76 - right) / (range[1] - range[0]);
    const { tickangle, room } = set.isByDepth ? { tickangle: 0, room: 0 } : axisNames(rows.map(({ label }) => label), unit, right);
    const margin = { l: 76, r: right, t: 20, b: 44 + room };
    const height = heightOf(element) - 12 - room;
    const scale = accuracyScale(asked, values);
    const isLow = ({ test_accuracy: { mean } }) => scale.place(mean) < scale.value(scale.range[0]) && !scale.axis.type;
    const [low, within] = [true, false].map((wanted) => rows.filter((row) => isLow(row) === wanted));
    return {
      traces: [
        ...(set.isOrdered ? bands(rows, scale) : []),
        ...published(overlay, scale),
        ...parts.flatMap(({ field }) => bars(rows, field, scale, set.isOrdered, low)),
        ...parts.map((part) => means(set, rows, part, scale, unit)),
        dots(set, runs, parts, scale),
        texts([...names(parts, { near: within, far: low }, overlay, scale, { end, narrow, height, unit, least: set.isOrdered && within.length > 1 ? 0 : 8 }), ...below(low, scale, unit)]),
      ],
      layout: {
        x: { title: element.dataset.axis, tickvals: xs, ticktext: [...ticks.values()], range, tickangle, automargin: false, ...QUICK },
        y: { ...scale.axis, automargin: false, ...QUICK },
        margin,
        uirevision: `${asked} ${xs.length}`,
      },
      legend: legendOf(parts, overlay),
    };
  }, view);
}
