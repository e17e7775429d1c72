// The study page: curves, rows and counts of its runs, its menu of actions, and forms that open in place.

import { Curves } from "../charts/curves.js";
import { charted, fillFromPage } from "../live/charted.js";
import { listen } from "../live/events.js";
import { read, readNoMore, refresh } from "../live/live.js";
import { settle } from "../live/notice.js";
import { keepFocus } from "../morph.js";
import { startColumns } from "../table/columns.js";
import { startInlineEdit } from "../table/inline_edit.js";
import { removeRow, updateRow } from "../table/rows.js";
import { Sparklines } from "../table/sparklines.js";
import { arrived, pending } from "../live/pending.js";
import { Selection } from "../table/selection.js";
import { RunSet } from "../live/run_set.js";
import { hasEnded, setProgress } from "../shell/title.js";
import { View } from "../parts/view.js";

const TYPING_PAUSE = 300; // ms without a key until the runs are filtered
const ENDED = new Set(["finished", "failed", "cancelled"]);

const menu = () => document.querySelector("[data-menu]");

function closeMenu() {
  if (!menu().open) return;
  const hadFocus = menu().contains(document.activeElement);
  menu().open = false;
  if (hadFocus) menu().querySelector("summary").focus();
}

// Opens a form or dialog of the page; without scripts, its link leads to a page where it is open. An open form is not
// updated, so that it keeps what was read.
function show(place) {
  closeMenu();
  settle();
  if (place.matches("dialog")) place.showModal();
  else {
    place.hidden = false;
    delete place.dataset.live;
  }
  place.querySelector("input:not([type=hidden], [type=radio]), textarea").focus();
}

function hide(place) {
  const dialog = place.closest("dialog");
  if (dialog) return dialog.close();
  place.reset();
  place.hidden = true;
  place.dataset.live = "";
  menu().querySelector("summary").focus();
}

document.addEventListener("click", (event) => {
  const { target } = event;
  const opens = target.closest("a[data-opens]");
  const closes = target.closest("[data-closes]")?.closest("form");
  if (opens || closes) event.preventDefault();
  if (opens) show([...document.querySelectorAll("#labels, #delete")].find(({ id }) => opens.hash === `#${id}`));
  else if (closes) hide(closes);
  else if (!target.closest("[data-menu]") || target.closest("[data-menu] li :is(a, button)")) closeMenu();
});
document.addEventListener("keydown", ({ key, target }) => {
  if (key !== "Escape") return;
  const form = target.closest("#labels");
  if (form) hide(form);
  else closeMenu();
});

// The study was deleted elsewhere: the page keeps its last state, and nothing newer can be read.
document.addEventListener("gone", () => {
  readNoMore();
  document.querySelector("dialog#delete").close();
  const gone = document.getElementById("gone");
  gone.hidden = false;
  for (const part of document.querySelectorAll("#study-actions, main form, #study-title a, section:has(#more)")) part.hidden = true;
  keepFocus(gone);
});

// Filters the table of runs while someone types; the address has the filter.
const filter = document.querySelector("[data-run-filter]");
const search = filter.querySelector("input");
let typing = null;

async function filterRuns() {
  clearTimeout(typing);
  const address = new URL(location.href);
  address.searchParams.delete("cursor");
  if (search.value.trim()) address.searchParams.set("q", search.value.trim());
  else address.searchParams.delete("q");
  const change = pending();
  if (address.href === location.href) return arrived(change);
  history.replaceState(history.state, "", address);
  try {
    await read();
    arrived(change);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    document.addEventListener("live", () => arrived(change), { once: true });
    refresh(); // the server is away: tries again
  }
}

filter.addEventListener("submit", (event) => {
  event.preventDefault();
  filterRuns();
});
search.addEventListener("input", () => {
  clearTimeout(typing);
  pending();
  typing = setTimeout(filterRuns, TYPING_PAUSE);
});

const { study, change } = document.querySelector("main").dataset;
const set = new RunSet();
new Curves(document.getElementById("curves-chart"), set, new View());
startColumns();
startInlineEdit();
const selection = new Selection(document.getElementById("runs-form"));
const sparklines = new Sparklines();
await fillFromPage(set, `?study=${study}`, () => selection.keep(charted().runs.map(({ id }) => id)));

// Shows the progress in the title while the page is hidden.
const newest = new Map();
const settled = (run) => (ENDED.has(run.status) ? run.epochs : run.epochs_done);
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

function progressed(run) {
  if (!set.has(run.id)) return;
  newest.set(run.id, run);
  const runs = set.runs.map((known) => newest.get(known.id) ?? known);
  if (ENDED.has(run.status)) refresh();
  else setProgress(sum(runs.map(settled)) / sum(runs.map(({ epochs }) => epochs)));
}

listen("/events", change, {
  run(run) {
    if (!set.has(run.id)) {
      if (run.study_id === Number(study)) refresh();
      return;
    }
    selection.learn(run);
    if (!set.run(run)) return;
    updateRow(run);
    refresh();
  },
  epoch(record) {
    set.epoch(record);
    sparklines.epoch(record);
  },
  reset({ run_id }) {
    set.reset(run_id);
    sparklines.reset(run_id);
  },
  deleted({ run_id }) {
    selection.drop(run_id);
    if (!set.has(run_id)) return;
    removeRow(run_id);
    set.remove(run_id);
    refresh();
  },
}, () => (hasEnded() ? null : { run: progressed }));
