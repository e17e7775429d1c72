// The charts that a comparison shows by itself: on the compare page, and in a report without a server.

import { atEpoch, shortest } from "./at_epoch.js";
import { Curves } from "./curves.js";
import { frontierChart } from "./frontier.js";
import { gapChart } from "./gap.js";
import { groupTable } from "./group_table.js";
import { layersChart } from "./layers.js";
import { Scrubber } from "./scrubber.js";

const element = (id) => document.getElementById(id);

// Draws the runs of `set` as they change; `read` gives the comparison that it was filled from.
export function charts(set, view, read) {
  const scrubber = new Scrubber(element("scrubber"), view);
  const showTable = groupTable(element("groups"), element("groups-at-epoch"));
  const trainKey = element("train-key");
  const note = element("layers-note");
  const finalNote = note.textContent;

  function results() {
    const { epoch } = scrubber;
    const { groups: rows, reference: published } = read() ?? { groups: [], reference: [] };
    const reference = view.get("reference") === "off" || !set.isByDepth ? [] : published;
    if (epoch) return { ...atEpoch(set, epoch), reference, train: "running train" };
    const places = new Map(set.groups.map(({ label, x }) => [label, x]));
    const runs = set.runs.filter((run) => run.status === "finished");
    return { groups: rows.map((row) => ({ ...row, x: places.get(row.label) })), runs, reference, train: "train" };
  }

  const drawLayers = layersChart(element("layers-chart"), set, results);

  // Chart and table show the same epoch in the same frame.
  function showResults() {
    const { epoch, last } = scrubber;
    const words =
      `Epoch ${epoch} of ${last}: running train accuracy of that epoch, test accuracy after it, ` +
      "of runs that are finished or train.";
    showTable(epoch && atEpoch(set, epoch).groups, `${words} Mean ± standard deviation over seeds, lowest – highest; time up to that epoch.`);
    trainKey.textContent = epoch ? "running train" : "train";
    note.textContent = epoch ? `${words} Bands are 95 % intervals of the mean over seeds. The table below holds the same figures.` : finalNote;
    drawLayers();
  }

  new Curves(element("curves-chart"), set, view);
  gapChart(element("gap-chart"), set, view);
  frontierChart(element("frontier-chart"), element("frontier-words"), set, view);
  scrubber.addEventListener("change", showResults);
  view.follow(["reference"], drawLayers);
  set.addEventListener("change", () => {
    scrubber.limit(shortest(set));
    showResults();
  });
}

// The table of hyperparameters shows all of them, or those alone in which runs differ.
export function parameterTable(view) {
  const show = () => {
    const hidden = view.get("parameters") !== "all";
    for (const cell of document.querySelectorAll("#parameters-table .same")) cell.hidden = hidden;
  };
  view.follow(["parameters"], show);
  show();
}
