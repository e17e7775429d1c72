// The compare page: verdict and tables worded by the server, charts from the same comparison as JSON.

import { charts, parameterTable } from "./charts.js";
import { json } from "./columns.js";
import { Diagnostics } from "./diagnostics.js";
import { listen } from "./events.js";
import { Images } from "./images.js";
import { refresh, throttle } from "./live.js";
import { rowOf, updateRow } from "./rows.js";
import { RunSet } from "./run_set.js";
import { View } from "./view.js";

const { change, selection } = document.querySelector("main").dataset;
const view = new View();
const set = new RunSet();
let comparison = null;

charts(set, view, () => comparison);
parameterTable(view);
const diagnostics = new Diagnostics(view, set);
const images = new Images(view, selection);
const readImages = throttle(() => images.load(comparison.runs), 2000);

const load = throttle(async () => {
  comparison = await json(`/compare${selection}`);
  set.load(comparison);
  readImages();
}, 2000);

await load();
listen("/events", change, {
  run(run) {
    if (!set.has(run.id)) return;
    const known = comparison.runs.find((each) => each.id === run.id);
    set.run(run);
    updateRow(run);
    if (known.status === run.status) return;
    load();
    refresh();
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
    rowOf(run_id)?.remove();
    set.remove(run_id);
    load();
    refresh();
  },
});
