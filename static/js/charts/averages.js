// Means of a group over epochs.

import { plural } from "../format.js";

// Those that finished and those that train: what has failed or was cancelled says nothing of its group.
export const counts = (run) => run.status === "finished" || run.status === "running";

// The runs of a group that its mean is of. One that still trains joins when it has got as far as the shortest
// finished one: before, the mean would bend where its epochs end. `length` gives a run's number of epochs.
export function averaged(runs, length) {
  const finished = runs.filter((run) => run.status === "finished");
  const least = Math.min(...finished.map(length));
  return finished.length ? runs.filter((run) => run.status === "finished" || (run.status === "running" && length(run) >= least)) : runs.filter(counts);
}

// At each epoch the values of those that have it: rows of epochs from columns of runs of any lengths.
export function byEpoch(columns) {
  const length = columns.reduce((most, column) => Math.max(most, column.length), 0);
  return Array.from({ length }, (_, index) => columns.filter((column) => column.length > index).map((column) => column[index]));
}

// What the notes under charts say of runs that means leave out, or nothing.
export function leftOut(runs, used) {
  const missing = runs.filter((run) => !used.has(run.id));
  const behind = missing.filter((run) => run.status === "running").length;
  const ended = missing.filter((run) => !counts(run)).length;
  const parts = [];
  if (ended) parts.push(plural(ended, "failed or cancelled run"));
  if (behind) parts.push(`${plural(behind, "run")} in training with fewer epochs`);
  return parts.length ? ` Excluded: ${parts.join(" and ")}.` : "";
}

export const hiddenWords = (hidden) => (hidden.size ? ` ${plural(hidden.size, "run")} hidden.` : "");

// What a note says alone where nothing is drawn since all of these runs are hidden; "" if not all are. `what` they are of
// may be named.
export function allHidden(runs, hidden, what = "") {
  if (!runs.length || !runs.every(({ id }) => hidden.has(id))) return "";
  return runs.length === 1 ? `The only run${what} is hidden.` : `All ${plural(runs.length, "run")}${what} are hidden.`;
}
