// The study page: curves of all its runs as they grow, rows and counts as they change.

import { Curves } from "../charts/curves.js";
import { listen } from "../live/events.js";
import { json } from "../json.js";
import { refresh } from "../live/live.js";
import { removeRow, updateRow } from "../parts/rows.js";
import { RunSet } from "../live/run_set.js";
import { throttle } from "../throttle.js";
import { View } from "../parts/view.js";

const main = document.querySelector("main");
const study = Number(main.dataset.study);
const set = new RunSet();
new Curves(document.getElementById("curves-chart"), set, new View());
const load = throttle(() => set.receive(json(`/compare?study=${study}&by=${main.dataset.by}`), (answer) => set.load(answer)), 2000);
await load();

// Runs that were added since have rows in the page as it was read again.
document.addEventListener("live", () => {
  const rows = [...document.querySelectorAll("[data-runs] tr[data-run]")];
  if (rows.some((row) => !set.has(Number(row.dataset.run)))) load();
});

listen("/events", main.dataset.change, {
  run(run) {
    if (!set.has(run.id)) {
      if (run.study_id === study) refresh();
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
