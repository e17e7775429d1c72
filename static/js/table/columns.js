// The choice of columns: applied at once, kept in the address, and remembered in a cookie, so that the server's first page
// has them. Edges of headers change widths.

import { read } from "../live/live.js";

const YEAR = 365 * 24 * 3600; // s
const NARROWEST = 40;
const WIDEST = 800;

const bounded = (width) => Math.min(WIDEST, Math.max(NARROWEST, Math.round(width)));

function remember(text) {
  document.cookie = `columns=${encodeURIComponent(text)}; max-age=${text ? YEAR : 0}; path=/; samesite=lax`;
  const address = new URL(location.href);
  if (text) address.searchParams.set("columns", text);
  else address.searchParams.delete("columns");
  history.replaceState(history.state, "", `${address.pathname}${address.search.replaceAll("%2C", ",").replaceAll("%3A", ":")}${address.hash}`);
}

async function apply(form) {
  const chosen = [...form.querySelectorAll("[data-choice]")].filter((item) => item.querySelector("input[type=checkbox]").checked);
  const items = chosen.map((item) => {
    const width = item.querySelector('input[type="number"]');
    const pixels = bounded(Number(width.value) || Number(width.dataset.usual));
    return pixels === Number(width.dataset.usual) ? item.dataset.choice : `${item.dataset.choice}:${pixels}`;
  });
  remember(items.join(","));
  try {
    await read();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // the server is away: the next reading shows the columns
  }
}

function move(item, step) {
  const other = step < 0 ? item.previousElementSibling : item.nextElementSibling;
  if (other) other[step < 0 ? "before" : "after"](item);
}

// A column that is added comes after those that are shown.
function addLast(item) {
  const shown = [...item.parentElement.children].filter((other) => other !== item && other.querySelector(":checked"));
  shown.at(-1)?.after(item);
  item.querySelector("input[type=checkbox]").focus();
}

function followDragging(form) {
  const list = form.querySelector("[data-choices]");
  let dragged = null;
  for (const item of list.children) item.draggable = true;
  list.addEventListener("dragstart", ({ target }) => (dragged = target.closest("[data-choice]")));
  list.addEventListener("dragover", (event) => {
    const over = event.target.closest("[data-choice]");
    if (!dragged || !over || over === dragged) return;
    event.preventDefault();
    const isAfter = event.clientY > over.getBoundingClientRect().top + over.offsetHeight / 2;
    over[isAfter ? "after" : "before"](dragged);
  });
  list.addEventListener("drop", (event) => event.preventDefault());
  list.addEventListener("dragend", () => {
    dragged = null;
    apply(form);
  });
}

function followEdges(form) {
  document.addEventListener("pointerdown", (event) => {
    const name = event.target.closest?.("[data-grip]")?.dataset.grip;
    if (!name) return;
    event.preventDefault();
    const head = event.target.closest("th");
    const column = document.querySelector(`[data-runs] col[data-width="${name}"]`);
    const start = head.offsetWidth - event.clientX;
    const resize = ({ clientX }) => (column.style.width = `${bounded(start + clientX)}px`);
    document.addEventListener("pointermove", resize);
    document.addEventListener("pointerup", () => {
      document.removeEventListener("pointermove", resize);
      const item = form.querySelector(`[data-choice="${name}"]`);
      item.querySelector('input[type="number"]').value = parseInt(column.style.width || column.width, 10) || head.offsetWidth;
      apply(form);
    }, { once: true });
  });
}

export function startColumns() {
  const form = document.querySelector("[data-columns-form]");
  if (!form) return;
  followDragging(form);
  followEdges(form);
  form.querySelector("[data-find-column]").addEventListener("input", ({ target }) => {
    const sought = target.value.trim().toLowerCase();
    for (const item of form.querySelectorAll("[data-choice]")) item.hidden = !item.textContent.toLowerCase().includes(sought);
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("[data-find-column]")) return;
    if (event.target.checked) addLast(event.target.closest("[data-choice]"));
    apply(form);
  });
  form.addEventListener("submit", (event) => {
    const { submitter } = event;
    if (submitter?.name === "default") {
      form.elements.next.value = `${location.pathname}${location.search}`;
      return; // the server knows the default columns
    }
    event.preventDefault();
    if (submitter?.name === "up" || submitter?.name === "down") {
      move(submitter.closest("[data-choice]"), submitter.name === "up" ? -1 : 1);
      submitter.focus();
      apply(form);
    } else form.closest("details").open = false;
  });
}
