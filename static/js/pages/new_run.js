// Updates the launch form's preview while a person types. The server reads the form and responds with the same page.
// The parts marked `data-swap` are taken from it, so only the server parses lists and ranges.

import { isFilledIn } from "../live/filled_in.js";
import { become } from "../morph.js";
import { throttle } from "../throttle.js";

const PATIENCE = 15_000; // ms until a server that does not answer counts as away
const TYPING = 250; // ms

const form = document.querySelector("[data-launch]");
const depth = form.elements.depth;
const side = document.querySelector("[data-preview]");
const staleNote = document.querySelector("[data-stale-note]");
let typed = 0;
let timer = null;

// The preview is pale until the server has read the input, and says so if the server can't be reached.
function mark(state) {
  side.dataset.preview = state;
  const words = state === "away" ? "Not up to date: the server can’t be reached." : "";
  if (staleNote.textContent !== words) staleNote.textContent = words;
}

async function ask() {
  try {
    const answer = await fetch("/studies/preview", {
      method: "POST",
      headers: { Accept: "text/html" },
      body: new URLSearchParams(new FormData(form)),
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (answer.status >= 500) throw new TypeError(`${answer.url}: ${answer.status}`);
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch (error) {
    mark("away");
    throw new TypeError("no preview", { cause: error }); // asked again until the server is back
  }
}

const preview = throttle(async () => {
  const mine = typed;
  const fresh = await ask();
  if (mine !== typed) return; // newer input sends its own request
  for (const old of document.querySelectorAll("[data-swap]")) {
    const next = fresh.getElementById(old.id);
    if (next) become(old, next);
  }
  for (const control of form.querySelectorAll("input[id], textarea[id]")) {
    const wrong = document.getElementById(`${control.id}-error`)?.textContent;
    if (wrong) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  }
  // Removes the form's message only if the preview failed too. Otherwise only the response to the form was lost.
  if (side.dataset.preview === "away") form.querySelector('[data-sent="away"]')?.remove();
  mark("current");
}, TYPING);

function later() {
  typed += 1;
  if (side.dataset.preview === "current") mark("asked");
  clearTimeout(timer);
  timer = setTimeout(preview, TYPING);
}

const chosen = () =>
  [...form.querySelectorAll('[data-choose-depth][aria-pressed="true"]')].map((card) => Number(card.dataset.chooseDepth));

// 1, 2, 3 becomes 1-3.
function asText(depths) {
  const [first, last] = [depths[0], depths.at(-1)];
  return depths.length > 2 && last - first === depths.length - 1 ? `${first}-${last}` : depths.join(", ");
}

form.addEventListener("input", later);
document.addEventListener("queue", later); // the preview says when the first run starts
// Enter in the name of a preset saves the preset; it must not start runs.
form.elements.preset_name.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  form.querySelector("[data-save-preset]").click();
});
form.addEventListener("away", later); // repeated until the server is back
form.addEventListener("click", (event) => {
  const card = event.target.closest("[data-choose-depth]");
  const copy = event.target.closest("[data-copy]");
  if (card) {
    const pressed = card.getAttribute("aria-pressed") !== "true";
    card.setAttribute("aria-pressed", pressed);
    card.classList.toggle("chosen", pressed);
    depth.value = asText(chosen());
    later();
  } else if (copy) {
    navigator.clipboard?.writeText(document.getElementById(copy.dataset.copy).textContent);
    copy.firstChild.data = "Copied";
    setTimeout(() => (copy.firstChild.data = "Copy"), 1500);
  }
});
form.querySelector("[data-check]").hidden = true; // the preview checks by itself
// The preview does not include input that the browser restored, for example after a reload.
window.addEventListener("pageshow", () => isFilledIn(form) && later());
