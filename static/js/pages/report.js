// A report: charts of a comparison whose data are in the file.

import { charts, parameterTable } from "../charts/comparison.js";
import { Diagnostics } from "../charts/diagnostics.js";
import { charted } from "../live/charted.js";
import { RunSet } from "../live/run_set.js";
import { startTableCopy } from "../parts/table_copy.js";
import { View } from "../parts/view.js";

// The report opens with the view that the page had when it was requested.
const { opensAs } = document.querySelector("main").dataset;
if (opensAs && !location.search) history.replaceState(null, "", opensAs);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.dispatchEvent(new Event("themechange")));

const { inside, curves, ...comparison } = charted();
const view = new View();
const set = new RunSet();
charts(set, view, () => comparison);
new Diagnostics(view, set, (id) => Promise.resolve(inside[id]), () => []);
parameterTable(view);
startTableCopy();
set.load(comparison, curves);
