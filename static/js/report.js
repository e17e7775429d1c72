// A report: the charts of a comparison whose figures stand in the file itself.

import { charts, parameterTable } from "./charts.js";
import { RunSet } from "./run_set.js";
import { View } from "./view.js";

const comparison = JSON.parse(document.getElementById("comparison").textContent);
const view = new View();
const set = new RunSet();
charts(set, view, () => comparison);
parameterTable(view);
set.load(comparison);
