// Shows notices on a page without a reload.

import { keepFocus } from "../morph.js";

const notice = document.querySelector("[data-said]");
const words = notice.querySelector("span");
let before = null; // the element that had the focus before the notice

function close() {
  hush();
  if (before?.isConnected) before.focus();
  keepFocus(document.querySelector("main"));
}

notice.querySelector("button").addEventListener("click", close);
notice.addEventListener("keydown", ({ key }) => key === "Escape" && close());

export function say(text, isBad = false) {
  if (!notice.contains(document.activeElement)) before = document.activeElement;
  notice.hidden = false;
  notice.classList.toggle("bad", isBad);
  notice.setAttribute("role", isBad ? "alert" : "status");
  words.textContent = text;
}

export function hush() {
  notice.hidden = true;
  words.textContent = "";
}
