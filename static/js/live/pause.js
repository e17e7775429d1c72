// The banner of a paused queue, on every page.

import { keepFocus } from "../morph.js";
import { timeElement } from "./times.js";

const banner = document.querySelector("[data-pause-banner]");

// Shows or hides the banner; `since` is the start of the pause, or null. Dispatches "queue" for texts of the page that
// depend on the pause.
export function showPause({ since }) {
  banner.querySelector("[data-paused-since]").replaceChildren(...(since ? [timeElement(since)] : []));
  banner.hidden = !since;
  keepFocus();
  document.dispatchEvent(new Event("queue"));
}
