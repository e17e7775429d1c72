// The charts of a run as a table, newest epoch first; filled only while it is open.

import { loss, percent } from "./format.js";

const CELLS = [
  ["epoch", String],
  ["train_loss", loss],
  ["last_batch_loss", loss],
  ["test_loss", loss],
  ["train_accuracy", percent],
  ["test_accuracy", percent],
  ["seconds", (value) => value.toFixed(2)],
];

export class EpochTable {
  #columns = null;
  #shown = null;
  #count = 0;

  constructor(details) {
    this.details = details;
    this.body = details.querySelector("tbody");
    details.addEventListener("toggle", () => this.#fill());
  }

  show(columns) {
    this.#columns = columns;
    this.#fill();
  }

  #fill() {
    if (!this.details.open || !this.#columns) return;
    if (this.#shown !== this.#columns) {
      this.body.replaceChildren();
      this.#shown = this.#columns;
      this.#count = 0;
    }
    const rows = [];
    for (; this.#count < this.#columns.epoch.length; this.#count += 1) rows.unshift(this.#row(this.#count));
    this.body.prepend(...rows);
  }

  #row(index) {
    const row = document.createElement("tr");
    for (const [name, format] of CELLS) {
      const cell = document.createElement(name === "epoch" ? "th" : "td");
      if (name === "epoch") cell.scope = "row";
      cell.className = "number";
      cell.textContent = format(this.#columns[name][index]);
      row.append(cell);
    }
    return row;
  }
}
