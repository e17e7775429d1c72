// Curves of many runs: one line per run, or a mean with its 95 % band over seeds per group.

import { allHidden, averaged, counts, byEpoch, hiddenWords, leftOut, NO_MEANS } from "./averages.js";
import { PERCENT_TICKS, atEpoch, bandsOf, chart, epochAxis, heightOf, inPercent, percents, sizeOf, stretches } from "../plot/chart.js";
import { shadeColour } from "../plot/colours.js";
import { endNames, roomFor } from "../plot/end_names.js";
import { loss, plural, seconds, whole } from "../format.js";
import { ACCURACY, COST, LOG_LOSS, LOSS as LOSSES, frame, logarithms } from "../plot/frame.js";
import { plain } from "../plot/labels.js";
import { keyOf, lineOf, markerOf, modeOf } from "../plot/marks.js";
import { smooth } from "./smooth.js";
import { cumulated, mean, spread } from "./statistics.js";

const TITLES = {
  train_loss: "Train loss, mean of the epoch (nats)",
  test_loss: "Test loss (nats)",
  last_batch_loss: "Loss of the last batch (nats)",
  test_accuracy: "Test accuracy",
  train_accuracy: "Running train accuracy",
};

const PREFIXES = ["", "k", "M", "G", "T", "P", "E", "Z"];

// A number of operations with three digits and the prefix of its size, such as "1.23 TFLOP".
function flops(value) {
  const size = Math.max(0, Math.min(Math.floor(Math.log10(value) / 3), PREFIXES.length - 1)) || 0;
  return `${(value / 1000 ** size).toPrecision(3)}\u00a0${PREFIXES[size]}FLOP`;
}

// The choices for the x axis: a run's values, the axis, and the words for a value.
const AXES = {
  epoch: {
    of: (run, columns) => columns.epoch,
    words: atEpoch,
  },
  seconds: {
    of: (run, columns) => cumulated(columns.seconds),
    title: "Training time (s)",
    words: (value) => `${seconds(value)}\u00a0s`,
  },
  updates: {
    of: (run, columns) => columns.epoch.map((epoch) => epoch * run.updates_per_epoch),
    title: "Weight updates",
    words: (value) => `${whole(value)} updates`,
  },
  flops: {
    of: (run, columns) => columns.epoch.map((epoch) => epoch * run.flops_per_epoch),
    title: "Training FLOPs (an estimate from the layer sizes)",
    words: flops,
  },
};
const CHOICES = ["metric", "x", "lines", "smooth", "log", "logx", "hide"];

const choice = (table, asked, otherwise) => (Object.hasOwn(table, asked) ? asked : otherwise);

// The y axis for lines `{shown, isFailed}`; `shown` are the values that it is fitted to.
function heights(lines, { log, isAccuracy }) {
  const kind = isAccuracy ? (log ? { ...LOG_LOSS, ends: [-Infinity, 2] } : ACCURACY) : log ? LOG_LOSS : LOSSES;
  return frame(lines.map(({ shown, isFailed }) => ({ values: log ? logarithms(shown) : shown, isFailed })), kind);
}

// The x axis of the curves. Only times can have outliers, for example on a machine that slept: a line that then ends
// far later than the others leaves the frame.
function widths(lines, logX, over) {
  const ends = lines.map(({ x }) => x.at(-1));
  if (!ends.length) return { range: logX ? [0, 1] : [0, 10] };
  const fitted = frame(over === "seconds" ? ends.map((end) => ({ values: [end] })) : [{ values: ends }], COST);
  const [end, last] = [ends.filter((each) => each <= fitted.range[1]), ends].map((each) => Math.max(...each) || 1);
  const isLine = lines.some(({ x }) => x.length > 1);
  if (!logX) return { range: [0, isLine ? end : 2 * end], all: [0, isLine ? last : 2 * last] };
  const first = Math.log10(Math.min(...lines.map(({ x }) => x.find((value) => value > 0) ?? 1)));
  const to = (most) => [first - 0.02, Math.max(first + 0.3, Math.log10(most))];
  return { range: to(end), all: to(last) };
}

// Axes that show at least one point of these lines. If the usual ranges of both axes have no point in common, they show
// everything.
function together(lines, x, y, { log, logX }) {
  const isWithin = (value, { range }, isLog) => !range || (value >= (isLog ? 10 ** range[0] : range[0]) && value <= (isLog ? 10 ** range[1] : range[1]));
  const isSeen = lines.some((line) => line.x.some((place, index) => isWithin(place, x, logX) && isWithin(line.y[index], y, log)));
  return isSeen ? { x, y } : { x: { ...x, range: x.all ?? x.range }, y: { ...y, range: y.all ?? y.range } };
}

export class Curves {
  #note = document.querySelector("[data-chart-note]");
  #byDefault = document.querySelector('select[name="lines"]').options[0].value;
  #update;

  constructor(element, set, view) {
    this.set = set;
    this.view = view;
    this.size = () => ({ width: sizeOf(element).width, height: heightOf(element) });
    this.#update = chart(element, () => this.#build(), view);
    set.addEventListener("change", () => this.#changed());
    view.follow(CHOICES, () => this.#changed());
    document.addEventListener("click", (event) => this.#toggle(event));
  }

  #changed() {
    this.#showToggles();
    this.#update();
  }

  #toggle(event) {
    const button = event.target.closest("[data-toggle-run], [data-toggle-group]");
    if (!button) return;
    const { toggleRun } = button.dataset;
    const chosen = toggleRun ? [Number(toggleRun)] : this.#members(button);
    const hidden = this.view.ids("hide");
    const hide = button.getAttribute("aria-pressed") === "true";
    for (const id of chosen) hidden[hide ? "add" : "delete"](id);
    this.view.set({ hide: [...hidden].join(",") });
  }

  // The runs of a button's group; none before the data are loaded.
  #members(button) {
    return this.set.groups.find(({ id }) => id === button.dataset.toggleGroup)?.runs ?? [];
  }

  #showToggles() {
    if (!this.set.groups.length) return;
    const hidden = this.view.ids("hide");
    for (const button of document.querySelectorAll("[data-toggle-run]")) {
      button.setAttribute("aria-pressed", !hidden.has(Number(button.dataset.toggleRun)));
    }
    for (const button of document.querySelectorAll("[data-toggle-group]")) {
      button.setAttribute("aria-pressed", this.#members(button).some((id) => !hidden.has(id)));
    }
  }

  #build() {
    const metric = choice(TITLES, this.view.get("metric"), "train_loss");
    const over = choice(AXES, this.view.get("x"), "epoch");
    const isAccuracy = metric.endsWith("accuracy");
    const weight = Math.min(0.99, Math.max(0, Number(this.view.get("smooth")) || 0));
    const log = this.view.get("log") === "y";
    const logX = this.view.get("logx") === "x";
    const hidden = this.view.ids("hide");
    const drawn = this.set.drawn(hidden);
    const isLost = drawn.length > 0 && !drawn.some(counts); // all runs failed or were cancelled, and no mean includes them
    const means = (this.view.get("lines") ?? this.#byDefault) === "mean" && !isLost;

    const curves = drawn.map((run) => {
      const columns = this.set.columns(run.id);
      const raw = isAccuracy ? percents(columns[metric]) : columns[metric];
      return { run, x: AXES[over].of(run, columns), raw, y: smooth(raw, weight) };
    });
    const { traces, lines, used, said } = means ? this.#means(curves, { log, isAccuracy }) : this.#lines(curves, weight);
    const fitted = means ? lines : curves.map((curve) => ({ ...curve, shown: weight ? [...curve.y, ...curve.raw] : curve.y, isFailed: curve.run.status === "failed" }));
    const { x, y } = together(fitted, widths(fitted, logX, over), heights(fitted, { log, isAccuracy }), { log, logX });
    const last = curves.reduce((most, { x }) => Math.max(most, x.length), 0);
    const size = this.size();
    const { fits, margin } = roomFor(lines.map(({ name }) => name), size);
    const place = (log, values) => (log ? values.map(Math.log10) : values);
    const placed = lines.map(({ x, y, ...line }) => ({ ...line, x: place(logX, x), y: place(log, y) }));
    return {
      traces,
      layout: {
        x: {
          ...(over === "epoch" ? epochAxis(last, logX) : { title: AXES[over].title, rangemode: logX ? undefined : "tozero" }),
          type: logX ? "log" : "linear",
          isCount: over === "epoch" || over === "updates",
          ...x,
        },
        y: {
          title: TITLES[metric],
          type: log ? "log" : "linear",
          ...(isAccuracy ? PERCENT_TICKS : {}),
          ...(log && isAccuracy ? { minallowed: undefined, maxallowed: 2 } : {}),
          ...(log || isAccuracy ? {} : { minallowed: LOSSES.ends[0] }),
          ...(y.range ? y : { range: log ? [-2, 0.5] : isAccuracy ? [0, 100] : [0, 2.5] }),
        },
        ...(means ? { margin } : {}),
        // another quantity on an axis resets the zoom
        uirevision: `${metric} ${over} ${log} ${logX} ${means}`,
      },
      names: (seen) => (means && fits ? endNames(placed, seen, size.height, { x: logX, y: log }) : {}),
      legend: this.set.groups.filter(({ runs }) => curves.some(({ run }) => runs.includes(run.id) && (!means || used.has(run.id)))).map((group) => keyOf(group)),
      readout: { x: AXES[over].words, y: isAccuracy ? inPercent : loss },
      say: (found) => this.#say(curves, found, { means, isLost, said, used, weight, hidden }),
    };
  }

  #say(curves, { points, isAll }, { means, isLost, said, used, weight, hidden }) {
    const runs = curves.map(({ run }) => run);
    const words = means
      ? `Means of ${plural(used.size, "run")}: each epoch averages the runs that reached it.${leftOut(runs, used)}${said}` +
        (weight ? " Smoothed before averaging." : "")
      : `${isLost ? `${NO_MEANS} ` : ""}` +
        `${plural(curves.length, "curve")}, ${plural(points, "point")}${isAll ? ", all shown" : ""}.` +
        (weight ? " Smoothed; raw values are faint." : "");
    const note = (curves.length ? words : "Curves appear with the first epoch.") + hiddenWords(hidden);
    this.#note.textContent = allHidden(this.set.runs, hidden) || note;
  }

  #lines(curves, weight) {
    const seen = new Map();
    const faint = [];
    const lines = [];
    for (const { run, x, y, raw } of curves) {
      const group = this.set.groupOf(run);
      const rank = seen.get(group) ?? 0;
      seen.set(group, rank + 1);
      const alpha = 1 - 0.15 * Math.min(rank, 3);
      const [line, marker, mode] = [lineOf(group, 2, alpha), markerOf(group, 7, alpha), modeOf(group, x.length)];
      if (weight) {
        const behind = x.length > 1 ? "lines" : "markers";
        faint.push({ x, y: raw, mode: behind, line: { ...line, width: 1 }, opacity: 0.25, hoverinfo: "skip" });
      }
      lines.push({ x, y, mode, line, marker, name: plain(this.set.describe(run)) });
    }
    return { traces: [...faint, ...lines], lines: [], used: new Set(), said: "" };
  }

  #means(curves, { log, isAccuracy }) {
    const bands = [];
    const lines = [];
    const named = [];
    const used = new Set();
    let isCut = false;
    const faintness = Math.max(0.05, Math.min(0.16, 0.8 / this.set.groups.length)); // opaque bands would hide each other
    for (const [meant, members] of this.set.grouped(curves, ({ run }) => run)) {
      const chosen = new Set(averaged(members.map(({ run }) => run), (run) => this.set.length(run)));
      const group = members.filter(({ run }) => chosen.has(run));
      if (!group.length) continue;
      for (const run of chosen) used.add(run.id);
      // sums of mean steps, so that the line does not jump back where a shorter run ends
      const x = cumulated(byEpoch(group.map((curve) => curve.x.map((value, index) => value - (curve.x[index - 1] ?? 0)))).map(mean));
      const spreads = byEpoch(group.map((curve) => curve.y)).map(spread);
      const counts = byEpoch(group.map((curve) => curve.y)).map((values) => values.length);
      const y = spreads.map((each) => each.mean);
      const several = meant.isMixed ? [] : spreads.filter(({ ci95 }) => ci95);
      if (several.length) {
        // a logarithmic axis can't show values of 0 or less
        const lowest = ({ min, mean }) => (log ? Math.max(min, mean / 1000) / 10 : 0);
        isCut ||= log && several.some((each) => each.ci95[0] < lowest(each));
        const rows = several.map((each, index) => ({ x: x[index], low: Math.max(each.ci95[0], lowest(each)), high: Math.min(each.ci95[1], isAccuracy ? 100 : Infinity) }));
        const areas = stretches(rows, ({ low }) => !log || low > 0).map((stretch) => ({
          x: stretch.map((row) => row.x),
          low: stretch.map((row) => row.low),
          high: stretch.map((row) => row.high),
        }));
        if (areas.length) bands.push(bandsOf(areas, shadeColour(meant.shade, faintness)));
      }
      const line = lineOf(meant);
      lines.push({
        x,
        y,
        mode: modeOf(meant, x.length),
        line,
        marker: markerOf(meant),
        name: plain(meant.label),
        text: counts.map((count) => `mean of ${count}`),
      });
      // a band may leave the frame: the band of two seeds would otherwise fill it
      const within = several.flatMap(({ ci95, min, max }) => [Math.max(min, ci95[0]), Math.min(max, ci95[1])]);
      named.push({ name: meant.label, color: line.color, symbol: meant.symbol, x, y, shown: [...y, ...within] });
    }
    const cut = isCut ? " The logarithmic axis cuts bands near 0." : "";
    const said = bands.length ? ` Bands are 95 % intervals of the mean over seeds.${cut}` : "";
    return { traces: [...bands, ...lines], lines: named, used, said };
  }
}
