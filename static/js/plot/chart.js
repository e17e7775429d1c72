// Draws every chart; apart from `picture.js` the only module that calls plotly.js.

import { colour, font } from "./colours.js";
import { followPointer, setReadout } from "./hover.js";
import { openEnds } from "./open_ends.js";
import { download, legends, notes } from "./picture.js";
import { percent, whole } from "../format.js";
import { followPrinting } from "../print.js";
import { ticksOf } from "./ticks.js";
import { sentences, Unseen, unseen } from "./unseen.js";
import { Zoom } from "./zoom.js";

// One object for all drawings: plotly.js recreates a chart if its configuration is another object.
let made;
const config = () => (made ??= {
  displaylogo: false,
  displayModeBar: "hover",
  doubleClick: "autosize", // zoom.js takes it as the end of a zoom
  modeBarButtonsToRemove: ["select2d", "lasso2d", "resetScale2d", "zoomIn2d", "zoomOut2d", "pan2d", "toImage"],
  modeBarButtonsToAdd: [{ name: "picture", title: "Download as PNG", icon: Plotly.Icons.camera, click: (element) => download(element, "png") }],
  plotlyServerURL: "", // never sends anything to a chart cloud
  showSendToCloud: false,
  showEditInChartStudio: false,
});

// The size of a chart, read without a layout at every step of a slider. Positions in pixels and the number of ticks
// depend on it, so a chart is drawn again after a change of size.
const sizes = new WeakMap();
const updates = new WeakMap();
const resized = new ResizeObserver((entries) => {
  for (const { target, contentRect: size } of entries) {
    const before = sizes.get(target);
    sizes.set(target, size);
    const isOther = before && (before.width !== size.width || before.height !== size.height);
    if (isOther && size.width) updates.get(target)();
  }
});

export function sizeOf(element) {
  if (!sizes.get(element)?.width) return { width: element.clientWidth, height: element.clientHeight };
  return sizes.get(element);
}

// Height in pixels of the area for lines.
export const heightOf = (element) => Math.max(100, sizeOf(element).height - 52);
export const isNarrow = (element) => sizeOf(element).width < 500;

// Accuracies are drawn in percent and formatted as on the rest of the page.
export const percents = (fractions) => fractions.map((fraction) => (fraction == null ? null : fraction * 100));
export const PERCENT = "%{y:.2f}\u00a0%";
export const inPercent = (value) => percent(value / 100);
export const PERCENT_TICKS = { ticksuffix: "\u00a0%", minallowed: 0, maxallowed: 100 };

function axis({ title, ...rest }) {
  return {
    title: { text: title, font: { size: 12, color: colour("muted") }, standoff: 8 },
    gridcolor: colour("line"),
    linecolor: colour("line"),
    tickfont: { size: 12, color: colour("muted") },
    zeroline: false,
    automargin: true,
    fixedrange: false,
    ...rest,
  };
}

// Epochs are integers: up to 10 of them (5 on narrow screens) get a tick each, so that no tick is between two.
export const epochAxis = (last, log = false) => ({
  title: "Epoch",
  rangemode: log ? undefined : "tozero",
  range: last ? undefined : [0, 10],
  dtick: last <= (innerWidth < 500 ? 5 : 10) && !log ? 1 : undefined,
});

export const atEpoch = (epoch) => `Epoch ${whole(epoch)}`;

// A range that ends with the lines, because labels beside them would widen it. A single point is inside.
export const endingAt = (last) => (last ? [0, Math.max(last, 2)] : [0, 10]);

// Joins lists with a gap (null) between them, where plotly.js interrupts a line or an area.
export const gapped = (things) => things.flatMap((thing, place) => (place ? [null, ...thing] : thing));

// Stretches of neighbouring rows that are all `whole`: a band must not cross one that is not.
export function stretches(rows, whole) {
  const found = [[]];
  for (const row of rows) {
    if (whole(row)) found.at(-1).push(row);
    else if (found.at(-1).length) found.push([]);
  }
  return found.filter((stretch) => stretch.length);
}

// Traces without plotly.js's misleading lines. On a logarithmic axis it would draw a line down to the edge for values
// of 0 or less, so the line is interrupted there. A single point between two gaps is drawn as a marker.
export function interrupted(trace, { x, y }) {
  if (trace.fill || !trace.mode?.includes("lines")) return [trace];
  const above = (values, { type }) => (type === "log" && values.some((value) => value <= 0) ? values.map((value) => (value > 0 ? value : null)) : values);
  const [across, up] = [above(trace.x, x), above(trace.y, y)];
  const isThere = (index) => Number.isFinite(across[index]) && Number.isFinite(up[index]);
  const drawn = across === trace.x && up === trace.y ? trace : { ...trace, x: across, y: up };
  const alone = trace.mode === "lines" ? up.flatMap((_, index) => (isThere(index) && !isThere(index - 1) && !isThere(index + 1) ? [index] : [])) : [];
  if (!alone.length) return [drawn];
  const [points, marker] = [(values) => alone.map((index) => values[index]), { color: trace.line?.color, ...trace.marker }];
  return [drawn, { x: points(across), y: points(up), mode: "markers", marker, opacity: trace.opacity, hoverinfo: "skip" }];
}

// Areas `{x, low, high}`, each between two lines, as one trace.
export const bandsOf = (areas, fillcolor) => ({
  x: gapped(areas.map(({ x }) => [...x, ...x.toReversed()])),
  y: gapped(areas.map(({ low, high }) => [...high, ...low.toReversed()])),
  fill: "toself",
  fillcolor,
  line: { width: 0 },
  mode: "lines",
  hoverinfo: "skip",
});

// plotly.js redraws the arrays of a trace only if they are other objects or `datarevision` has changed. Columns of
// epochs grow in place, so each drawing gets its own revision. That costs nothing for the other arrays, which are new at
// each drawing; copies of the columns would cost as much again. The revision of an axis discards plotly.js's own zoom.
let drawings = 0;

function layoutOf({ x, y, ...rest }) {
  drawings += 1;
  return {
    datarevision: drawings,
    font: { family: font(), size: 12, color: colour("ink") },
    paper_bgcolor: "rgba(0, 0, 0, 0)",
    plot_bgcolor: "rgba(0, 0, 0, 0)",
    margin: { l: 56, r: 16, t: 8, b: 44 },
    showlegend: false,
    hovermode: "closest",
    hoverlabel: {
      bgcolor: colour("surface"),
      bordercolor: colour("control-line"),
      font: { color: colour("ink"), size: 12 },
      align: "left",
    },
    modebar: { bgcolor: "rgba(0, 0, 0, 0)", color: colour("muted"), activecolor: colour("ink") },
    uirevision: "kept",
    ...rest,
    xaxis: { ...axis(x), uirevision: drawings },
    yaxis: { ...axis(y), uirevision: drawings },
  };
}

const LONGEST_PAUSE = 250; // ms between two drawings
// Draws all charts at once, in their present sizes.
const draws = new Map();
followPrinting(() => {
  for (const [element, draw] of draws) {
    sizes.set(element, { width: element.clientWidth, height: element.clientHeight });
    draw();
  }
});

const whenIdle = window.requestIdleCallback ?? ((action) => setTimeout(action, 50));

// The charts that are visible. Asking for their positions instead would force a layout.
const inView = new WeakSet();
const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) inView[isIntersecting ? "add" : "delete"](target);
});

// Whether a chart shows everything, stored in the address under the chart's name.
function wholeOf(element, view) {
  const name = element.id.replace("-chart", "");
  const all = () => new Set((view.get("whole") ?? "").split(",").filter(Boolean));
  const toggle = () => {
    const others = all();
    if (!others.delete(name)) others.add(name);
    view.set({ whole: [...others].join(",") });
  };
  return { is: () => all().has(name), toggle };
}

// The zoom of a chart in the address: `zoom=loss:10,20,,;accuracy:…` has the ends of the axes of each zoomed chart.
function keptZoom(element, view) {
  const name = element.id.replace("-chart", "");
  const all = () => new Map((view.get("zoom") ?? "").split(";").filter(Boolean).map((each) => each.split(":")));
  const set = (text) => {
    const others = all();
    if (text) others.set(name, text);
    else others.delete(name);
    view.set({ zoom: [...others].map((each) => each.join(":")).join(";") });
  };
  return { get: () => all().get(name), set };
}

// Moves the buttons of a chart left of the names at the ends of its lines.
function clearNames(element, { margin }) {
  const buttons = element.querySelector(".modebar");
  if (buttons) buttons.style.right = `${margin.r}px`;
}

// Sets tick labels that plotly.js formats badly, and a message in a chart that can't show any of its points.
function complete(layout, found, { width, height }) {
  const { l, r, t, b } = layout.margin;
  const pixels = { x: Math.max(100, width - l - r), y: Math.max(100, height - t - b) };
  for (const name of ["x", "y"]) {
    const axis = layout[`${name}axis`];
    const { ticksOf: own = ticksOf, isCount, ...rest } = axis;
    const isOwn = axis.range && !axis.tickvals && !axis.dtick;
    layout[`${name}axis`] = { ...rest, ...(isOwn ? own(axis, pixels[name], name) : {}) };
  }
  if (found.points && found.broken + found.zero === found.points) {
    layout.annotations = [{ text: "No data to draw", xref: "paper", yref: "paper", x: 0.5, y: 0.5, showarrow: false, font: { color: colour("muted"), size: 14 } }];
  }
}

// Draws the result of `build`, `{traces, layout, names, legend, say, readout}` with `layout.x` and `layout.y` as axes. `build`
// gets the chart's zoom. Beside `range`, an axis may have `all`, the range that shows everything. `names` returns the
// parts of the layout that name lines within the visible range `{x, y}`. `legend` contains the legend entries of an
// exported picture, by default the named traces. `say` gets the counts of points that are not shown. `readout`, `{x, y}`,
// words the values of curves for the box beside the pointer; charts without it have hover texts. Call the returned
// function when data has changed, also in place. Visible charts are drawn immediately, but at most once a frame and half
// of the time, so that the page answers between two drawings of many points; others when the browser is idle. Zoom, pan
// and pointer are kept.
export function chart(element, build, view) {
  const zoom = new Zoom(wholeOf(element, view), keptZoom(element, view));
  const line = new Unseen(element, () => zoom.toggle());
  let waiting = false;
  let shown = true;
  let isNew = true;
  let ready = 0;
  const draw = () => {
    const began = performance.now();
    waiting = false;
    shown = false;
    requestAnimationFrame(() => {
      shown = true;
    });
    const { traces, layout: own, names, legend, say, readout } = build(zoom);
    legends.set(element, legend ?? traces.filter(({ name }) => name));
    const size = sizeOf(element);
    const layout = layoutOf({ ...own, ...(readout ? { hovermode: false } : {}), width: Math.floor(size.width) || undefined, height: Math.floor(size.height) || undefined });
    const fitted = (axis) => (zoom.isWhole && axis.all ? { ...axis, range: axis.all } : axis);
    const found = unseen(traces, { x: fitted(layout.xaxis), y: fitted(layout.yaxis) });
    zoom.apply(layout, found.outside > 0);
    Object.assign(layout, names?.({ x: layout.xaxis.range, y: layout.yaxis.range }));
    complete(layout, found, size);
    const drawn = traces.flatMap((trace) => interrupted(trace, { x: layout.xaxis, y: layout.yaxis }));
    Plotly.react(element, drawn, layout, config());
    clearNames(element, layout);
    notes.set(element, sentences(found).join(" "));
    setReadout(element, traces, readout);
    line.show(found, zoom.isWhole);
    say?.(found);
    if (isNew) {
      element.on("plotly_relayout", (changes) => zoom.take(changes, element.layout) && update());
      element.on("plotly_afterplot", () => openEnds(element));
      openEnds(element);
    }
    isNew = false;
    const ended = performance.now();
    ready = ended + Math.min(ended - began, LONGEST_PAUSE);
  };
  const update = () => {
    if (waiting) return;
    waiting = true;
    if (!inView.has(element)) whenIdle(draw, { timeout: 1000 });
    else if (performance.now() < ready) setTimeout(requestAnimationFrame, ready - performance.now(), draw);
    else if (shown) queueMicrotask(draw);
    else requestAnimationFrame(draw);
  };
  updates.set(element, update);
  draws.set(element, draw);
  sight.observe(element);
  resized.observe(element);
  window.addEventListener("themechange", update);
  followPointer(element);
  view.follow(["whole"], update);
  view.follow(["zoom"], () => zoom.read() && update());
  return update;
}
