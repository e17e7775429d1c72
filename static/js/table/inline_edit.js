// Edits a run's name, tags or note in its row: a press on the pencil, a double click, or F2. The run is read when the
// editor opens, so that a change by someone else in the meantime is a conflict, which the editor shows.

import { json } from "../json.js";
import { updateRow } from "./rows.js";

const TITLES = { name: "Name", tags: "Tags", note: "Note" };
const HINTS = {
  name: "Enter saves, Escape cancels. Empty: the name made from the settings.",
  tags: "Enter adds a tag.",
  note: "Ctrl+Enter saves, Escape cancels.",
};

async function patch(id, changes) {
  const answer = await fetch(`/runs/${id}`, {
    method: "PATCH",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    body: JSON.stringify(changes),
  });
  const body = await answer.json();
  if (answer.ok) return body;
  const problem = new Error(body.errors?.[0]?.msg ?? body.detail);
  problem.isConflict = answer.status === 409;
  throw problem;
}

class Editor {
  #dialog;
  #title;
  #line;
  #lines;
  #tags;
  #error;
  #hint;
  #run = null;
  #field = "name";
  #saved = Promise.resolve();

  constructor(dialog) {
    this.#dialog = dialog;
    this.#title = dialog.querySelector("[data-editor-title]");
    this.#line = dialog.querySelector("[data-editor-line]");
    this.#lines = dialog.querySelector("[data-editor-lines]");
    this.#tags = dialog.querySelector("[data-editor-tags]");
    this.#error = dialog.querySelector("[data-editor-error]");
    this.#hint = dialog.querySelector("[data-editor-hint]");
    dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#lines.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#submit();
    });
    this.#tags.addEventListener("click", ({ target }) => {
      const tag = target.closest("[data-remove-tag]")?.dataset.removeTag;
      if (tag !== undefined) this.#save(({ tags }) => ({ tags: tags.filter((other) => other !== tag) }));
    });
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog) this.#leave(); // a press beside it
    });
  }

  async open(field, row) {
    this.#field = field;
    const place = row.querySelector(`[data-column="${field}"]`) ?? row.querySelector("th");
    this.#run = await json(`/runs/${row.dataset.run}`);
    this.#fill();
    const { left, top } = place.getBoundingClientRect();
    this.#dialog.showModal();
    const { offsetWidth, offsetHeight } = this.#dialog;
    this.#dialog.style.left = `${Math.max(8, Math.min(left, innerWidth - offsetWidth - 8))}px`;
    this.#dialog.style.top = `${Math.max(8, Math.min(top - 6, innerHeight - offsetHeight - 8))}px`;
    this.#text.focus();
    if (field === "name") this.#text.select();
  }

  get #text() {
    return this.#field === "note" ? this.#lines : this.#line;
  }

  #fill() {
    const isNote = this.#field === "note";
    this.#title.textContent = `${TITLES[this.#field]} of run ${this.#run.id}`;
    this.#hint.textContent = HINTS[this.#field];
    this.#error.textContent = "";
    this.#line.hidden = isNote;
    this.#lines.hidden = !isNote;
    this.#tags.hidden = this.#field !== "tags";
    this.#text.value = this.#field === "tags" ? "" : this.#run[this.#field];
    if (this.#field === "tags") this.#text.setAttribute("list", "known-tags");
    else this.#line.removeAttribute("list");
    this.#showTags();
  }

  #showTags() {
    const chips = this.#run.tags.map((tag) => {
      const chip = Object.assign(document.createElement("button"), { type: "button", className: "tag", textContent: `${tag} ×` });
      chip.dataset.removeTag = tag;
      chip.setAttribute("aria-label", `Remove tag ${tag}`);
      return chip;
    });
    this.#tags.replaceChildren(...chips);
  }

  #submit() {
    const text = this.#text.value.trim();
    if (this.#field === "name") return this.#save(() => ({ name: text || null }));
    if (this.#field === "note") {
      const note = this.#text.value;
      return this.#save(() => ({ note }));
    }
    const added = text.split(",").map((tag) => tag.trim()).filter(Boolean);
    if (!added.length) return this.#dialog.close();
    this.#text.value = ""; // for the next tag
    return this.#save(({ tags }) => ({ tags: [...new Set([...tags, ...added])] }), text);
  }

  // Saves what was typed, as leaving a cell of a spreadsheet does.
  #leave() {
    const isTyped = this.#field === "tags" ? this.#text.value.trim() : this.#text.value !== this.#run[this.#field];
    if (isTyped) this.#submit();
    else this.#dialog.close();
  }

  // One save after the other, so that a second one changes what the first one left. `changes` makes them of the run, and
  // `typed` returns to the field if they are not saved.
  #save(changes, typed = "") {
    const { id } = this.#run;
    this.#saved = this.#saved.then(() => this.#run.id === id && this.#patch(changes, typed));
    return this.#saved;
  }

  async #patch(changes, typed) {
    const before = this.#run;
    this.#error.textContent = "";
    try {
      const run = await patch(before.id, { ...changes(before), version: before.version });
      updateRow(run);
      if (this.#run.id !== run.id) return; // the editor is on another row by now
      this.#run = run;
    } catch (error) {
      await this.#fail(before, error, changes, typed);
      return;
    }
    if (this.#field !== "tags") {
      this.#dialog.close();
      return;
    }
    this.#showTags();
    this.#text.focus();
  }

  // A change of another field, or of another tag, is no conflict: the changes are made of the run as it is now.
  async #fail(before, error, changes, typed) {
    const now = error.isConflict ? await json(`/runs/${before.id}`) : before;
    if (this.#run.id !== before.id) return;
    this.#run = now;
    if (error.isConflict && (this.#field === "tags" || now[this.#field] === before[this.#field])) {
      await this.#patch(changes, typed);
      return;
    }
    if (typed) this.#text.value = [typed, this.#text.value].filter(Boolean).join(", ");
    this.#showTags();
    if (error.isConflict) {
      this.#error.textContent = `Someone else changed this run. It is now: “${now[this.#field]}”. Save again to overwrite their change.`;
    } else this.#error.textContent = error instanceof TypeError ? "The server can’t be reached. Your input is kept." : error.message;
  }
}

const CELLS = "th[scope=row], [data-column=tags], [data-column=note]";

export function startInlineEdit() {
  const editor = new Editor(document.querySelector("[data-editor]"));
  const rowAt = (target) => target.closest?.("[data-runs] tr[data-run]");
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-edit]");
    if (button) editor.open(button.dataset.edit, rowAt(button));
  });
  document.addEventListener("dblclick", ({ target }) => {
    const cell = target.closest(CELLS);
    if (!cell || target.closest("a, button") || !rowAt(cell)) return;
    editor.open(cell.querySelector("[data-edit]")?.dataset.edit ?? "name", rowAt(cell));
  });
  document.addEventListener("keydown", (event) => {
    const row = event.key === "F2" && rowAt(event.target);
    if (!row) return;
    event.preventDefault();
    editor.open(event.target.dataset.edit ?? "name", row);
  });
}
