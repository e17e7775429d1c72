// Means of a group over epochs.

import { plural } from "../format.js";

// Means include finished and training runs. Failed and cancelled runs are not representative of their group.
export const counts = (run) => run.status === "finished" || run.status === "running";

// The runs of a group that its mean includes. A training run joins when it has as many epochs as the shortest finished
// run; earlier, the mean would bend where that run ends. `length` returns a run's number of epochs.
export function averaged(runs, length) {
  const finished = runs.filter((run) => run.status === "finished");
  const least = Math.min(...finished.map(length));
  return finished.length ? runs.filter((run) => run.status === "finished" || (run.status === "running" && length(run) >= least)) : runs.filter(counts);
}

// The values at each epoch of the columns that reach it: rows of epochs from columns of any lengths.
export function byEpoch(columns) {
  const length = columns.reduce((most, column) => Math.max(most, column.length), 0);
  return Array.from({ length }, (_, index) => columns.filter((column) => column.length > index).map((column) => column[index]));
}

export const NO_MEANS = "No run is finished or training, so there are no means.";

// The note about runs that means exclude, or "".
export function leftOut(runs, used) {
  if (runs.length && !used.size && !runs.some(counts)) return ` ${NO_MEANS}`;
  const missing = runs.filter((run) => !used.has(run.id));
  const behind = missing.filter((run) => run.status === "running").length;
  const ended = missing.filter((run) => !counts(run)).length;
  const parts = [];
  if (ended) parts.push(plural(ended, "failed or cancelled run"));
  if (behind) parts.push(`${plural(behind, "run")} in training with fewer epochs`);
  return parts.length ? ` Excluded: ${parts.join(" and ")}.` : "";
}

// What is chosen after the results were visible is no conclusion.
export const EXPLORATORY = " Exploratory: the verdict uses final results only.";

export const hiddenWords = (hidden) => (hidden.size ? ` ${plural(hidden.size, "run")} hidden. Exploratory: the verdict includes all runs.` : "");

// The note for a chart whose runs are all hidden; "" if any run is visible. `what` names what the runs belong to.
export function allHidden(runs, hidden, what = "") {
  if (!runs.length || !runs.every(({ id }) => hidden.has(id))) return "";
  return runs.length === 1 ? `The only run${what} is hidden.` : `All ${plural(runs.length, "run")}${what} are hidden.`;
}
