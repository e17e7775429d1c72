// How far training accuracy is ahead of test accuracy, epoch by epoch: a faint line per run, a mean per group.

import { averaged, byEpoch, hiddenWords, leftOut } from "./averages.js";
import { chart, endingAt, epochAxis, heightOf, sizeOf } from "./chart.js";
import { colour, shadeColour } from "./colours.js";
import { GAP, frame } from "./frame.js";
import { endLabels, labelled, nameLabel, plain } from "./labels.js";
import { fill } from "./morph.js";
import { mean } from "./statistics.js";

const SETTLING = 0.1; // the share of epochs to which the axis is not fitted
const POINTS = "%{y:.2f}\u00a0pp";

// In percentage points.
const gaps = ({ train_accuracy: train, test_accuracy: test }) => train.map((value, index) => 100 * (value - test[index]));

export function gapChart(element, note, set, view) {
  const words = note.textContent;
  const update = chart(element, ({ isWhole }) => {
    const hidden = view.ids("hide");
    const runs = set.drawn(hidden).map((run) => ({ ...run, gap: gaps(set.columns(run.id)) }));
    const groups = set.grouped(runs);
    const faint = runs.map((run) => ({
      x: set.columns(run.id).epoch,
      y: run.gap,
      mode: run.gap.length > 1 ? "lines" : "markers",
      line: { color: shadeColour(set.groupOf(run).shade, 0.3), width: 1 },
      marker: { color: shadeColour(set.groupOf(run).shade, 0.3), size: 5 },
      name: plain(set.nameOf(run)),
      hovertemplate: `%{fullData.name}<br>epoch %{x}: ${POINTS}<extra></extra>`,
    }));
    const used = new Set();
    const means = groups.flatMap(([{ label, shade }, members]) => {
      const group = averaged(members, (run) => run.gap.length);
      if (!group.length) return [];
      for (const run of group) used.add(run.id);
      const rows = byEpoch(group.map((run) => run.gap));
      const color = shadeColour(shade);
      return {
        x: rows.map((_, index) => index + 1),
        y: rows.map(mean),
        text: rows.map((row) => `mean of ${row.length}`),
        mode: rows.length > 1 ? "lines" : "markers",
        line: { color, width: 2.5 },
        marker: { color, size: 8 },
        name: plain(label),
        hovertemplate: `%{fullData.name}, %{text}<br>epoch %{x}: ${POINTS}<extra></extra>`,
        isCounted: false,
        shade,
        label,
      };
    });
    fill(note, words + leftOut(runs, used) + hiddenWords(hidden));
    // the first epochs lie far below the others and would flatten them
    const settled = ({ gap }) => gap.slice(Math.min(Math.ceil(gap.length * SETTLING), gap.length - 1));
    const axis = frame(runs.map((run) => ({ values: settled(run), isFailed: run.status === "failed" })), GAP);
    const { all } = frame(runs.map((run) => ({ values: run.gap })), GAP);
    const last = runs.reduce((most, run) => Math.max(most, run.gap.length), 0);
    const ends = axis.range ? { range: axis.range, all } : { range: [-1, 1] };
    const range = isWhole && ends.all ? ends.all : ends.range;
    const span = endingAt(last);
    return {
      traces: [...faint, ...means.map(({ shade, label, ...trace }) => trace)],
      layout: {
        x: { ...epochAxis(last), range: span },
        y: {
          title: "Train minus test accuracy (pp)",
          ...ends,
          minallowed: -100,
          maxallowed: 100,
          zeroline: true,
          zerolinecolor: colour("control-line"),
        },
        margin: labelled(means.map(({ label }) => label), sizeOf(element).width),
        annotations: endLabels(
          means.map(({ x, y, shade, label }) => ({ text: nameLabel(shade, label), x: x.at(-1), y: y.at(-1) })),
          range,
          heightOf(element),
          { reach: 0.1 * span[1] },
        ),
      },
    };
  }, view);
  set.addEventListener("change", update);
  view.follow(["hide"], update);
}
