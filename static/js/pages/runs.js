// The list of runs: live rows, a notice about new runs, and *Compare* for two or more selected runs.

import { listen } from "../live/events.js";
import { plural } from "../format.js";
import { startFilters } from "../parts/filters.js";
import { removeRow, rowOf, updateRow } from "../parts/rows.js";

const form = document.querySelector(".runs-form");
startFilters();

const ticked = () => form.querySelectorAll('input[name="ids"]:checked');
const compare = form.querySelector("[data-compare]");
const count = form.querySelector("[data-ticked]");

const showTicked = () => {
  const number = ticked().length;
  compare.hidden = number < 2;
  count.textContent = `${plural(number, "run")} selected`;
};
form.addEventListener("change", showTicked);
form.addEventListener("reset", () => queueMicrotask(showTicked));
window.addEventListener("pageshow", showTicked); // browsers restore ticks on the way back
showTicked();

const { change, newestRun } = document.querySelector("main").dataset;
const unseen = new Set();
const notice = document.querySelector("[data-new-runs]");

function showUnseen() {
  notice.querySelector("[data-new-runs-count]").textContent = `${plural(unseen.size, "new run")} since this page was loaded.`;
  notice.querySelector("a").href = location.href;
  notice.hidden = !unseen.size;
}

// Removes runs from the notice once the updated page lists them.
document.addEventListener("live", () => {
  for (const id of unseen) if (rowOf(id)) unseen.delete(id);
  showUnseen();
});

listen("/events", change, {
  run(run) {
    if (updateRow(run) || run.id <= Number(newestRun) || unseen.has(run.id)) return;
    unseen.add(run.id);
    showUnseen();
  },
  deleted({ run_id }) {
    removeRow(run_id);
    if (unseen.delete(run_id)) showUnseen();
    showTicked();
  },
});
