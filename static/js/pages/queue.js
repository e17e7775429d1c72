// The queue page: live rows, and moves by dragging and by keys.

import { listen } from "../live/events.js";
import { refresh } from "../live/live.js";
import { updateRow } from "../table/rows.js";

const IDLE = 15_000; // ms between readings without events: estimated times shrink

const main = document.querySelector("main");
const rows = () => [...document.querySelectorAll("[data-waiting] tbody tr")];
const rowOf = (element) => element.closest("[data-waiting] tbody tr");

let dragged = null; // while a row is dragged, the page is not read again

function update() {
  if (!dragged) refresh();
}

listen("/events", main.dataset.change, {
  run(run) {
    if (run.status !== "running" || run.cancel_requested || !updateRow(run)) update();
  },
  deleted: update,
});
setInterval(() => document.hidden || rows().length === 0 || update(), IDLE);

// Moves a row: "top", "up", "down", "bottom" or a place, with the row's own form.
function move(row, to) {
  const form = row.querySelector(`[action="/queue/move"]`);
  const button = [...form.elements].find((each) => each.name === "to" && each.value === String(to));
  if (button) {
    if (button.ariaDisabled !== "true") form.requestSubmit(button);
    return;
  }
  const dropped = document.createElement("button");
  Object.assign(dropped, { name: "to", value: to, hidden: true });
  form.append(dropped);
  form.requestSubmit(dropped);
  dropped.remove();
}

document.addEventListener("keydown", (event) => {
  const row = rowOf(event.target);
  if (!row || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
  const isUp = event.key === "ArrowUp";
  if (event.altKey) {
    event.preventDefault();
    move(row, event.shiftKey ? (isUp ? "top" : "bottom") : isUp ? "up" : "down");
  } else if ("handle" in event.target.dataset) {
    event.preventDefault();
    const next = isUp ? row.previousElementSibling : row.nextElementSibling;
    next?.querySelector("[data-handle]").focus();
  }
});

function drop(isMoved) {
  const { row, order } = dragged;
  dragged = null;
  delete row.dataset.dragged;
  const index = rows().indexOf(row);
  if (isMoved && order[index] !== row) move(row, Number(row.closest("table").dataset.waiting) + index + 1);
  else row.parentElement.replaceChildren(...order);
  row.querySelector("[data-handle]").focus({ preventScroll: true });
}

document.addEventListener("pointerdown", (event) => {
  const handle = event.target.closest("[data-handle]");
  if (!handle || event.button !== 0 || dragged) return;
  handle.setPointerCapture(event.pointerId);
  dragged = { row: rowOf(handle), order: rows() };
  dragged.row.dataset.dragged = "";
});

document.addEventListener("pointermove", (event) => {
  if (!dragged) return;
  const { row } = dragged;
  const over = rows().find((each) => {
    const { top, bottom } = each.getBoundingClientRect();
    return top <= event.clientY && event.clientY < bottom;
  });
  if (event.clientY < 80) scrollBy(0, -12);
  if (event.clientY > innerHeight - 60) scrollBy(0, 12);
  if (!over || over === row) return;
  const { top, height } = over.getBoundingClientRect();
  const order = rows();
  const [from, to] = [order.indexOf(row), order.indexOf(over)];
  // the others move, because a moved element loses the pointer and the focus
  if (from < to && event.clientY > top + height / 2) row.before(...order.slice(from + 1, to + 1));
  if (from > to && event.clientY < top + height / 2) row.after(...order.slice(to, from));
});

document.addEventListener("pointerup", () => dragged && drop(true));
document.addEventListener("pointercancel", () => dragged && drop(false));
document.addEventListener("keydown", (event) => dragged && event.key === "Escape" && drop(false));

// A priority is saved when it is changed; the field then shows what the server has.
document.addEventListener("change", ({ target }) => {
  if (target.name === "priority") target.form.requestSubmit();
  if (target.name === "ids") count();
});
document.addEventListener("live", () => {
  for (const field of document.querySelectorAll(".priority input")) {
    if (field !== document.activeElement) field.value = field.defaultValue;
  }
  count();
});

function count() {
  const number = document.querySelectorAll('[name="ids"]:checked').length;
  document.querySelector("[data-count]").textContent = `${number} selected:`;
}
