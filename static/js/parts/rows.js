// Updates rows of runs in place.

import { CANCELLING, isCancelling } from "../live/cancelling.js";
import { about, duration, percent, whole } from "../format.js";
import { fill, takeOut } from "../morph.js";
import { timeElement } from "../live/times.js";

export const rowOf = (id) => document.querySelector(`[data-runs] tr[data-run="${id}"]`);

export function removeRow(id) {
  const row = rowOf(id);
  if (row) takeOut(row);
}

// Returns whether the run has a row on this page.
export function updateRow(run) {
  const row = rowOf(run.id);
  if (!row) return false;
  row.dataset.status = run.status;
  const bar = row.querySelector("progress");
  if (bar) bar.value = run.epochs_done;
  const status = row.querySelector(".status");
  if (status) {
    status.dataset.status = isCancelling(run) ? "cancelling" : run.status;
    const word = isCancelling(run) ? CANCELLING : run.status;
    if (status.textContent !== word) status.textContent = word;
  }
  const texts = {
    epochs_done: `${whole(run.epochs_done)} / ${whole(run.epochs)}`,
    test_accuracy: percent(run.test_accuracy),
    device: run.device_used ?? run.device,
    train_seconds: duration(run.train_seconds),
    eta_seconds: about(run.eta_seconds),
    guessing: run.guessing ? `${run.status === "running" ? "so far " : ""}${run.guessing}` : "",
    reason: run.status === "failed" ? (run.reason ?? "") : "",
  };
  for (const [name, text] of Object.entries(texts)) {
    const cell = row.querySelector(`[data-cell="${name}"]`);
    if (cell && cell.textContent.trim() !== text) cell.textContent = text;
  }
  for (const name of ["epochs_done", "eta_seconds", "test_accuracy", "train_seconds"]) {
    const cell = row.querySelector(`[data-cell="${name}"]`)?.closest("td[data-values]");
    if (cell) cell.dataset.values = JSON.stringify({ "": run[name] });
  }
  const started = row.querySelector('[data-cell="started_at"]');
  if (started && run.started_at && started.querySelector("time")?.dateTime !== run.started_at) {
    fill(started, timeElement(run.started_at));
  }
  const cell = row.querySelector('[data-cell="status"]');
  if (cell) cell.title = run.reason ?? "";
  return true;
}
