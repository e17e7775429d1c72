// Training accuracy minus test accuracy over epochs: a faint line per run, a mean per group.

import { allHidden, averaged, byEpoch, hiddenWords, leftOut } from "./averages.js";
import { atEpoch, chart, endingAt, epochAxis, heightOf, sizeOf } from "../plot/chart.js";
import { colour } from "../plot/colours.js";
import { endNames, roomFor } from "../plot/end_names.js";
import { signedPoints } from "../format.js";
import { GAP, frame } from "../plot/frame.js";
import { plain } from "../plot/labels.js";
import { keyOf, lineOf, markerOf, modeOf, showKeys } from "../plot/marks.js";
import { fill } from "../morph.js";
import { mean } from "./statistics.js";

const SETTLING = 0.1; // fraction of the epochs that the axis is not fitted to; fewer than ten epochs all count

// In percentage points.
const gaps = ({ train_accuracy: train, test_accuracy: test }) => train.map((value, index) => 100 * (value - test[index]));

export function gapChart(element, { note, keys }, set, view) {
  const words = note.textContent;
  const update = chart(element, () => {
    const hidden = view.ids("hide");
    const runs = set.drawn(hidden).map((run) => ({ ...run, gap: gaps(set.columns(run.id)) }));
    const groups = set.grouped(runs);
    const faint = runs.map((run) => ({
      x: set.columns(run.id).epoch,
      y: run.gap,
      mode: run.gap.length > 1 ? "lines" : "markers",
      line: lineOf(set.groupOf(run), 1, 0.3),
      marker: markerOf(set.groupOf(run), 5, 0.3),
      name: plain(set.describe(run)),
    }));
    const used = new Set();
    const means = groups.flatMap(([group, members]) => {
      const counted = averaged(members, (run) => run.gap.length);
      if (!counted.length) return [];
      for (const run of counted) used.add(run.id);
      const rows = byEpoch(counted.map((run) => run.gap));
      const trace = {
        x: rows.map((_, index) => index + 1),
        y: rows.map(mean),
        text: rows.map((row) => `mean of ${row.length}`),
        mode: modeOf(group, rows.length),
        line: lineOf(group, 2.5),
        marker: markerOf(group, 8),
        name: plain(group.label),
        isCounted: false,
      };
      return { group, trace };
    });
    fill(note, allHidden(set.runs, hidden) || words + leftOut(runs, used) + hiddenWords(hidden));
    // the first epochs are far below the others and would flatten them
    const settled = ({ gap }) => gap.slice(Math.floor(gap.length * SETTLING));
    const axis = frame(runs.map((run) => ({ values: settled(run), isFailed: run.status === "failed" })), GAP);
    const { all } = frame(runs.map((run) => ({ values: run.gap })), GAP);
    const last = runs.reduce((most, run) => Math.max(most, run.gap.length), 0);
    const size = { width: sizeOf(element).width, height: heightOf(element) };
    const { fits, margin } = roomFor(means.map(({ group }) => group.label), size);
    const lines = means.map(({ group, trace: { x, y, line } }) => ({ name: group.label, color: line.color, symbol: group.symbol, x, y }));
    showKeys(keys, fits ? [] : means.map(({ group }) => group));
    return {
      traces: [...faint, ...means.map(({ trace }) => trace)],
      layout: {
        x: { ...epochAxis(last), range: endingAt(last) },
        y: {
          title: "Train minus test accuracy (pp)",
          ...(axis.range ? { range: axis.range, all } : { range: [-1, 1] }),
          minallowed: -100,
          maxallowed: 100,
          zeroline: true,
          zerolinecolor: colour("control-line"),
        },
        margin,
      },
      names: (seen) => (fits ? endNames(lines, seen, size.height) : {}),
      legend: means.map(({ group }) => keyOf(group)),
      readout: { x: atEpoch, y: (value) => signedPoints(value / 100) },
    };
  }, view);
  set.addEventListener("change", update);
  view.follow(["hide"], update);
}
