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
};

const CHOICES = ["metric", "x", "smooth", "log", "hide"];

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

  #build() {
    const asked = this.view.get("metric");
    const metric = Object.hasOwn(TITLES, asked) ? asked : "train_loss";
    const isAccuracy = metric.endsWith("accuracy");
    const bySeconds = this.view.get("x") === "seconds";
    const weight = Math.min(0.99, Math.max(0, Number(this.view.get("smooth")) || 0));
    const log = this.view.get("log") === "y";
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
      const x = bySeconds ? cumulated(columns.seconds) : columns.epoch;
      const raw = isAccuracy ? percents(columns[metric]) : columns[metric];
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
          `%{fullData.name}<br>${bySeconds ? "%{x:.1f} s" : "epoch %{x}"}: ` +
          `${isAccuracy ? PERCENT : LOSS}<extra></extra>`,
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
        x: bySeconds
          ? { title: "Training time (s)", rangemode: "tozero", range: runs.length ? undefined : [0, 10] }
          : epochAxis(Math.max(0, ...runs.map((run) => this.#columns.get(run.id).epoch.length))),
        y: {
          title: TITLES[metric],
          type: log ? "log" : "linear",
          ...(isAccuracy ? PERCENT_TICKS : {}),
          range: runs.length ? undefined : log ? [-2, 0.5] : isAccuracy ? [0, 100] : [0, 2.5],
        },
        // another quantity on an axis needs another zoom
        uirevision: `${metric} ${bySeconds} ${log}`,
      },
    };
  }
}
