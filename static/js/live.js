// Parts of a page that the server words anew: elements with an id and `data-live` are fetched again.

import { throttle } from "./throttle.js";

// A page that is costly to make asks to be fetched less often.
const PAUSE = Number(document.querySelector("main").dataset.pause ?? 700);

export const refresh = throttle(async () => {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (answer.status === 404) return; // deleted: there is nothing newer to show
  if (!answer.ok) throw new TypeError(`${location.href}: ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(old.id);
    if (next) become(old, next);
  }
}, PAUSE);

// Makes one element like another and touches only what differs, so that focus, selection and opened details stay.
function become(old, next) {
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) {
    if (name !== "open" && !next.hasAttribute(name)) old.removeAttribute(name);
  }
  // Rows of runs are matched by their run: a button under the pointer must not become another run's. What
  // has gone leaves first, so that the rest need not move, for a moved element loses the focus.
  const rows = new Map([...old.children].map((child) => [child.dataset.run, child]));
  const staying = new Set([...next.children].map((child) => child.dataset.run));
  for (const [run, row] of rows) if (!staying.has(run)) row.remove();
  let place = old.firstChild;
  for (const wanted of [...next.childNodes]) {
    const run = wanted.dataset?.run;
    const found = run ? rows.get(run) : place;
    while (run && found && place !== found && place?.nodeType === Node.TEXT_NODE) {
      const space = place;
      place = place.nextSibling;
      space.remove();
    }
    if (!found || found.nodeName !== wanted.nodeName || found.dataset?.run !== run) {
      old.insertBefore(wanted, place);
      continue;
    }
    if (found === place) place = place.nextSibling;
    else old.insertBefore(found, place);
    if (found.nodeType === Node.ELEMENT_NODE) become(found, wanted);
    else if (found.data !== wanted.data) found.data = wanted.data;
  }
  while (place) {
    const rest = place;
    place = place.nextSibling;
    rest.remove();
  }
}
