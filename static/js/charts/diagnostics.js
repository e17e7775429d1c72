// Gradient norms and dead units by layer, of a run or of a group.

import { allHidden, averaged, byEpoch, hiddenWords, leftOut } from "./averages.js";
import { PERCENT_TICKS, atEpoch, chart, endingAt, epochAxis, heightOf, inPercent, percents, sizeOf } from "../plot/chart.js";
import { layerColour, layerDash } from "../plot/colours.js";
import { endNames, roomFor } from "../plot/end_names.js";
import { EpochColumns } from "../live/epoch_columns.js";
import { listed, significant } from "../format.js";
import { LOG_NORM, SHARE, frame, logarithms } from "../plot/frame.js";
import { plain } from "../plot/labels.js";
import { fill } from "../morph.js";
import { named } from "../retrain.js";
import { mean } from "./statistics.js";
import { throttle } from "../throttle.js";

const QUANTITIES = {
  gradient_norms: {
    title: "L2 norm of the last batch's gradient",
    words: (value) => significant(value, 3),
    values: (values) => values,
    // norms span powers of ten, so their mean is geometric
    mean: (values) => Math.exp(mean(values.map(Math.log))),
    axis: { type: "log" },
    kind: LOG_NORM,
    nothing: [-3, 1],
  },
  dead_relu: {
    title: "Dead units per hidden layer",
    words: inPercent,
    values: percents,
    mean,
    axis: PERCENT_TICKS,
    kind: SHARE,
    nothing: [0, 100],
  },
};

// One line per layer, from a row of layers per epoch. Epochs without measurements leave a gap.
function perLayer(rows, quantity) {
  const count = rows.reduce((most, row) => Math.max(most, row?.length ?? 0), 0);
  return Array.from({ length: count }, (_, layer) => quantity.values(rows.map((row) => row?.[layer] ?? NaN)));
}

export class Diagnostics {
  #epochs;
  #update;

  // `readEpochs` returns the columns of a run; `offer` is appended to the names of runs without measurements.
  constructor(view, set, readEpochs, offer) {
    const element = document.getElementById("diagnostics-chart");
    this.offer = offer;
    this.size = () => ({ width: sizeOf(element).width, height: heightOf(element) });
    this.set = set;
    this.view = view;
    this.words = document.getElementById("diagnostics-words");
    this.select = document.querySelector('[name="inside"]');
    this.#update = chart(element, () => this.#build(), view);
    this.#epochs = new EpochColumns(readEpochs);
    this.#epochs.addEventListener("change", this.#update);
    this.read = throttle(() => this.#read(), 500);
    set.addEventListener("change", () => this.read());
    view.follow(["inside", "layer", "hide"], () => this.read());
  }

  epoch(record) {
    this.#epochs.add(record);
  }

  reset(id) {
    this.#epochs.reset(id);
  }

  // The selected run, or by default the runs of the last group, and those of them that are hidden.
  get #asked() {
    const [, kind, id] = this.select.value.match(/^(run|group)-(.*)$/);
    const runs = this.set.runs.filter((run) => (kind === "run" ? String(run.id) === id : this.set.groupOf(run)?.id === id));
    return { runs, hidden: kind === "run" ? new Set() : this.view.ids("hide") };
  }

  get #chosen() {
    const { runs, hidden } = this.#asked;
    return runs.filter((run) => !hidden.has(run.id) && this.set.columns(run.id).epoch.length);
  }

  async #read() {
    for (const run of this.#chosen) if (!this.#epochs.of(run.id)) await this.#epochs.read(run.id);
    this.#update();
  }

  #build() {
    const asked = this.view.get("layer");
    const name = Object.hasOwn(QUANTITIES, asked) ? asked : "gradient_norms";
    const quantity = QUANTITIES[name];
    const chosen = this.#chosen;
    const isRead = chosen.every((run) => this.#epochs.of(run.id)); // a mean of only the loaded runs would be wrong
    const runs = isRead ? chosen.filter((run) => this.#epochs.of(run.id)[name].some((row) => row?.length)) : [];
    const lines = runs.map((run) => perLayer(this.#epochs.of(run.id)[name], quantity));
    const single = runs.length === 1;
    const meant = single ? runs : averaged(runs, (run) => this.#epochs.of(run.id).epoch.length);
    const layers = lines.length ? Math.min(...lines.map((line) => line.length)) : 0;
    const means = Array.from({ length: layers }, (_, layer) =>
      byEpoch(meant.map((run) => lines[runs.indexOf(run)][layer])).map(quantity.mean),
    );
    const length = means[0]?.length ?? 0;
    const x = Array.from({ length }, (_, index) => index + 1);
    const longest = runs.reduce((most, run) => Math.max(most, this.#epochs.of(run.id).epoch.length), 0);
    this.#say(name, runs, meant, means);
    const faint = runs.length < 2 ? [] : lines.flatMap((line, rank) =>
      line.slice(0, layers).map((values, layer) => ({
        x: this.#epochs.of(runs[rank].id).epoch,
        y: values,
        mode: values.length > 1 ? "lines" : "markers",
        line: { color: layerColour(layer + 1, 0.25), width: 1 },
        marker: { color: layerColour(layer + 1, 0.25), size: 5 },
        name: plain(this.set.nameOf(runs[rank])),
        hoverinfo: "skip",
        isCounted: true,
        hasGaps: true,
      })),
    );
    const drawn = means.map((y, layer) => ({
      x,
      y,
      mode: length > 1 ? "lines" : "markers",
      line: { color: layerColour(layer + 1), width: 2, dash: layerDash(layer + 1) },
      name: `layer ${layer + 1}`,
      marker: { color: layerColour(layer + 1), size: 7 },
      isCounted: single,
      hasGaps: true,
    }));
    const log = quantity.axis.type === "log";
    const values = (line) => (log ? logarithms(line) : line);
    const axis = frame(
      [...runs.map((run, rank) => ({ values: lines[rank].slice(0, layers).flatMap(values), isFailed: run.status === "failed" })), { values: means.flatMap(values) }],
      quantity.kind,
    );
    const ends = drawn.map(({ name, line, y }) => ({ name, color: line.color, x, y: log ? y.map(Math.log10) : y }));
    const size = this.size();
    const { fits, margin } = roomFor(ends.map((end) => end.name), size);
    return {
      traces: [...faint, ...drawn],
      layout: {
        x: { ...epochAxis(longest), range: endingAt(longest) },
        y: { title: quantity.title, ...quantity.axis, ...(axis.range ? axis : { range: quantity.nothing }) },
        margin: { ...margin, l: 60 },
        uirevision: `${name} ${this.select.value}`,
      },
      names: (seen) => (fits ? endNames(ends, seen, size.height, { y: log }) : {}),
      readout: { x: atEpoch, y: quantity.words },
      legend: drawn.map(({ name: layer, mode, line, marker }) => ({ name: layer, mode, line, marker })),
    };
  }

  #say(name, runs, meant, means) {
    const asked = this.#asked;
    const nothing = allHidden(this.set.runs, asked.hidden) || allHidden(asked.runs, asked.hidden, " of this group");
    if (nothing) return fill(this.words, nothing);
    const chosen = this.#chosen;
    const left = chosen.filter((run) => !runs.includes(run)).map((run) => run.id);
    const words = [];
    if (!chosen.length) words.push("Lines appear with the first epoch.");
    else if (chosen.every((run) => this.#epochs.of(run.id))) {
      if (name === "dead_relu" && chosen.every((run) => run.depth === 1)) {
        words.push("A network of one layer has no hidden units.");
      } else {
        const without = leftOut(runs, new Set(meant.map((run) => run.id)));
        words.push((means[0]?.length ? this.#found(name, meant, means) : "") + without);
        if (left.length) words.push(` ${named(left)} did not record these values. `, ...this.offer(left));
      }
    }
    fill(this.words, ...words, hiddenWords(this.view.ids("hide")));
  }

  // The sentence about the values at the ends of the lines.
  #found(name, runs, means) {
    const basis = runs.length > 1 ? ` Bold: mean of ${runs.length} runs; faint: single runs. ` : " ";
    const epoch = means[0].length;
    if (name === "dead_relu") {
      const worst = means.map((y) => y.at(-1)).reduce((most, value) => Math.max(most, value), 0);
      return `At epoch ${epoch}, the largest share of dead units in a layer is ${worst.toFixed(2)}\u00a0%.${basis}`;
    }
    if (means.length === 1) return basis;
    const [first, last] = [means[0].at(-1), means.at(-1).at(-1)];
    if (!(first > 0 && last > 0)) {
      const dead = means.flatMap((y, index) => (y.at(-1) === 0 ? [index + 1] : []));
      return `${dead.length ? `At epoch ${epoch}, the gradient norm of ${dead.length === 1 ? "layer" : "layers"} ${listed(dead)} is 0: ${dead.length === 1 ? "it no longer learns" : "they no longer learn"}.` : ""}${basis}`;
    }
    return `At epoch ${epoch}, the gradient norm of layer 1 is ${significant(first / last, first < 10 * last ? 2 : 3)} times that of layer ${means.length}.${basis}`;
  }
}
