// The list: live rows, a word when new runs exist, and Compare once two are ticked.

import { listen } from "./events.js";
import { plural } from "./format.js";
import { rowOf, updateRow } from "./rows.js";

const form = document.querySelector(".runs-form");
const ticked = () => form.querySelectorAll('input[name="ids"]:checked');
const compare = form.querySelector("[data-compare]");
const count = form.querySelector("[data-ticked]");

const showTicked = () => {
  const number = ticked().length;
  compare.hidden = number < 2;
  count.textContent = `${plural(number, "run")} selected`;
};
form.addEventListener("change", showTicked);
window.addEventListener("pageshow", showTicked); // browsers restore ticks on the way back
showTicked();

const changeOfPage = Number(document.querySelector("main").dataset.change);
const newest = new Set();
const notice = document.querySelector("[data-new-runs]");

listen("/events", changeOfPage, {
  run(run) {
    if (updateRow(run) || run.epochs_done || run.status !== "queued") return;
    newest.add(run.id);
    notice.querySelector("[data-new-runs-count]").textContent = `${plural(newest.size, "new run")}.`;
    notice.querySelector("a").href = location.href;
    notice.hidden = false;
  },
  deleted({ run_id }) {
    rowOf(run_id)?.remove();
    showTicked();
  },
});
