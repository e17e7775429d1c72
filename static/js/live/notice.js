// Shows notices on a page without a reload.

import { keepFocus } from "../morph.js";

const notice = document.querySelector("[data-said]");
const words = notice.querySelector("span");
let before = null; // what had the focus when it was said

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
