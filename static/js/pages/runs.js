// The list of runs: live rows, a notice about new runs, the selection and its actions, columns and edits in place.

import { listen } from "../live/events.js";
import { refresh } from "../live/live.js";
import { plural } from "../format.js";
import { startFilters } from "../parts/filters.js";
import { startColumns } from "../table/columns.js";
import { confirmDeletion } from "../table/delete_dialog.js";
import { startInlineEdit } from "../table/inline_edit.js";
import { removeRow, rowOf, updateRow } from "../table/rows.js";
import { Selection } from "../table/selection.js";
import { Sparklines } from "../table/sparklines.js";

const form = document.querySelector(".runs-form");
startFilters();

const selection = new Selection(form);
confirmDeletion(form, selection);
startColumns();
startInlineEdit();
const sparklines = new Sparklines();

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
    selection.learn(run);
    if (updateRow(run) || run.id <= Number(newestRun) || unseen.has(run.id)) return;
    unseen.add(run.id);
    showUnseen();
  },
  epoch: (record) => sparklines.epoch(record),
  reset: ({ run_id }) => sparklines.reset(run_id),
  deleted({ run_id }) {
    removeRow(run_id);
    if (unseen.delete(run_id)) showUnseen();
    selection.drop(run_id);
    refresh(); // the number of runs, and the rows that move up from the next page
  },
});
