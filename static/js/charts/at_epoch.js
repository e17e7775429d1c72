// The results of a comparison after a given epoch, in the shape of the final results.

import { counts } from "./averages.js";
import { mean, median, spread } from "./statistics.js";

// The last epoch that the slider offers: the last one that all finished runs have, or, while no run has finished, the
// last one that any training run has. `counted` are the runs that means include.
export function reach(runs, length) {
  const counted = runs.filter(counts);
  const finished = counted.filter((run) => run.status === "finished").map(length);
  const last = finished.length ? Math.min(...finished) : Math.max(0, ...counted.map(length));
  return { last, counted };
}

function figures(run, columns, epoch) {
  let seconds = 0;
  for (let index = 0; index < epoch; index += 1) seconds += columns.seconds[index];
  return {
    ...run,
    train_accuracy: columns.train_accuracy[epoch - 1],
    test_accuracy: columns.test_accuracy[epoch - 1],
    test_loss: columns.test_loss[epoch - 1],
    train_seconds: seconds,
  };
}

// Finished and training runs that have the epoch, with their results at it. Train accuracies are running ones.
export const runsAtEpoch = (set, runs, epoch) =>
  runs.filter((run) => counts(run) && set.length(run) >= epoch).map((run) => figures(run, set.columns(run.id), epoch));

// One row per group of runs with results, in order.
export const rowsOf = (set, runs) =>
  set.grouped(runs).map(([{ id, label, shade, dash, symbol, x, isMixed, isMarked }, group]) => {
    const column = (name) => group.map((run) => run[name]);
    const overSeeds = (name) => ({ ...spread(column(name)), ...(isMixed ? { ci95: null } : {}) });
    return {
      id,
      label,
      shade,
      dash,
      symbol,
      isMarked,
      x,
      n: group.length,
      parameters: new Set(column("parameters")).size === 1 ? group[0].parameters : null,
      train_accuracy: overSeeds("train_accuracy"),
      test_accuracy: overSeeds("test_accuracy"),
      test_loss: { mean: mean(column("test_loss")) },
      train_seconds_median: median(column("train_seconds")),
    };
  });
