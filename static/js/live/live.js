// Reads parts of the page again when runs change: elements with an id and `data-live`. For `data-live="outside"`
// only the attributes are updated.

import { become, becomeOutside, keepFocus } from "../morph.js";
import { say } from "./notice.js";
import { throttle } from "../throttle.js";

// A page that is expensive to render sets a longer pause.
const PAUSE = Number(document.querySelector("main").dataset.pause ?? 700);

let asked = 0;
let newest = 0;
let isOver = false;

// Called when the subject of the page was deleted: responses that arrive later are ignored.
export function readNoMore() {
  isOver = true;
}

// Whether a form with `data-deletes` is deleting the subject of the page. The form leads to another page, or it is rejected
// and the page is read again.
const isBeingDeleted = () => document.querySelector("form[data-deletes] [aria-busy]") !== null;

// The action of a notice that can be undone: the form of the new page is sent like one of this page.
function undoOf(fresh) {
  const form = fresh.querySelector("[data-undo]");
  if (!form) return null;
  const run = () => {
    document.body.append(form);
    form.requestSubmit();
    form.remove();
  };
  return { label: form.querySelector("button").textContent, run };
}

// Reads the page and updates its live parts, and `others`, elements with an id, unless a newer reading came first.
// Dispatches "live", or "gone" if the subject of the page was deleted.
export async function read(others = []) {
  const mine = (asked += 1);
  const asking = location.href;
  const answer = await fetch(asking, { headers: { Accept: "text/html" } });
  if (answer.status === 404) {
    if (!isBeingDeleted()) document.dispatchEvent(new Event("gone"));
    return;
  }
  if (!answer.ok) throw new TypeError(`${location.href}: ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const notice = fresh.querySelector("[data-notice]");
  if (isOver) return;
  const shown = new URL(answer.url);
  const isSame = asking === location.href && shown.pathname === location.pathname;
  if (answer.redirected && isSame) history.replaceState(history.state, "", shown); // the server writes it in another way
  if (notice) say(notice.textContent, false, undoOf(fresh));
  const isNewest = mine > newest;
  if (isNewest) newest = mine;
  const live = isNewest ? [...document.querySelectorAll("[data-live]")] : [];
  const apart = live.filter((each) => !others.some((other) => other.contains(each))); // the others update their own parts
  for (const old of [...apart, ...others]) {
    const next = fresh.getElementById(old.id);
    if (next) (old.dataset.live === "outside" ? becomeOutside : become)(old, next);
  }
  keepFocus();
  document.title = fresh.title;
  document.dispatchEvent(new Event("live"));
}

export const refresh = throttle(async () => {
  if (!isBeingDeleted()) await read();
}, PAUSE);
