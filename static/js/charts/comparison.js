// The charts of a comparison, on the compare page and in reports.

import { reach, rowsOf, runsAtEpoch } from "./at_epoch.js";
import { EXPLORATORY, allHidden, hiddenWords } from "./averages.js";
import { Curves } from "./curves.js";
import { whole } from "../format.js";
import { frontierChart } from "./frontier.js";
import { gapChart } from "./gap.js";
import { groupTable } from "../parts/group_table.js";
import { intervalWords, layersChart } from "./layers.js";
import { Scrubber } from "../parts/scrubber.js";

const element = (id) => document.getElementById(id);

// Whether the published lines are drawn: by default only if the runs are comparable with them.
const showsPublished = () => document.querySelector('[data-view] [name="reference"]')?.checked ?? false;

// The text of an empty slider.
function nothingFor(runs) {
  if (runs.some((run) => run.status === "finished" || run.status === "running")) return "No run has an epoch yet.";
  const ended = runs.some((run) => run.epochs_done);
  return ended ? "No run is finished or training. Failed and cancelled runs appear only in the curves." : "No run has started yet.";
}

// Draws the runs of `set` as they change; `read` returns the comparison that `set` was filled from.
export function charts(set, view, read) {
  const scrubber = new Scrubber(element("scrubber"), view);
  const showTable = groupTable(element("groups"), element("groups-at-epoch"));
  const trainKey = element("train-key");
  const note = element("layers-note");
  const finalNote = note.textContent;
  const badge = element("exploratory");
  let drawn = { groups: [], runs: [] };
  let tabled = [null, ""];
  let worded = ["", ""];
  let isAsked = false;

  const shown = () => set.runs.filter((run) => !view.ids("hide").has(run.id));

  // The server's rows, and recomputed rows for groups with hidden runs.
  function finals() {
    const runs = shown().filter((run) => run.status === "finished");
    const served = new Map((read()?.groups ?? []).map((row) => [row.id, row]));
    const groups = rowsOf(set, runs).map((row) => {
      const same = served.get(row.id);
      return same?.n === row.n ? { ...same, x: row.x } : row;
    });
    return { groups, runs };
  }

  const drawLayers = layersChart(element("layers-chart"), set, view, () => ({
    ...drawn,
    reference: showsPublished() && set.isByDepth ? (read()?.reference ?? []) : [],
    train: scrubber.epoch ? "running train" : "train",
    scale: view.get("scale") ?? "",
  }));

  // The legend shows the published lines only while they are drawn.
  function showReference() {
    const key = element("published-key");
    if (key) key.hidden = !showsPublished();
  }

  const lengths = (run) => set.length(run);

  // "9 of 12 runs reached it"; "" if all did.
  function share(epoch) {
    const { counted } = reach(shown(), lengths);
    const having = counted.filter((run) => set.length(run) >= epoch).length;
    return having < counted.length ? `; ${whole(having)} of ${whole(counted.length)} runs reached it` : "";
  }

  function words(epoch) {
    return (
      `Epoch ${epoch} of ${scrubber.last}${share(epoch)}. Running train accuracy of this epoch and test accuracy after it, ` +
      `without failed and cancelled runs.${EXPLORATORY}`
    );
  }

  // The chart and the table show the same epoch in the same frame.
  function showResults() {
    const { epoch } = scrubber;
    if (epoch) {
      const all = runsAtEpoch(set, set.runs, epoch);
      const hidden = view.ids("hide");
      const runs = all.filter((run) => !hidden.has(run.id));
      const rows = rowsOf(set, all);
      drawn = { groups: runs.length === all.length ? rows : rowsOf(set, runs), runs };
      tabled = [rows, `${words(epoch)} Mean ± standard deviation and range over seeds. Time up to this epoch.`];
    } else {
      drawn = finals();
      tabled = [null, ""];
    }
    const hidden = view.ids("hide").size ? hiddenWords(view.ids("hide")) : "";
    badge.hidden = !epoch && !hidden;
    const same = hidden ? "" : " The table below lists the means.";
    const text = (epoch ? words(epoch) : finalNote) + intervalWords(drawn.groups, set.isOrdered);
    drawLayers();
    fill(allHidden(set.runs, view.ids("hide")) || text + same + hidden, epoch ? "running train" : "train");
  }

  // Updates the table in the chart's frame, after the drawing, which would otherwise wait for the table's layout.
  function fill(noteText, key) {
    worded = [noteText, key];
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      showTable(...tabled);
      if (note.textContent !== worded[0]) note.textContent = worded[0];
      if (trainKey.textContent !== worded[1]) trainKey.textContent = worded[1];
    });
  }

  function changed() {
    const visible = shown();
    const { last } = reach(visible, lengths);
    scrubber.limit({ last, nothing: allHidden(set.runs, view.ids("hide")) || nothingFor(visible), share });
    showResults();
  }

  new Curves(element("curves-chart"), set, view);
  gapChart(element("gap-chart"), { note: element("gap-note"), keys: element("gap-keys") }, set, view);
  frontierChart(element("frontier-chart"), { words: element("frontier-words"), keys: element("frontier-keys") }, set, view);
  scrubber.addEventListener("change", showResults);
  view.follow(["reference", "scale"], drawLayers);
  view.follow(["reference"], showReference);
  showReference();
  view.follow(["hide"], changed);
  set.addEventListener("change", changed);
}

// The table of hyperparameters shows all hyperparameters, or only those in which runs differ.
export function parameterTable(view) {
  const show = () => {
    const hidden = view.get("parameters") !== "all";
    for (const cell of document.querySelectorAll("#parameters-table .same")) cell.hidden = hidden;
  };
  view.follow(["parameters"], show);
  show();
}
