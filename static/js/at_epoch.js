// The results of a comparison as they stood after an epoch, in the shape in which it has the final ones.

import { mean, spread } from "./statistics.js";

const counts = (run) => run.status === "finished" || run.status === "running";

// The finished or running run with the fewest epochs, and how many: the last epoch that all of them have.
// `run` is missing while there is none of them.
export function shortest(set) {
  const lengths = set.runs.filter(counts).map((run) => ({ run, epochs: set.columns(run.id).epoch.length }));
  return lengths.reduce((least, each) => (each.epochs < least.epochs ? each : least), lengths[0] ?? { epochs: 0 });
}

function figures(run, columns, epoch) {
  return {
    ...run,
    train_accuracy: columns.train_accuracy[epoch - 1],
    test_accuracy: columns.test_accuracy[epoch - 1],
    test_loss: columns.test_loss[epoch - 1],
    train_seconds: columns.seconds.slice(0, epoch).reduce((sum, seconds) => sum + seconds, 0),
  };
}

// Training accuracies are the running ones of that epoch. `epoch` is one that all runs have.
export function atEpoch(set, epoch) {
  const runs = set.runs.filter(counts).map((run) => figures(run, set.columns(run.id), epoch));
  return {
    runs,
    groups: set.grouped(runs).map(([{ label, shade, x }, group]) => {
      const column = (name) => group.map((run) => run[name]);
      return {
        label,
        shade,
        x,
        n: group.length,
        parameters: new Set(column("parameters")).size === 1 ? group[0].parameters : null,
        train_accuracy: spread(column("train_accuracy")),
        test_accuracy: spread(column("test_accuracy")),
        test_loss: { mean: mean(column("test_loss")) },
        train_seconds: { mean: mean(column("train_seconds")) },
      };
    }),
  };
}
