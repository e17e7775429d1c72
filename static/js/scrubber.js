// The comparison at any epoch: a slider that moves the layers chart and the table by depth together.

import { duration, percent, plural, whole } from "./format.js";
import { spread } from "./statistics.js";

const part = (name) => document.querySelector(`[data-scrubber-${name}]`);
const MEASURED = ["running", "finished"];

// The runs that have measured something, and how many epochs all of them have in common.
function common({ runs, curves }) {
  const measured = runs.filter((run) => MEASURED.includes(run.status) && curves[run.id]?.epoch.length);
  return { measured, last: measured.length ? Math.min(...measured.map((run) => curves[run.id].epoch.length)) : 0 };
}

// What the runs had reached after an epoch, in the shape of a comparison. Train accuracy is the running one.
export function atEpoch(comparison, epoch) {
  const { measured } = common(comparison);
  const runs = measured.map((run) => {
    const columns = comparison.curves[run.id];
    return {
      ...run,
      status: "finished",
      train_accuracy: columns.train_accuracy[epoch - 1],
      test_accuracy: columns.test_accuracy[epoch - 1],
      train_seconds: columns.seconds.slice(0, epoch).reduce((sum, seconds) => sum + seconds, 0),
    };
  });
  const depths = [...new Set(runs.map((run) => run.depth))].sort((one, other) => one - other);
  const by_depth = depths.map((depth) => {
    const group = runs.filter((run) => run.depth === depth);
    const of = (field) => spread(group.map((run) => run[field]));
    return {
      depth,
      n: group.length,
      parameters: group[0].parameters,
      train_accuracy: of("train_accuracy"),
      test_accuracy: of("test_accuracy"),
      train_seconds: of("train_seconds"),
    };
  });
  return { ...comparison, runs, by_depth };
}

export class Scrubber {
  #slider = part("slider");
  #last = 0;

  // `moved` is called when another epoch is to be shown.
  constructor(view, moved) {
    this.view = view;
    this.#slider.addEventListener("input", () => {
      const epoch = Number(this.#slider.value);
      view.set({ epoch: epoch > this.#last ? "" : `${epoch}` });
    });
    view.addEventListener("change", moved);
  }

  // The comparison as the slider stands: itself at the end, else what the runs had reached at an epoch.
  seen(comparison) {
    if (!comparison) return null;
    const { measured, last } = common(comparison);
    this.#last = last;
    const epoch = this.#epoch();
    this.#slider.disabled = !last;
    this.#slider.max = last + 1;
    this.#slider.value = epoch ?? last + 1;
    const words = epoch
      ? `epoch ${whole(epoch)} of ${whole(last)} that ${plural(measured.length, "run")} have in common`
      : last
        ? "final"
        : "no epoch yet that the runs have in common";
    part("output").textContent = words;
    this.#slider.setAttribute("aria-valuetext", words);
    part("final").hidden = Boolean(epoch);
    part("running").hidden = !epoch;
    document.getElementById("by-depth").hidden = Boolean(epoch);
    part("table").hidden = !epoch;
    if (!epoch) return comparison;
    const then = atEpoch(comparison, epoch);
    this.#tabulate(then, epoch);
    return then;
  }

  #epoch() {
    const asked = Number(this.view.get("epoch"));
    return Number.isInteger(asked) && asked >= 1 && this.#last ? Math.min(asked, this.#last) : null;
  }

  #tabulate({ by_depth }, epoch) {
    const table = part("table").querySelector("table");
    table.caption.textContent = `After epoch ${whole(epoch)}: mean ± standard deviation over seeds; train accuracy is the running one of that epoch.`;
    const shown = ({ mean, std }) => percent(mean) + (std === null ? "" : ` ± ${(100 * std).toFixed(2)}`);
    table.tBodies[0].replaceChildren(
      ...by_depth.map((row) => {
        const line = document.createElement("tr");
        const head = document.createElement("th");
        head.scope = "row";
        head.textContent = plural(row.depth, "layer");
        const gap = 100 * (row.train_accuracy.mean - row.test_accuracy.mean);
        const cells = [
          whole(row.n),
          whole(row.parameters),
          shown(row.train_accuracy),
          shown(row.test_accuracy),
          `${percent(row.test_accuracy.min)} – ${percent(row.test_accuracy.max)}`,
          `${gap.toFixed(2).replace("-", "−")}\u00a0pp`,
          duration(row.train_seconds.mean),
        ].map((text) => Object.assign(document.createElement("td"), { className: "number", textContent: text }));
        line.append(head, ...cells);
        return line;
      }),
    );
  }
}
