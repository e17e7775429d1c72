// The queue page.

import { listen } from "../live/events.js";
import { refresh } from "../live/live.js";
import { updateRow } from "../parts/rows.js";

listen("/events", document.querySelector("main").dataset.change, {
  run(run) {
    if (run.status !== "running" || run.cancel_requested || !updateRow(run)) refresh();
  },
  deleted: refresh,
});
