// Shows notices on a page without a reload.

import { keepFocus } from "../morph.js";

const notice = document.querySelector("[data-said]");
const words = notice.querySelector("span");
const taken = notice.querySelector("[data-taken]");
let offered = null; // the action of the message
let before = null; // the element that had the focus before the notice

function close() {
  hush();
  if (before?.isConnected) before.focus();
  keepFocus(document.querySelector("main"));
}

notice.querySelector("[data-close]").addEventListener("click", close);
taken.addEventListener("click", () => {
  const { run } = offered;
  close();
  run();
});
notice.addEventListener("keydown", ({ key }) => key === "Escape" && close());

// `action`, `{label, run}`, becomes a button of the message.
export function say(text, isBad = false, action = null) {
  if (!notice.contains(document.activeElement)) before = document.activeElement;
  notice.hidden = false;
  notice.classList.toggle("bad", isBad);
  notice.setAttribute("role", isBad ? "alert" : "status");
  words.textContent = text;
  taken.hidden = !action;
  taken.textContent = action?.label ?? "";
  offered = action;
}

export function hush() {
  notice.hidden = true;
  words.textContent = "";
}
