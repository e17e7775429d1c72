// A run's epochs as a table, newest first, filled only while it is open.

import { loss, percent, seconds } from "../format.js";

const CELLS = [
  ["epoch", String],
  ["train_loss", loss],
  ["last_batch_loss", loss],
  ["test_loss", loss],
  ["train_accuracy", percent],
  ["test_accuracy", percent],
  ["seconds", seconds],
];

export class EpochTable {
  #columns = null;
  #rows = []; // by epoch: the cells and the values that they show

  constructor(details) {
    this.details = details;
    this.body = details.querySelector("tbody");
    details.addEventListener("toggle", () => this.#fill());
  }

  show(columns) {
    this.#columns = columns;
    this.#fill();
  }

  // Rows stay: new epochs are added on top, and an epoch trained again updates only the values that differ.
  #fill() {
    if (!this.details.open || !this.#columns) return;
    const count = this.#columns.epoch.length;
    for (const { element } of this.#rows.splice(count)) element.remove();
    this.#rows.forEach((row, index) => this.#write(row, index));
    const added = [];
    for (let index = this.#rows.length; index < count; index += 1) added.push(this.#row(index));
    this.#rows.push(...added);
    this.body.prepend(...added.map(({ element }) => element).toReversed());
  }

  #row(index) {
    const element = document.createElement("tr");
    const cells = CELLS.map(([name]) => {
      const cell = document.createElement(name === "epoch" ? "th" : "td");
      if (name === "epoch") cell.scope = "row";
      cell.className = "number";
      cell.append("");
      return cell;
    });
    element.append(...cells);
    const row = { element, texts: cells.map((cell) => cell.firstChild), values: [] };
    this.#write(row, index);
    return row;
  }

  #write({ texts, values }, index) {
    CELLS.forEach(([name, format], place) => {
      const value = this.#columns[name][index];
      if (values[place] === value) return;
      values[place] = value;
      texts[place].data = format(value);
      texts[place].parentElement.dataset.values = JSON.stringify({ "": value });
    });
  }
}
