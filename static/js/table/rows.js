// Updates rows of runs in place.

import { CANCELLING, isCancelling } from "../live/cancelling.js";
import { about, duration, loss, percent, whole } from "../format.js";
import { fill, takeOut } from "../morph.js";
import { timeElement } from "../live/times.js";

const ENDED = new Set(["finished", "failed", "cancelled"]);
const NOTHING = "–";
const LONGEST_TEXT = 200; // as in app/web/pages/run_list/table.py
const TAGS_ROOM = 22; // characters
const TAG_MARGIN = 3;

export const rowOf = (id) => document.querySelector(`[data-runs] tr[data-run="${id}"]`);

export function removeRow(id) {
  const row = rowOf(id);
  if (row) takeOut(row);
}

function short(text) {
  const words = text.slice(0, 2 * LONGEST_TEXT).trim().replaceAll(/\s+/g, " ");
  return words.length <= LONGEST_TEXT ? words : `${words.slice(0, LONGEST_TEXT).trimEnd()}…`;
}

// Formats of the kinds of columns; `app/schemas/run_columns.py` declares the kind of each field.
const FORMATS = {
  share: percent,
  loss,
  duration,
  count: whole,
  flag: (value) => (value ? "yes" : "no"),
  list: (values) => values.join(", "),
  text: (text) => (text === null ? NOTHING : short(text)),
};
const UNCHANGED = new Set(["id", "seed", "study_id", "verifies", "layer_sizes"]); // of a listed run

// A number of epochs; "12 / 20" while the run trains, or if it ended early.
function epochsOf({ status, epochs, epochs_done: done }) {
  const isPartial = status === "running" || (ENDED.has(status) && done < epochs);
  return isPartial ? `${whole(done)} / ${whole(epochs)}` : whole(epochs);
}

// Why a run failed.
const whyOf = ({ status, reason }) => (status === "failed" ? (reason ?? "") : "");

// The first tags, up to a number of characters, and how many more there are, as in app/web/pages/run_list/table.py.
function tagsOf({ tags }) {
  let length = 0;
  let count = 0;
  for (const tag of tags) {
    length += [...tag].length + TAG_MARGIN;
    if (count && length > TAGS_ROOM) break;
    count += 1;
  }
  const others = tags.slice(count);
  const more = Object.assign(document.createElement("span"), { className: "muted", title: others.join(", "), textContent: `+${others.length}` });
  return [...tags.slice(0, count).map(tagLink), ...(others.length ? [more] : [])];
}

function tagLink(tag) {
  const link = document.createElement("a");
  link.className = "tag";
  link.href = `/runs?tag=${encodeURIComponent(tag)}`;
  link.dataset.givesFocus = "list";
  link.textContent = tag;
  return link;
}

function setText(cell, text) {
  if (cell && cell.textContent.trim() !== text) cell.textContent = text;
}

function updateLabels(row, run) {
  const link = row.querySelector("th .name > a");
  const head = link?.closest("[data-values]");
  if (head && JSON.parse(head.dataset.values)[""] !== run.name) {
    link.textContent = run.name;
    link.title = run.name;
  }
  if (head) head.dataset.values = JSON.stringify({ "": run.name, tags: run.tags.join(", "), reason: whyOf(run) });
  const tags = row.querySelector('[data-cell="tags"]');
  if (!tags) return;
  const texts = (elements) => elements.map(({ textContent, title }) => textContent + title).join();
  const wanted = tagsOf(run);
  if (texts([...tags.children]) !== texts(wanted)) fill(tags, ...wanted);
}

// Cells of columns that have no form of their own.
function updateKinds(row, run) {
  for (const cell of row.querySelectorAll("[data-cell][data-kind]")) {
    const { cell: name, kind } = cell.dataset;
    if (!(name in run) || !(kind in FORMATS) || UNCHANGED.has(name)) continue;
    setText(cell, FORMATS[kind](run[name]));
    if ("values" in cell.dataset) cell.dataset.values = JSON.stringify({ "": run[name] });
    else if (kind === "text" || kind === "list") (cell.closest("td") ?? cell).title = cell.textContent;
  }
}

// Returns whether the run has a row on this page.
export function updateRow(run) {
  const row = rowOf(run.id);
  if (!row) return false;
  row.dataset.status = run.status;
  row.dataset.archived = run.archived;
  const bar = row.querySelector("progress");
  if (bar) {
    bar.value = run.epochs_done;
    bar.hidden = run.status !== "running";
  }
  const status = row.querySelector(".status");
  if (status) {
    status.dataset.status = isCancelling(run) ? "cancelling" : run.status;
    const word = isCancelling(run) ? CANCELLING : run.status;
    if (status.textContent !== word) status.textContent = word;
  }
  const guess = run.guessing ? `${run.status === "running" ? "so far " : ""}${run.guessing}` : "";
  const texts = {
    epochs_done: epochsOf(run),
    test_accuracy: percent(run.test_accuracy),
    device: run.device_used ?? run.device,
    eta_seconds: run.eta_seconds === null ? NOTHING : about(run.eta_seconds),
    guessing: guess,
    reason: whyOf(run),
  };
  for (const [name, text] of Object.entries(texts)) {
    setText(row.querySelector(`[data-cell="${name}"]:not([data-kind])`), text);
  }
  const mark = row.querySelector('[data-cell="guessing"]');
  if (mark) mark.title = guess;
  for (const name of ["epochs_done", "eta_seconds", "test_accuracy"]) {
    const cell = row.querySelector(`[data-cell="${name}"]`)?.closest("td[data-values]");
    if (cell) cell.dataset.values = JSON.stringify({ "": run[name] });
  }
  for (const cell of row.querySelectorAll('[data-kind="time"]')) {
    const time = run[cell.dataset.cell];
    if (time && cell.querySelector("time")?.dateTime !== time) fill(cell, timeElement(time));
  }
  const cell = row.querySelector('td[data-cell="status"]');
  if (cell) cell.title = run.reason ?? "";
  updateLabels(row, run);
  updateKinds(row, run);
  return true;
}
