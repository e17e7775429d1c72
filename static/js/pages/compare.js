// The compare page: text and tables from the server, charts from the same comparison.

import { charts, parameterTable } from "../charts/comparison.js";
import { Diagnostics } from "../charts/diagnostics.js";
import { fillFromPage } from "../live/charted.js";
import { readEpochs } from "../live/epoch_columns.js";
import { listen } from "../live/events.js";
import { Images } from "../parts/images.js";
import { followLinks } from "../parts/links.js";
import { readNoMore, refresh } from "../live/live.js";
import { keepFocus } from "../morph.js";
import { againButton } from "../retrain.js";
import { removeRow, updateRow } from "../table/rows.js";
import { RunSet } from "../live/run_set.js";
import { throttle } from "../throttle.js";
import { followSections } from "../parts/sections.js";
import { View } from "../parts/view.js";

const { change, selection } = document.querySelector("main").dataset;
const view = new View();
const set = new RunSet();
let comparison = null;
let isGone = false;

charts(set, view, () => comparison);
parameterTable(view);
const diagnostics = new Diagnostics(view, set, readEpochs, (ids) => [againButton(ids)]);
followLinks();
followSections();
const images = new Images(view, selection);
const readImages = throttle(() => !isGone && images.load(comparison.runs), 2000);

// Every run was deleted: the page keeps its last state, and nothing newer can be read.
function gone() {
  isGone = true;
  readNoMore();
  document.getElementById("all-gone").hidden = false;
  for (const section of document.querySelectorAll("main > section, main > nav, main > .heading .actions, main > form")) section.hidden = true;
  keepFocus(document.getElementById("all-gone"));
}

document.addEventListener("gone", gone);
await fillFromPage(set, selection, (page) => {
  comparison = page;
  readImages();
});
listen("/events", change, {
  run(run) {
    if (!set.has(run.id)) return;
    const before = set.get(run.id);
    set.run(run);
    updateRow(run);
    // the verdict depends on a run's status, and the text beside it on whether it has epochs
    if (run.status !== before.status || (run.epochs_done > 0) !== (before.epochs_done > 0)) refresh();
  },
  epoch(record) {
    set.epoch(record);
    diagnostics.epoch(record);
  },
  reset({ run_id }) {
    set.reset(run_id);
    diagnostics.reset(run_id);
  },
  deleted({ run_id }) {
    if (!set.has(run_id)) return;
    removeRow(run_id);
    set.remove(run_id);
    if (!set.runs.length) gone();
    if (!isGone) refresh();
  },
});
