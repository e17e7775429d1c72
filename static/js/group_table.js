// The table of groups at an epoch, laid over the one of the final results that the server words.

import { duration, loss, percent, points, whole } from "./format.js";

const UNIT = "\u00a0pp";

function spread({ mean, std, min, max }) {
  if (std === null) return [percent(mean)];
  const small = (className, textContent) => Object.assign(document.createElement("span"), { className, textContent });
  const range = small("detail", `${percent(min)} – ${percent(max)}`);
  return [`${percent(mean)} `, small("muted", `± ${points(std)}`), document.createElement("br"), range];
}

const CELLS = {
  n: (row) => [whole(row.n)],
  parameters: (row) => [whole(row.parameters)],
  train_accuracy: (row) => spread(row.train_accuracy),
  test_accuracy: (row) => spread(row.test_accuracy),
  gap: (row) => [points(row.train_accuracy.mean - row.test_accuracy.mean) + UNIT],
  test_loss: (row) => [loss(row.test_loss.mean)],
  train_seconds: (row) => [duration(row.train_seconds.mean)],
};

function rowHeader({ label, shade }) {
  const header = document.createElement("th");
  header.scope = "row";
  header.className = "nowrap";
  const dot = document.createElement("span");
  dot.className = "dot";
  dot.dataset.depth = shade;
  dot.setAttribute("aria-hidden", "true");
  header.append(dot, ` ${label}`);
  return header;
}

function line(row, columns) {
  const element = document.createElement("tr");
  element.append(rowHeader(row));
  for (const name of columns) {
    const cell = document.createElement("td");
    cell.className = "number";
    cell.append(...CELLS[name](row));
    element.append(cell);
  }
  return element;
}

// Returns what shows the rows of an epoch in `there`, or with null the final results again. Columns that only
// final results have are left out.
export function groupTable(final, there) {
  return (rows, caption) => {
    if (rows && there.hidden) {
      there.replaceChildren(final.querySelector(".scroll").cloneNode(true));
      const [, ...headers] = there.querySelectorAll("[data-column]");
      for (const header of headers) if (!Object.hasOwn(CELLS, header.dataset.column)) header.remove();
      there.querySelector('[data-column="train_accuracy"]').textContent = "Running train accuracy";
      there.querySelector("tbody.aside")?.remove();
    }
    there.hidden = !rows;
    if (!rows) return;
    const [, ...columns] = [...there.querySelectorAll("[data-column]")].map((cell) => cell.dataset.column);
    there.querySelector("caption").textContent = caption;
    there.querySelector("tbody").replaceChildren(...rows.map((row) => line(row, columns)));
  };
}
