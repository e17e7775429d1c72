// The selected runs of a table. Runs stay selected on other pages, with other filters and after a reload, in the storage
// of the tab, until an action on them succeeds. All runs that match a filter are selected as that filter, so the server
// finds them; another filter drops them. A form with `data-narrows` also drops runs that another filter does not show.

import { json } from "../json.js";
import { plural, whole } from "../format.js";
import { isPending } from "../live/pending.js";
import { Ticks } from "./ticks.js";

const KEY = location.pathname === "/runs" ? "selected runs" : `selected runs of ${location.pathname}`;
const WORKING = { delete: "Deleting", archive: "Archiving", restore: "Restoring", cancel: "Cancelling", retry: "Queueing", tag: "Tagging", untag: "Untagging", study: "Adding", remove: "Removing", compare: "Comparing" };

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // storage is blocked, or another version wrote it
  }
}

const stateOf = ({ status, archived }) => ({ status, archived });

export class Selection {
  #form;
  #runs; // the state of each selected run, by id
  #all; // the filter whose runs are all selected, as `{query, total, states}`, or null
  #hasLeft; // for a comparison, which keeps the selection
  #query; // the filter of the list when it was last shown
  #working = ""; // what is being done with the runs
  #ticks;

  constructor(form) {
    this.#form = form;
    const { runs = [], all = null, hasLeft = false, query = null } = stored();
    this.#runs = new Map(runs);
    this.#all = all;
    this.#hasLeft = hasLeft;
    this.#query = query;
    form.addEventListener("click", (event) => this.#click(event));
    form.addEventListener("reset", () => queueMicrotask(() => this.show())); // once the boxes are reset
    form.addEventListener("formdata", ({ formData }) => this.#write(formData));
    form.addEventListener("sending", ({ detail }) => this.#begin(detail));
    form.addEventListener("sent", ({ detail }) => this.#end(detail));
    form.addEventListener("answered", () => this.#rest());
    document.addEventListener("live", () => this.show());
    window.addEventListener("pageshow", () => this.#return()); // browsers restore ticks on the way back
    this.#ticks = new Ticks(form, (boxes, isOn) => this.#set(boxes, isOn));
    this.#return();
  }

  get size() {
    return this.#all ? this.#all.total : this.#runs.size;
  }

  // The number of selected runs by where and how they are; null if that isn't known.
  get counts() {
    const states = this.#all ? this.#all.states : [...this.#runs.values()].map((state) => ({ ...state, runs: 1 }));
    const sum = (fits) => states?.filter(fits).reduce((total, { runs }) => total + runs, 0) ?? null;
    return {
      elsewhere: this.size - this.#ticks.boxes.filter(({ checked }) => checked).length,
      unarchived: sum(({ archived }) => !archived),
      archived: sum(({ archived }) => archived),
      active: sum(({ status }) => status === "queued" || status === "running"),
      retryable: sum(({ status }) => status === "failed" || status === "cancelled"),
    };
  }

  clear() {
    this.#runs.clear();
    this.#all = null;
    this.#save();
    this.show();
  }

  drop(id) {
    if (this.#runs.delete(id)) this.#save();
    this.show();
  }

  // Deselects all runs except these, for example runs that were deleted while no page was open.
  keep(ids) {
    this.#keepOnly(new Set(ids));
    this.show();
  }

  // Follows the state of a selected run.
  learn(run) {
    if (!this.#runs.has(run.id)) return;
    this.#runs.set(run.id, stateOf(run));
    this.#save();
    this.show();
  }

  // The filter of the list, and the number of runs that match it.
  get #listed() {
    const { matching, total } = this.#form.querySelector("[data-matching]").dataset;
    return { query: matching, total: Number(total) };
  }

  #click({ target }) {
    if (target.closest("[data-clear]")) this.clear();
    else if (target.closest("[data-select-all]") && !isPending(this.#form)) this.#selectAll();
  }

  #add(box) {
    const { dataset } = box.closest("tr");
    this.#runs.set(Number(box.value), { status: dataset.status, archived: dataset.archived === "true" });
  }

  #set(boxes, isOn) {
    if (this.#all) for (const box of this.#ticks.boxes) this.#add(box); // continues with this page
    this.#all = null;
    for (const box of boxes) {
      if (isOn) this.#add(box);
      else this.#runs.delete(Number(box.value));
    }
    this.#save();
    this.show();
  }

  async #selectAll() {
    const all = { ...this.#listed, states: null };
    this.#runs.clear();
    this.#all = all;
    this.#save();
    this.show();
    this.#form.querySelector("[data-clear]").focus({ preventScroll: true }); // the pressed button is hidden now
    try {
      const { groups } = await json(`/runs?${all.query}&group=status,archived&limit=100`);
      all.states = groups.map(({ key, runs }) => ({ ...key, runs }));
    } catch {
      return; // every action stays on offer
    }
    if (this.#all !== all) return;
    this.#save();
    this.show();
  }

  #save() {
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ runs: [...this.#runs], all: this.#all, hasLeft: this.#hasLeft, query: this.#query }));
    } catch {
      // storage is blocked: the selection lasts as long as the page
    }
  }

  #keepOnly(ids) {
    for (const id of this.#runs.keys()) if (!ids.has(id)) this.#runs.delete(id);
    this.#save();
  }

  // Selects no runs any more that this page does not show.
  #dropHidden() {
    this.#keepOnly(new Set(this.#ticks.boxes.map(({ value }) => Number(value))));
  }

  // After a comparison, the runs of the page stay selected.
  #return() {
    if (this.#hasLeft) {
      this.#hasLeft = false;
      this.#dropHidden();
    }
    this.show();
  }

  #begin({ button, body }) {
    const action = new URLSearchParams(body).get("action");
    this.#working = `${WORKING[action] ?? "Changing"} ${plural(this.size, "run")} …`;
    for (const other of this.#form.querySelectorAll(".bulk button")) if (other !== button) other.ariaDisabled = "true";
    this.show();
  }

  #end({ body, isDone, isLeaving }) {
    this.#working = "";
    if (isLeaving) {
      this.#hasLeft = true;
      this.#save();
    }
    if (!isDone) return;
    const sent = new URLSearchParams(body);
    if (sent.get("filter") && sent.get("filter") === this.#all?.query) this.#all = null;
    for (const id of (sent.get("ids") ?? "").split(",")) this.#runs.delete(Number(id));
    this.#save();
  }

  #rest() {
    this.#working = "";
    for (const button of this.#form.querySelectorAll(".bulk button")) button.ariaDisabled = null;
    this.show();
  }

  show() {
    const { boxes } = this.#ticks;
    const listed = this.#listed;
    if (this.#all && this.#all.query !== listed.query) {
      this.#all = null;
      this.#save();
    }
    if (this.#query !== listed.query) {
      const narrows = this.#query !== null && this.#form.dataset.narrows !== undefined;
      this.#query = listed.query;
      if (narrows) this.#dropHidden();
    }
    for (const box of boxes) box.checked = this.#all !== null || this.#runs.has(Number(box.value));
    const here = boxes.filter(({ checked }) => checked).length;
    this.#ticks.show();
    if (this.size || this.#working) this.#form.dataset.selected = "";
    else delete this.#form.dataset.selected;
    const { elsewhere, unarchived, archived, active, retryable } = this.counts;
    const count = this.#form.querySelector("[data-ticked]");
    const hidden = elsewhere && !this.#all ? ` (${whole(elsewhere)} not on this page)` : "";
    count.textContent = this.#working || `${plural(this.size, "run")} selected${hidden}`;
    for (const [name, fitting] of Object.entries({ cancel: active, retry: retryable, archive: unarchived, restore: archived })) {
      const button = this.#form.querySelector(`.bulk [value="${name}"]`);
      if (button) button.hidden = fitting === 0;
    }
    for (const button of this.#form.querySelectorAll(".bulk [data-count]")) {
      button.dataset.count = plural((button.value === "cancel" ? active : null) ?? this.size, "run");
    }
    this.#form.querySelector("[data-compare]").hidden = this.size < 2;
    const all = this.#form.querySelector("[data-select-all]");
    all.textContent = `Select all ${whole(listed.total)} that match`;
    all.hidden = this.#all !== null || !here || here < boxes.length || listed.total <= boxes.length;
  }

  #write(formData) {
    formData.delete("ids");
    if (this.#all) formData.set("filter", this.#all.query);
    else if (this.#runs.size) formData.set("ids", [...this.#runs.keys()].join(","));
  }
}
