// One chart of many runs' curves, coloured by depth; seeds of one depth differ in shade.

import { append, cumulated, readEpochs } from "./columns.js";
import { LOSS, PERCENT, PERCENT_TICKS, chart, depthColour, epochAxis, percents, plain } from "./chart.js";
import { plural, whole } from "./format.js";
import { smooth } from "./smooth.js";

const TITLES = {
  train_loss: "Train loss, mean of the epoch (nats)",
  test_loss: "Test loss (nats)",
  last_batch_loss: "Loss of the last batch (nats)",
  test_accuracy: "Test accuracy",
  train_accuracy: "Train accuracy, running",
  gap: "Train (running) − test accuracy (pp)",
};

const IMAGES = 60000;

// Floating-point operations of an epoch's training, two for each multiplication and addition: forward, backward
// to the weights, and backward to the inputs of all layers but the first. trainer/config.py counts the same.
function flops({ layer_sizes }) {
  const products = layer_sizes.slice(1).map((size, index) => 2 * size * layer_sizes[index]);
  return IMAGES * (3 * products.reduce((sum, each) => sum + each, 0) - products[0]);
}

// What a run has spent by the end of each epoch, and what the axis calls it.
const AXES = {
  epoch: { spent: (run, columns) => columns.epoch },
  seconds: { title: "Training time (s)", told: "%{x:.1f} s", spent: (run, columns) => cumulated(columns.seconds) },
  updates: {
    title: "Updates",
    told: "%{x:,} updates",
    spent: (run, columns) => columns.epoch.map((epoch) => epoch * Math.ceil(IMAGES / run.batch_size)),
  },
  flops: {
    title: "Floating-point operations of training (estimate)",
    told: "%{x:.3s}FLOP",
    spent: (run, columns) => columns.epoch.map((epoch) => epoch * flops(run)),
  },
};

const CHOICES = ["metric", "x", "smooth", "log", "logx", "hide"];

export class Curves {
  #runs = new Map();
  #columns = new Map();
  #note = document.querySelector("[data-chart-note]");
  #update;
  #choice = null;

  constructor(element, view) {
    this.view = view;
    this.#update = chart(element, () => this.#build());
    view.addEventListener("change", () => this.#viewed());
    document.addEventListener("click", (event) => this.#toggle(event));
  }

  // Takes the runs and curves of a comparison.
  load({ runs, curves }) {
    this.#runs = new Map(runs.map((run) => [run.id, run]));
    this.#columns = new Map(Object.entries(curves).map(([id, columns]) => [Number(id), columns]));
    this.#changed();
  }

  has(id) {
    return this.#runs.has(id);
  }

  // Returns whether anything of the run is new.
  run(run) {
    const known = this.#runs.get(run.id);
    this.#runs.set(run.id, run);
    return JSON.stringify(known) !== JSON.stringify(run);
  }

  epoch(record) {
    const columns = this.#columns.get(record.run_id);
    if (!columns) return;
    if (append(columns, record)) this.#update();
    else this.reset(record.run_id);
  }

  async reset(id) {
    if (!this.#runs.has(id)) return;
    this.#columns.set(id, await readEpochs(id));
    this.#update();
  }

  remove(id) {
    this.#runs.delete(id);
    this.#columns.delete(id);
    this.#changed();
  }

  // What others show, like the epoch of the layers chart, changes nothing here.
  #viewed() {
    const choice = CHOICES.map((name) => this.view.get(name)).join(" ");
    if (choice !== this.#choice) this.#changed();
    this.#choice = choice;
  }

  #changed() {
    this.#showToggles();
    this.#update();
  }

  #toggle(event) {
    const button = event.target.closest("[data-toggle-run], [data-toggle-depth]");
    if (!button) return;
    const { toggleRun, toggleDepth } = button.dataset;
    const chosen = [...this.#runs.values()].filter((run) =>
      toggleRun ? run.id === Number(toggleRun) : run.depth === Number(toggleDepth),
    );
    const hidden = this.view.ids("hide");
    const hide = button.getAttribute("aria-pressed") === "true";
    for (const run of chosen) hidden[hide ? "add" : "delete"](run.id);
    this.view.set({ hide: [...hidden].join(",") });
  }

  #showToggles() {
    const hidden = this.view.ids("hide");
    const shown = new Set([...this.#runs.values()].filter((run) => !hidden.has(run.id)).map((run) => run.depth));
    for (const button of document.querySelectorAll("[data-toggle-run]")) {
      button.setAttribute("aria-pressed", !hidden.has(Number(button.dataset.toggleRun)));
    }
    for (const button of document.querySelectorAll("[data-toggle-depth]")) {
      button.setAttribute("aria-pressed", shown.has(Number(button.dataset.toggleDepth)));
    }
  }

  #values(columns, metric) {
    if (metric === "gap") return columns.train_accuracy.map((train, index) => 100 * (train - columns.test_accuracy[index]));
    return metric.endsWith("accuracy") ? percents(columns[metric]) : columns[metric];
  }

  #build() {
    const asked = this.view.get("metric");
    const metric = Object.hasOwn(TITLES, asked) ? asked : "train_loss";
    const isAccuracy = metric.endsWith("accuracy");
    const by = Object.hasOwn(AXES, this.view.get("x")) ? this.view.get("x") : "epoch";
    const logX = this.view.get("logx") === "x";
    const weight = Math.min(0.99, Math.max(0, Number(this.view.get("smooth")) || 0));
    const log = this.view.get("log") === "y" && metric !== "gap"; // a gap may be negative
    const hidden = this.view.ids("hide");

    const runs = [...this.#runs.values()]
      .filter((run) => !hidden.has(run.id) && this.#columns.get(run.id)?.epoch.length)
      .sort((one, other) => one.depth - other.depth || one.seed - other.seed || one.id - other.id);
    const seen = new Map();
    const faint = [];
    const lines = [];
    for (const run of runs) {
      const rank = seen.get(run.depth) ?? 0;
      seen.set(run.depth, rank + 1);
      const columns = this.#columns.get(run.id);
      const x = AXES[by].spent(run, columns);
      const raw = this.#values(columns, metric);
      const y = smooth(raw, weight);
      const line = { color: depthColour(run.depth, 1 - 0.15 * Math.min(rank, 3)), width: 2, shape: "linear" };
      const mode = x.length > 1 ? "lines" : "markers";
      if (weight) {
        faint.push({ x, y: raw, mode, line: { ...line, width: 1 }, opacity: 0.25, hoverinfo: "skip" });
      }
      lines.push({
        x,
        y,
        mode,
        line,
        marker: { color: line.color, size: 6 },
        name: plain(run.name),
        hovertemplate:
          `%{fullData.name}<br>${AXES[by].told ?? "epoch %{x}"}: ` +
          `${isAccuracy ? PERCENT : metric === "gap" ? "%{y:+.2f} pp" : LOSS}<extra></extra>`,
      });
    }
    const points = runs.reduce((sum, run) => sum + this.#columns.get(run.id).epoch.length, 0);
    this.#note.textContent = runs.length
      ? `${plural(runs.length, "curve")}, ${plural(points, "point")}, all of them drawn.` +
        (weight ? " Smoothed; the raw values stand faint behind." : "") +
        (hidden.size ? ` ${whole(hidden.size)} hidden.` : "")
      : "Curves appear with the first epoch.";
    return {
      traces: [...faint, ...lines],
      layout: {
        x: {
          ...(by === "epoch"
            ? epochAxis(Math.max(0, ...runs.map((run) => this.#columns.get(run.id).epoch.length)))
            : { title: AXES[by].title, rangemode: "tozero", range: runs.length ? undefined : [0, 10] }),
          ...(logX ? { type: "log", rangemode: "normal", dtick: undefined } : {}),
        },
        y: {
          title: TITLES[metric],
          type: log ? "log" : "linear",
          ...(isAccuracy ? PERCENT_TICKS : {}),
          range: runs.length ? undefined : log ? [-2, 0.5] : isAccuracy ? [0, 100] : [0, 2.5],
        },
        // another quantity on an axis needs another zoom
        uirevision: `${metric} ${by} ${logX} ${log}`,
      },
    };
  }
}
