// Keyboard shortcuts of every page: places to go, rows, and the keys that elements name in `aria-keyshortcuts`.

import { giveFocus } from "../focus.js";
import { isChooserOpen } from "../parts/choosers.js";

const CHOICE = "shortcuts";
const PATIENCE = 1500; // ms between the keys of a sequence
const ROWS = "main tbody tr:has(a[href])";
const TABLES = "main table:has(tbody a[href])";
const LINK = "th a[href], td a[href]";

function go(address, to) {
  if (to) giveFocus(to);
  location.href = address;
}

// Single keys can be switched off: speech input and shaking hands press them by accident.
export function areKeysOn() {
  try {
    return localStorage.getItem(CHOICE) !== "off";
  } catch {
    return true;
  }
}

// `box` is the checkbox under the list of shortcuts.
export function followChoice(box) {
  box.checked = areKeysOn();
  box.addEventListener("change", () => {
    try {
      localStorage.setItem(CHOICE, box.checked ? "on" : "off");
    } catch {
      box.checked = true; // storage is blocked: the choice can't be kept
    }
  });
}

const seen = (elements) => [...elements].filter((each) => each.checkVisibility());

// Opens details and moves the focus to their first field.
function unfold(details) {
  details.open = true;
  details.querySelector("input:not([type=hidden]), textarea")?.select();
}

// Presses the element that names this key, the last of several; a field gets the focus instead.
function press(key) {
  const found = seen(document.querySelectorAll(`[aria-keyshortcuts~="${CSS.escape(key)}"]`)).at(-1);
  if (!found || found.ariaDisabled === "true" || found.disabled) return false;
  if (found.matches("input:not([type=checkbox]), textarea")) found.select();
  else if (found.matches("select")) found.focus();
  else if (found.matches("summary")) unfold(found.parentElement);
  else if (found.matches("[data-select-page]:checked")) return true; // the key only selects
  else found.click();
  return true;
}

// The rows of the table with the focus, else of the first table that has some.
function rows() {
  const table = document.activeElement.closest(TABLES) ?? seen(document.querySelectorAll(TABLES))[0];
  return table ? seen(table.querySelectorAll(ROWS)) : [];
}

const current = () => document.activeElement.closest(ROWS);

function move(step) {
  const all = rows();
  const at = all.indexOf(current());
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(at + step, all.length - 1))];
  const link = next?.querySelector(LINK);
  if (!link) return;
  link.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function select({ shiftKey }) {
  const box = current()?.querySelector('input[name="ids"]');
  box?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, shiftKey }));
}

const follow = (rel) => seen(document.querySelectorAll(`main a[rel~="${rel}"]`))[0]?.click();

const ACTIONS = {
  "/": () => press("/") || go("/runs", "search"),
  n: () => go("/runs/new", "first field"),
  c: () => press("c") || go("/compare"),
  j: () => move(1),
  k: () => move(-1),
  x: select,
  X: select,
  "[": () => follow("prev"),
  "]": () => follow("next"),
};
const PLACES = { r: "/runs", s: "/studies", q: "/queue", c: "/compare", y: "/workers" };

const isTyping = (target) =>
  target.isContentEditable || target.matches("input:not([type=checkbox], [type=radio], [type=range]), textarea, select");

export function startShortcuts() {
  let began = -PATIENCE; // when `g`, the first key of a sequence, was pressed
  document.addEventListener("keydown", (event) => {
    const { key, target, timeStamp } = event;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (isTyping(target) || document.querySelector("dialog[open]") || isChooserOpen() || !areKeysOn()) return;
    const isSecond = timeStamp - began < PATIENCE;
    began = !isSecond && key === "g" ? timeStamp : -PATIENCE;
    if (isSecond && Object.hasOwn(PLACES, key)) {
      event.preventDefault();
      go(PLACES[key]);
    } else if (Object.hasOwn(ACTIONS, key)) {
      event.preventDefault();
      ACTIONS[key](event);
    } else if (key.length === 1 && key !== " " && press(key)) event.preventDefault();
  });
}
