// The page of one run.

import { PERCENT_TICKS, atEpoch, chart, epochAxis, inPercent, percents } from "../plot/chart.js";
import { colour, shadeColour } from "../plot/colours.js";
import { EpochTable } from "../parts/epoch_table.js";
import { EpochColumns, readEpochs } from "../live/epoch_columns.js";
import { isFilledIn } from "../live/filled_in.js";
import { listen } from "../live/events.js";
import { loss, plural, seconds } from "../format.js";
import { ACCURACY, LOG_LOSS, LOSS as LOSSES, SECONDS, frame, logarithms } from "../plot/frame.js";
import { readNoMore, refresh } from "../live/live.js";
import { keepFocus } from "../morph.js";
import { smooth } from "../charts/smooth.js";
import { startCodeCopy } from "../parts/code_copy.js";
import { followLinks } from "../parts/links.js";
import { followSections } from "../parts/sections.js";
import { hasEnded, setProgress } from "../shell/title.js";
import { View } from "../parts/view.js";

const main = document.querySelector("main");
const id = Number(main.dataset.runPage);
const depth = Number(main.dataset.depthOfRun);
const view = new View();
const note = document.querySelector("[data-chart-note]");
const table = new EpochTable(document.querySelector("[data-epochs]"));
const epochs = new EpochColumns(readEpochs);
await epochs.read(id);
let columns = epochs.of(id);

const LINES = {
  train: () => ({ color: shadeColour(depth), width: 2, dash: "dash" }),
  test: () => ({ color: shadeColour(depth), width: 2 }),
  last: () => ({ color: colour("muted"), width: 1.5, dash: "dot" }),
};

// A curve; if it is smoothed, the raw values are drawn faintly behind it.
function curve(name, values, line) {
  const weight = Math.min(0.99, Math.max(0, Number(view.get("smooth")) || 0));
  const mode = values.length > 1 ? "lines" : "markers";
  const smoothed = {
    x: columns.epoch,
    y: smooth(values, weight),
    mode,
    line,
    marker: { color: line.color, size: 7 },
    name,
  };
  const raw = { x: columns.epoch, y: values, mode, line: { ...line, width: 1 }, opacity: 0.25, hoverinfo: "skip" };
  return weight ? [raw, smoothed] : [smoothed];
}

// Before the first epoch, the axes have the range of the first points.
const axis = () => epochAxis(columns.epoch.length);

// The axis for all lines of a chart, which belong to one run.
function fitted(lines, kind, nothing) {
  const found = frame([{ values: lines.flat() }], kind);
  return found.range ? found : { range: nothing };
}

function lossAxis(losses) {
  const isLog = view.get("log") === "y";
  const axis = isLog ? fitted(losses.map(logarithms), LOG_LOSS, [-2, 0.5]) : fitted(losses, LOSSES, [0, 2.5]);
  return { type: isLog ? "log" : "linear", minallowed: isLog ? undefined : LOSSES.ends[0], ...axis };
}

// The notes, updated with the drawing.
function say({ isAll }) {
  const count = columns.epoch.length;
  const drawn = isAll ? `${plural(count, "epoch")}, all shown.` : `${plural(count, "epoch")}.`;
  note.textContent = count ? `${drawn} Drag to zoom, double-click to reset.` : "Curves appear with the first epoch.";
}

const charts = [
  chart(document.getElementById("loss-chart"), () => {
    const last = view.get("last") ? [columns.last_batch_loss] : [];
    const losses = [columns.train_loss, columns.test_loss, ...last];
    return {
      traces: [
        ...curve("train, mean", columns.train_loss, LINES.train()),
        ...curve("test", columns.test_loss, LINES.test()),
        ...last.flatMap((values) => curve("last batch", values, LINES.last())),
      ],
      layout: {
        x: axis(),
        y: { title: "Cross-entropy (nats)", ...lossAxis(losses) },
        uirevision: String(view.get("log")),
      },
      readout: { x: atEpoch, y: loss },
      say,
    };
  }, view),
  chart(document.getElementById("accuracy-chart"), () => ({
    traces: [
      ...curve("train, running", percents(columns.train_accuracy), LINES.train()),
      ...curve("test", percents(columns.test_accuracy), LINES.test()),
    ],
    layout: {
      x: axis(),
      y: { title: "Accuracy", ...PERCENT_TICKS, ...fitted([columns.train_accuracy, columns.test_accuracy].map(percents), ACCURACY, [0, 100]) },
    },
    readout: { x: atEpoch, y: inPercent },
  }), view),
  chart(document.getElementById("seconds-chart"), () => ({
    traces: curve("training", columns.seconds, LINES.test()),
    layout: { x: axis(), y: { title: "Seconds", ...fitted([columns.seconds], SECONDS, [0, 2]) } },
    readout: { x: atEpoch, y: (value) => `${seconds(value)}\u00a0s` },
  }), view),
];

function draw() {
  columns = epochs.of(id);
  for (const update of charts) update();
  table.show(columns);
  document.querySelector("[data-last-key]").hidden = !view.get("last");
}

// The run was deleted: the page keeps its last state, and the reader can continue to read it.
function gone() {
  readNoMore();
  document.getElementById("gone").hidden = false;
  for (const part of document.querySelectorAll("#run-heading .actions, .labels form, #run-edit, #run-keep")) part.hidden = true;
  keepFocus(document.getElementById("gone"));
}

view.addEventListener("change", draw);
epochs.addEventListener("change", draw);
draw();

// The age of a heartbeat, the place in the queue and a verification change without events of this run.
setInterval(() => document.hidden || !document.querySelector("[data-ages]") || refresh(), 5000);

// The form is folded again once its changes are saved, unless more was typed meanwhile.
const edit = document.getElementById("run-edit");
const labels = document.getElementById("run-labels");
let isSaved = false;
labels.addEventListener("sending", () => (isSaved = false));
labels.addEventListener("sent", () => (isSaved = true));
labels.addEventListener("answered", () => {
  if (!isSaved || isFilledIn(labels)) return;
  if (edit.contains(document.activeElement)) edit.querySelector("summary").focus();
  edit.open = false;
});

startCodeCopy();
followLinks();
followSections();

// Shows the progress in the title while the page is hidden.
function progressed(run) {
  if (run.status === "running") setProgress(run.epochs_done / run.epochs);
  else refresh();
}

listen(`/runs/${id}/events`, main.dataset.change, {
  run: refresh,
  epoch: (record) => epochs.add(record),
  reset: () => epochs.reset(id),
  deleted: gone,
}, () => (hasEnded() ? null : { run: progressed }));
