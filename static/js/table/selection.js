// The selected runs of the list. They stay selected on other pages, with other filters and after a reload, in the storage
// of the tab. All runs that match a filter are selected as that filter, so the server finds them.

import { plural, whole } from "../format.js";
import { Ticks } from "./ticks.js";

const KEY = "selected runs";

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // storage is blocked, or another version wrote it
  }
}

export class Selection {
  #form;
  #ids;
  #all; // the filter whose runs are all selected, as `{query, total}`, or null
  #ticks;

  constructor(form) {
    this.#form = form;
    const { ids = [], all = null } = stored();
    this.#ids = new Set(ids);
    this.#all = all;
    form.addEventListener("click", (event) => this.#click(event));
    form.addEventListener("reset", () => this.clear());
    form.addEventListener("formdata", ({ formData }) => this.#write(formData));
    document.addEventListener("live", () => this.show());
    window.addEventListener("pageshow", () => this.show()); // browsers restore ticks on the way back
    this.#ticks = new Ticks(form, (boxes, isOn) => this.#set(boxes, isOn));
    this.show();
  }

  get size() {
    return this.#all ? this.#all.total : this.#ids.size;
  }

  clear() {
    this.#ids.clear();
    this.#all = null;
    this.#save();
    queueMicrotask(() => this.show()); // after a reset of the form
  }

  drop(id) {
    if (this.#ids.delete(id)) this.#save();
    this.show();
  }

  // The filter of the list, and the number of runs that match it.
  get #listed() {
    const { matching, total } = this.#form.querySelector("[data-matching]").dataset;
    return { query: matching, total: Number(total) };
  }

  #click({ target }) {
    if (target.closest("[data-clear]")) this.clear();
    else if (target.closest("[data-select-all]")) this.#selectAll();
  }

  #set(boxes, isOn) {
    if (this.#all) this.#ids = new Set(this.#ticks.boxes.map(({ value }) => Number(value))); // continues with this page
    this.#all = null;
    for (const { value } of boxes) {
      if (isOn) this.#ids.add(Number(value));
      else this.#ids.delete(Number(value));
    }
    this.#save();
    this.show();
  }

  #selectAll() {
    this.#ids.clear();
    this.#all = this.#listed;
    this.#save();
    this.show();
    this.#form.querySelector("[data-clear]").focus(); // the pressed button is hidden now
  }

  #save() {
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ ids: [...this.#ids], all: this.#all }));
    } catch {
      // storage is blocked: the selection lasts as long as the page
    }
  }

  show() {
    const { boxes } = this.#ticks;
    const listed = this.#listed;
    const isAllHere = this.#all?.query === listed.query;
    for (const box of boxes) box.checked = this.#all ? isAllHere : this.#ids.has(Number(box.value));
    const here = boxes.filter(({ checked }) => checked).length;
    this.#ticks.show();
    if (this.size) this.#form.dataset.selected = "";
    else delete this.#form.dataset.selected;
    this.#form.querySelector("[data-compare]").hidden = this.size < 2;
    const elsewhere = this.size - here;
    const count = this.#form.querySelector("[data-ticked]");
    count.textContent = `${plural(this.size, "run")} selected${elsewhere && !this.#all ? ` (${whole(elsewhere)} not on this page)` : ""}`;
    const all = this.#form.querySelector("[data-select-all]");
    all.textContent = `Select all ${whole(listed.total)} that match`;
    all.hidden = this.#all !== null || !here || here < boxes.length || listed.total <= boxes.length;
  }

  #write(formData) {
    formData.delete("ids");
    if (this.#all) formData.set("filter", this.#all.query);
    else if (this.#ids.size) formData.set("ids", [...this.#ids].join(","));
  }
}

// Asks before a deletion: several runs need their number or the word *delete*.
export function confirmDeletion(form, selection) {
  const dialog = document.querySelector("[data-delete-dialog]");
  const typed = dialog.querySelector("input");
  const press = dialog.querySelector("[data-delete-confirmed]");
  let confirmed = "";
  const isRight = () => selection.size === 1 || [String(selection.size), "delete"].includes(typed.value.trim().toLowerCase());
  const check = () => press.setAttribute("aria-disabled", String(!isRight()));
  typed.addEventListener("input", check);
  form.addEventListener("formdata", ({ formData }) => confirmed && formData.set("confirm", confirmed));
  form.addEventListener("click", (event) => {
    if (!event.target.closest("[data-delete]") || confirmed) return;
    event.preventDefault();
    typed.value = "";
    dialog.querySelector("[data-delete-title]").textContent = `Delete ${plural(selection.size, "run")}?`;
    dialog.querySelector("[data-delete-label]").textContent = `Type ${selection.size} or delete to confirm`;
    dialog.querySelector("[data-delete-typed]").hidden = selection.size === 1;
    check();
    dialog.showModal();
  });
  dialog.addEventListener("submit", (event) => {
    if (event.submitter !== press) return;
    if (!isRight()) {
      event.preventDefault();
      typed.focus();
      return;
    }
    confirmed = String(selection.size);
    form.requestSubmit(form.querySelector("[data-delete]"));
    confirmed = "";
  });
}
