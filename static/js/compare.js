// The compare page: verdict and table worded by the server, charts from the same comparison as JSON.

import { json } from "./columns.js";
import { Curves } from "./curves.js";
import { layersChart } from "./layers.js";
import { listen } from "./events.js";
import { Images } from "./images.js";
import { refresh, throttle } from "./live.js";
import { rowOf, updateRow } from "./rows.js";
import { Scrubber } from "./scrubber.js";
import { View } from "./view.js";

const view = new View();
const curves = new Curves(document.getElementById("curves-chart"), view);
let comparison = null;
const drawLayers = layersChart(
  document.getElementById("layers-chart"),
  () => scrubber.seen(comparison),
  () => view.get("reference") !== "off",
);
const scrubber = new Scrubber(view, drawLayers);

const { change, selection } = document.querySelector("main").dataset;

const images = new Images(view, selection);
const readImages = throttle(() => images.load(comparison.runs), 2000);

const load = throttle(async () => {
  comparison = await json(`/compare${selection}`);
  curves.load(comparison);
  drawLayers();
  readImages();
}, 2000);

await load();
listen("/events", change, {
  run(run) {
    if (!curves.has(run.id)) return;
    const known = comparison.runs.find((each) => each.id === run.id);
    curves.run(run);
    updateRow(run);
    if (known.status === run.status) return;
    load();
    refresh();
  },
  epoch(record) {
    curves.epoch(record);
    drawLayers(); // another epoch may be in common now
  },
  reset({ run_id }) {
    curves.reset(run_id);
    load();
  },
  deleted({ run_id }) {
    if (!curves.has(run_id)) return;
    rowOf(run_id)?.remove();
    curves.remove(run_id);
    load();
    refresh();
  },
});
