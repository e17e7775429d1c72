// How far training accuracy is ahead of test accuracy, epoch by epoch: a faint line per run, a mean per group.

import { LABELLED, chart, colour, endLabels, endingAt, epochAxis, nameLabel, plain, shadeColour } from "./chart.js";
import { mean } from "./statistics.js";

const SETTLING = 0.1; // the share of epochs to which the axis is not fitted
const POINTS = "%{y:.2f}\u00a0pp";

// In percentage points.
const gaps = ({ train_accuracy: train, test_accuracy: test }) => train.map((value, index) => 100 * (value - test[index]));

export function gapChart(element, set, view) {
  const update = chart(element, () => {
    const runs = set.drawn(view.ids("hide")).map((run) => ({ ...run, gap: gaps(set.columns(run.id)) }));
    const groups = set.grouped(runs);
    const faint = runs.map((run) => ({
      x: set.columns(run.id).epoch,
      y: run.gap,
      mode: run.gap.length > 1 ? "lines" : "markers",
      line: { color: shadeColour(set.groupOf(run).shade, 0.3), width: 1 },
      marker: { color: shadeColour(set.groupOf(run).shade, 0.3), size: 5 },
      name: plain(run.name),
      hovertemplate: `%{fullData.name}<br>epoch %{x}: ${POINTS}<extra></extra>`,
    }));
    const means = groups.map(([{ label, shade }, group]) => {
      const length = Math.min(...group.map((run) => run.gap.length));
      const color = shadeColour(shade);
      return {
        x: Array.from({ length }, (_, index) => index + 1),
        y: Array.from({ length }, (_, index) => mean(group.map((run) => run.gap[index]))),
        mode: length > 1 ? "lines" : "markers",
        line: { color, width: 2.5 },
        marker: { color, size: 8 },
        name: plain(`${label}, mean of ${group.length}`),
        hovertemplate: `%{fullData.name}<br>epoch %{x}: ${POINTS}<extra></extra>`,
      };
    });
    // the first epochs lie far below the others and would flatten them
    const values = runs.flatMap((run) => run.gap.slice(Math.ceil(run.gap.length * SETTLING)));
    const last = runs.reduce((most, run) => Math.max(most, run.gap.length), 0);
    const low = values.reduce((least, value) => Math.min(least, value), 0);
    const high = values.reduce((most, value) => Math.max(most, value), 0);
    const margin = 0.05 * (high - low || 1);
    return {
      traces: [...faint, ...means],
      layout: {
        x: { ...epochAxis(last), range: endingAt(last) },
        y: {
          title: "Train minus test accuracy (pp)",
          range: values.length ? [low - margin, high + margin] : [-1, 1],
          zeroline: true,
          zerolinecolor: colour("control-line"),
        },
        margin: LABELLED,
        annotations: endLabels(
          means.map(({ x, y }, index) => ({ text: nameLabel(groups[index][0].shade, groups[index][0].label), x: x.at(-1), y: y.at(-1) })),
          0.07 * (high - low),
        ),
      },
    };
  });
  set.addEventListener("change", update);
  view.follow(["hide"], update);
}
