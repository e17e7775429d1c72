// Shows messages on a page without a reload: they stack and close by themselves, except errors.

import { keepFocus } from "../morph.js";

const STAYS = 10_000; // ms; not counted while the pointer or the focus is on the message or the page is hidden
const MOST = 4;

const region = document.querySelector("[data-said]");
const shown = []; // `{line, text, isBad, timer}`, oldest first
let before = null; // the element that had the focus before the messages

function remove(message) {
  clearTimeout(message.timer);
  const at = shown.indexOf(message);
  if (at >= 0) shown.splice(at, 1);
  const hadFocus = message.line.contains(document.activeElement);
  message.line.remove();
  if (!hadFocus) return;
  if (before?.isConnected) before.focus({ preventScroll: true });
  keepFocus(document.querySelector("main"));
}

function wait(message) {
  clearTimeout(message.timer);
  if (message.isBad) return;
  message.timer = setTimeout(() => {
    const isRead = document.hidden || message.line.matches(":hover, :focus-within");
    if (isRead) wait(message);
    else remove(message);
  }, message.stays);
}

function button(own, action) {
  const made = Object.assign(document.createElement("button"), { type: "button", ...own });
  made.addEventListener("click", action);
  return made;
}

// `action`, `{label, run}`, becomes a button of the message.
export function say(text, isBad = false, action = null) {
  shown.filter((each) => each.text === text).forEach(remove);
  const line = Object.assign(document.createElement("p"), { className: "message" });
  const message = { line, text, isBad, stays: action ? 2 * STAYS : STAYS, timer: null };
  line.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (action) {
    const taken = button({ textContent: action.label, className: "act" }, () => {
      remove(message);
      action.run();
    });
    taken.setAttribute("aria-keyshortcuts", "u");
    line.append(taken);
  }
  const close = button({ textContent: "×", className: "quiet" }, () => remove(message));
  close.setAttribute("aria-label", "Close");
  line.append(close);
  line.classList.toggle("bad", isBad);
  if (isBad) line.setAttribute("role", "alert");
  shown.push(message);
  region.append(line);
  if (shown.length > MOST) remove(shown.find((each) => !each.isBad) ?? shown[0]);
  wait(message);
}

region.addEventListener("focusin", ({ relatedTarget }) => {
  if (!region.contains(relatedTarget)) before = relatedTarget;
});

// Closes the errors, before what they were about is tried again.
export function hush() {
  shown.filter(({ isBad }) => isBad).forEach(remove);
}

// Closes the messages about what was done, before it is edited again; errors and messages with an action stay.
export function settle() {
  shown.filter(({ isBad, stays }) => !isBad && stays === STAYS).forEach(remove);
}

// Escape closes the newest message, unless it means something else where the focus is.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || !shown.length) return;
  const isElsewhere = document.querySelector("dialog[open], details.chooser[open], :popover-open") || event.target.closest("input, select, textarea");
  if (!isElsewhere) remove(shown.find(({ line }) => line.contains(event.target)) ?? shown.at(-1));
});
