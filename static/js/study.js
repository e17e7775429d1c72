// The study page: curves of all its runs as they grow, rows and counts as they change.

import { json } from "./columns.js";
import { Curves } from "./curves.js";
import { listen } from "./events.js";
import { refresh } from "./live.js";
import { rowOf, updateRow } from "./rows.js";
import { View } from "./view.js";

const main = document.querySelector("main");
const curves = new Curves(document.getElementById("curves-chart"), new View());
curves.load(await json(`/compare?study=${main.dataset.study}`));

listen("/events", main.dataset.change, {
  run(run) {
    if (!curves.has(run.id)) return;
    if (!curves.run(run)) return;
    updateRow(run);
    refresh();
  },
  epoch: (record) => curves.epoch(record),
  reset: ({ run_id }) => curves.reset(run_id),
  deleted({ run_id }) {
    if (!curves.has(run_id)) return;
    rowOf(run_id)?.remove();
    curves.remove(run_id);
    refresh();
  },
});
