// Shows the table of groups at a chosen epoch.

import { duration, loss, percent, points, ratio, signedLoss, signedPoints, whole } from "../format.js";
import { groupMark } from "../plot/marks.js";
import { fill } from "../morph.js";

const UNIT = "\u00a0pp";

const gap = (row) => row.train_accuracy.mean - row.test_accuracy.mean;

function spread({ mean, std, min, max }) {
  if (std === null) return [{ text: percent(mean) }];
  return [
    { text: `${percent(mean)} ` },
    { className: "muted", text: `± ${points(std)}\u00a0pp` },
    { className: "detail", text: `${percent(min)} – ${percent(max)}` },
  ];
}

// The contents of a column's cells as texts with optional classes; a detail is on a line of its own.
const CELLS = {
  n: (row) => [{ text: whole(row.n) }],
  parameters: (row) => [{ text: whole(row.parameters) }],
  train_accuracy: (row) => spread(row.train_accuracy),
  test_accuracy: (row) => spread(row.test_accuracy),
  gap: (row) => [{ text: points(gap(row)) + UNIT }],
  test_loss: (row) => [{ text: loss(row.test_loss.mean) }],
  train_seconds: (row) => [{ text: duration(row.train_seconds_median) }],
};

// The differences of a row from the baseline, below its values.
const DELTAS = {
  train_accuracy: (row, base) => signedPoints(row.train_accuracy.mean - base.train_accuracy.mean),
  test_accuracy: (row, base) => signedPoints(row.test_accuracy.mean - base.test_accuracy.mean),
  gap: (row, base) => signedPoints(gap(row) - gap(base)),
  test_loss: (row, base) => signedLoss(row.test_loss.mean - base.test_loss.mean),
  train_seconds: (row, base) => ratio(row.train_seconds_median / base.train_seconds_median),
};

// The values that a copy of a cell contains, by part.
const ofMean = (value, base) => ({ "": value, ...(base === undefined ? {} : { "minus baseline": value - base }) });

function ofSpread({ mean, std, min, max, ci95 }, base) {
  const against = base ? { "minus baseline": mean - base.mean } : {};
  return { mean, std, min, max, "95 % from": ci95?.[0] ?? null, "95 % to": ci95?.[1] ?? null, ...against };
}

const VALUES = {
  n: (row) => ofMean(row.n),
  parameters: (row) => ofMean(row.parameters),
  train_accuracy: (row, base) => ofSpread(row.train_accuracy, base?.train_accuracy),
  test_accuracy: (row, base) => ofSpread(row.test_accuracy, base?.test_accuracy),
  gap: (row, base) => ofMean(gap(row), base && gap(base)),
  test_loss: (row, base) => ofMean(row.test_loss.mean, base?.test_loss.mean),
  train_seconds: (row, base) => ofMean(row.train_seconds_median, base?.train_seconds_median),
};

// Writes pieces into a cell; if only texts differ, it changes only the texts.
function write(cell, pieces) {
  const spans = cell.querySelectorAll("span");
  if (spans.length !== pieces.length || pieces.some(({ className = "" }, index) => spans[index].className !== className)) {
    fill(
      cell,
      ...pieces.flatMap(({ className = "", text: textContent }) => {
        const span = Object.assign(document.createElement("span"), { className, textContent });
        return className === "detail" ? [document.createElement("br"), span] : [span];
      }),
    );
    return;
  }
  pieces.forEach(({ text }, index) => {
    if (spans[index].textContent !== text) spans[index].firstChild.data = text;
  });
}

function rowHeader(row) {
  const header = document.createElement("th");
  header.scope = "row";
  header.className = "nowrap";
  header.append(groupMark(row), ` ${row.label}`);
  return header;
}

// A copy of the final table with only the columns that epochs have, and without rows.
function skeleton(final) {
  const copy = final.querySelector(".scroll").cloneNode(true);
  const names = [...copy.querySelectorAll("[data-column]")].map((header) => header.dataset.column);
  const columns = names.filter((name) => Object.hasOwn(CELLS, name));
  const pins = new Map([...copy.querySelectorAll("[data-pin]")].map((cell) => [cell.dataset.pin, cell]));
  const keeps = new Set(["group", "pin", ...columns]);
  for (const row of copy.querySelectorAll("thead tr, .aside tr")) {
    [...row.children].forEach((cell, index) => {
      if (!keeps.has(names[index])) cell.remove();
    });
  }
  copy.querySelector('[data-column="train_accuracy"]').textContent = "Running train accuracy";
  copy.querySelector("tbody").replaceChildren();
  return { copy, columns, pins, isPinnable: names.includes("pin") };
}

function line(row, { columns, pins, isPinnable }) {
  const element = document.createElement("tr");
  const cells = columns.map(() => Object.assign(document.createElement("td"), { className: "number" }));
  const pin = isPinnable ? [pins.get(row.id) ?? document.createElement("td")] : [];
  element.dataset.key = row.id;
  element.append(rowHeader(row), ...cells, ...pin);
  return { element, cells };
}

// Moves the focus to the same element in a table that replaces another.
function moveFocus(from, to) {
  const focused = document.activeElement;
  if (!from.contains(focused) || !focused.dataset.takesFocus) return;
  [...to.querySelectorAll("[data-takes-focus]")].find((each) => each.dataset.takesFocus === focused.dataset.takesFocus)?.focus();
}

// Returns a function that shows the rows of an epoch in `there`, with their differences from its baseline, or, for
// null, the final results again. Columns that only final results have, and rows after the first `data-most`, are left
// out.
export function groupTable(final, there) {
  const lines = new Map();
  let made = null;
  return (rows, caption) => {
    if (there.hidden !== !rows) there.hidden = !rows;
    if (!rows) return moveFocus(there, final);
    if (!made) {
      made = skeleton(final);
      there.replaceChildren(made.copy);
    }
    const base = rows.find((row) => row.id === there.dataset.baseline);
    const words = there.querySelector("caption span");
    const published = there.querySelector(".aside") ? " Published: one run per depth, 200 epochs." : "";
    const text = caption + published + (base ? ` Under each value: the difference from ${base.label} at this epoch, or for training time the ratio.` : "");
    if (words.textContent !== text) words.textContent = text;
    const seen = rows.slice(0, Number(there.dataset.most));
    for (const row of seen) {
      if (!lines.has(row.id)) lines.set(row.id, line(row, made));
      made.columns.forEach((name, index) => {
        const delta = base && row !== base && DELTAS[name] ? [{ className: "detail", text: DELTAS[name](row, base) }] : [];
        const cell = lines.get(row.id).cells[index];
        cell.dataset.values = JSON.stringify(VALUES[name](row, row === base ? undefined : base));
        write(cell, [...CELLS[name](row), ...delta]);
      });
    }
    const body = there.querySelector("tbody");
    const wanted = seen.map((row) => lines.get(row.id).element);
    if (wanted.length !== body.children.length || wanted.some((element, index) => body.children[index] !== element)) {
      fill(body, ...wanted);
    }
    moveFocus(final, there);
  };
}
