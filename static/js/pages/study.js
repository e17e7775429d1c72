// The study page: curves, rows and counts of its runs.

import { Curves } from "../charts/curves.js";
import { fillFromPage } from "../live/charted.js";
import { listen } from "../live/events.js";
import { refresh } from "../live/live.js";
import { removeRow, updateRow } from "../parts/rows.js";
import { RunSet } from "../live/run_set.js";
import { View } from "../parts/view.js";

// ms between two readings while the page is hidden, for the progress in its title: a hidden page gets no events
const HIDDEN_PAUSE = 15_000;
const ENDED = new Set(["finished", "failed", "cancelled"]);

const { study, change } = document.querySelector("main").dataset;
const set = new RunSet();
new Curves(document.getElementById("curves-chart"), set, new View());
await fillFromPage(set, `?study=${study}`);
setInterval(() => {
  if (document.hidden && set.runs.some(({ status }) => !ENDED.has(status))) refresh();
}, HIDDEN_PAUSE);

listen("/events", change, {
  run(run) {
    if (!set.has(run.id)) {
      if (run.study_id === Number(study)) refresh();
      return;
    }
    if (!set.run(run)) return;
    updateRow(run);
    refresh();
  },
  epoch: (record) => set.epoch(record),
  reset: ({ run_id }) => set.reset(run_id),
  deleted({ run_id }) {
    if (!set.has(run_id)) return;
    removeRow(run_id);
    set.remove(run_id);
    refresh();
  },
});
