// Copies tables with one exact value per cell and units in the headers. A cell names its values in `data-values`, as
// JSON by part: {"": 0.98} or {"mean": 0.98, "std": 0.01}. `data-unit` of a header is its unit, and `data-uncopied`
// excludes its column.

const NUMBER = /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i;
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/; // first characters that a spreadsheet takes for the start of a formula

const wordsOf = (element) => element.textContent.replaceAll(/\s+/g, " ").trim();

// The values of a cell by part.
function valuesOf(cell) {
  if (cell.dataset.values) return JSON.parse(cell.dataset.values);
  const time = cell.querySelector("time[datetime]");
  if (time) return { "": time.dateTime };
  const words = wordsOf(cell);
  const plain = words.replace(/^\u2212/, "-").replaceAll(/(?<=\d),(?=\d{3}(?!\d))/g, "");
  return { "": NUMBER.test(plain) ? Number(plain) : words === "–" ? null : words };
}

// A value as text; an apostrophe prevents its use as a formula.
function text(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const words = String(value).replaceAll(/\s+/g, " ");
  return FORMULA.test(words) ? `'${words}` : words;
}

// Columns of a table: their cells, part and name.
function columnsOf(table, rows) {
  const heads = [...([...(table.tHead?.rows ?? [])].at(-1)?.cells ?? [])];
  const count = Math.max(heads.length, ...rows.map((row) => row.cells.length));
  return Array.from({ length: count }, (_, place) => place).flatMap((place) => {
    const head = heads[place];
    if (head && (head.hidden || "uncopied" in head.dataset)) return [];
    const cells = rows.map((row) => row.cells[place]).filter(Boolean).map(valuesOf);
    const parts = [...new Set(cells.flatMap(Object.keys))];
    const name = head ? wordsOf(head).replace(/ [↑↓?]$/, "") : ""; // without the arrow of the order and the mark of the help link
    return parts.map((part) => {
      const isNumber = cells.some((values) => typeof values[part] === "number");
      const unit = isNumber && head?.dataset.unit ? ` (${head.dataset.unit})` : "";
      return { place, part, title: `${name}${part ? `, ${part}` : ""}${unit}` };
    });
  });
}

// The rows of a table as texts, the header first, with the values of the cells for which `has` is true.
export function matrix(table, has = () => true) {
  const all = [...table.tBodies].flatMap((body) => [...body.rows]);
  const rows = all.filter((row) => [...row.cells].some(has));
  const places = new Set(rows.flatMap((row) => [...row.cells].flatMap((cell, place) => (has(cell) ? [place] : []))));
  const columns = columnsOf(table, all).filter(({ place }) => places.has(place));
  const line = (row) =>
    columns.map(({ place, part }) => {
      const cell = row.cells[place];
      return cell && has(cell) ? text(valuesOf(cell)[part]) : "";
    });
  return [columns.map(({ title }) => text(title)), ...rows.map(line)];
}

const asText = (rows) => rows.map((row) => row.join("\t")).join("\n");

function asTable([head, ...rows]) {
  const table = document.createElement("table");
  const line = (texts, name) => {
    const row = document.createElement("tr");
    row.append(...texts.map((textContent) => Object.assign(document.createElement(name), { textContent })));
    return row;
  };
  table.append(line(head, "th"), ...rows.map((row) => line(row, "td")));
  return table;
}

// Whether a selection includes content of a cell, and not only its edge.
function isSelected(range, cell) {
  if (!range.intersectsNode(cell)) return false;
  const inside = document.createRange();
  inside.selectNodeContents(cell);
  const starts = range.compareBoundaryPoints(Range.START_TO_START, inside) > 0;
  const ends = range.compareBoundaryPoints(Range.END_TO_END, inside) < 0;
  if (starts) inside.setStart(range.startContainer, range.startOffset);
  if (ends) inside.setEnd(range.endContainer, range.endOffset);
  return !(starts || ends) || !inside.collapsed;
}

const UNSEEN = "script, style, noscript, template, svg, select, button, input, .info, [hidden], .visually-hidden";

// The copy of a selection: part of one table, or tables with other content; null leaves copying to the browser.
function copied(range) {
  const node = range.commonAncestorContainer;
  const around = (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement)?.closest("table");
  const tables = around ? [around] : [...document.querySelectorAll("main table")].filter((table) => range.intersectsNode(table));
  const cells = new Set(tables.flatMap((table) => [...table.querySelectorAll("tbody :is(th, td)")]).filter((cell) => isSelected(range, cell)));
  if (cells.size < 2) return null; // words within a cell
  const found = tables.map((table) => matrix(table, (cell) => cells.has(cell)));
  if (around) return { plain: asText(found[0]), html: asTable(found[0]).outerHTML };
  const shown = document.createElement("div");
  shown.className = "visually-hidden";
  shown.append(range.cloneContents());
  const copies = [...shown.querySelectorAll("table")].filter((table) => !table.parentElement.closest("table"));
  if (copies.length !== tables.length) return null;
  copies.forEach((table, place) => table.replaceWith(asTable(found[place])));
  for (const unseen of shown.querySelectorAll(UNSEEN)) unseen.remove();
  document.body.append(shown);
  const result = { plain: shown.innerText, html: shown.innerHTML };
  shown.remove();
  return result;
}

function copySelection(event) {
  const selection = document.getSelection();
  if (event.target.closest?.("input, textarea") || !selection.rangeCount || selection.isCollapsed) return;
  const found = copied(selection.getRangeAt(0));
  if (!found) return;
  event.clipboardData.setData("text/plain", found.plain);
  event.clipboardData.setData("text/html", found.html);
  event.preventDefault();
}

// Copies the visible table among those that a button names.
function press(button) {
  const table = [...document.querySelectorAll(button.dataset.copyTable)].find((each) => each.checkVisibility());
  if (!table) return;
  const selection = document.getSelection();
  const before = selection.rangeCount ? selection.getRangeAt(0) : null;
  selection.selectAllChildren(table);
  const isDone = document.execCommand("copy"); // navigator.clipboard needs a secure connection
  selection.removeAllRanges();
  if (before) selection.addRange(before);
  button.textContent = isDone ? "Copied" : "Not copied";
  setTimeout(() => (button.textContent = "Copy table"), 1500);
}

export function startTableCopy() {
  document.addEventListener("copy", copySelection);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy-table]");
    if (button) press(button);
  });
}
