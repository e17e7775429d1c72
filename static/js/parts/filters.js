// The filters of the list of runs: search as you type, and links and choices that update the list in place. The address
// always shows what the list shows.

import { takeFocus } from "../focus.js";
import { read, refresh } from "../live/live.js";
import { arrived, isPending, pending } from "../live/pending.js";
import { closeChoosers } from "./choosers.js";
import { FilterBuilder } from "./filter_builder.js";

const PAUSE = 200; // ms without a key until the list is searched
const LONG_PAUSE = 1000; // ms, while the last word may become the name of a field
const SHAPES = new Set(["group"]); // fields whose several choices make one parameter
const BUILDER = new Set(["field", "op", "value", "to"]);

const form = document.querySelector("[data-filters]");
const noFilters = new Set(form.dataset.noFilters.split(" ")); // parameters that select no runs
const search = form.querySelector("input[type=search]");
const fieldOf = (name) => form.elements[name];
const builder = new FilterBuilder(form);
const names = [...search.list.options].map((option) => option.cloneNode());

let timer = null;

// The address of the list with the choices of the form.
function addressOf() {
  const params = new URLSearchParams();
  for (const [name, text] of new FormData(form)) {
    if (!text || BUILDER.has(name)) continue;
    if (SHAPES.has(name) && params.has(name)) params.set(name, `${params.get(name)},${text}`);
    else params.set(name, text);
  }
  const query = params.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  return query ? `/runs?${query}` : "/runs";
}

// The filters of an address, without the order, the groups and the place in the list.
function filtersOf(address) {
  const params = [...new URL(address, location.href).searchParams];
  return new URLSearchParams(params.filter(([name]) => !noFilters.has(name))).toString();
}

async function update(change) {
  try {
    await read();
    arrived(change);
    follow(); // the server may have written the address in another way
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    document.addEventListener("live", () => arrived(change), { once: true });
    refresh(); // the server is away: tries again
  }
}

// Shows the choices of the address in the form, after a link or a step back changed it.
function follow() {
  const params = new URLSearchParams(location.search);
  if (document.activeElement !== search) search.value = params.get("q") ?? "";
  for (const name of ["status", "archived", "sort", "limit"]) {
    const field = fieldOf(name);
    const text = params.get(name) ?? "";
    const option = [...field.options].find((each) => each.value === text);
    if (option) field.value = text;
    else if (text) field.add(new Option(text, text, false, true));
    else field.selectedIndex = 0;
  }
  const groups = (params.get("group") ?? "").split(",");
  for (const [place, field] of form.querySelectorAll("select[name=group]").entries()) field.value = groups[place] ?? "";
}

async function searchNow() {
  clearTimeout(timer);
  const address = addressOf();
  const change = pending();
  if (address === location.pathname + location.search) return arrived(change);
  history.replaceState(null, "", address);
  await update(change);
}

function open(address) {
  clearTimeout(timer);
  const change = isPending(document) || filtersOf(address) !== filtersOf(location.href) ? pending() : null;
  history.pushState(null, "", address);
  follow();
  return update(change);
}

// Leads to the place where a filter is edited: its part of the search, or its field. Filters without a field move into the search.
async function edit(place) {
  const [name, start, end] = place.split(" ");
  if (name !== "q" && ["status", "archived"].includes(name)) return fieldOf(name).focus();
  let part = [Number(start), Number(end)];
  if (name !== "q") {
    const params = new URLSearchParams(location.search);
    const before = params.get("q")?.trim() ?? "";
    const value = params.get(name);
    const term = /^[<>]/.test(value) ? name + value : `${name}:${value}`;
    params.delete(name);
    params.set("q", `${before} ${term}`.trim());
    part = [params.get("q").length - term.length, params.get("q").length];
    await open(`/runs?${params}`);
  }
  search.focus();
  search.setSelectionRange(...part);
}

// Moves the focus after an update in place, unless the person has moved it meanwhile.
function passFocus(to, before, scrolls = false) {
  const isElsewhere = ![before, document.body].includes(document.activeElement);
  takeFocus(isElsewhere ? null : to, scrolls);
}

const lastWord = () => /\S*$/.exec(search.value)[0];

// Whether the last word begins the name of a field.
function mayBecomeField() {
  const word = lastWord().replace(/^[-!]/, "").toLowerCase();
  return word.length > 1 && names.some(({ value }) => value.startsWith(word) && value !== word);
}

// Completes the last word with names of fields, and after one with its values. The options begin with the words before
// it, because a browser replaces the whole text.
function offerFilters() {
  const word = lastWord().replace(/^[-!]/, "");
  const before = search.value.slice(0, search.value.length - word.length);
  const field = names.find(({ value }) => word.toLowerCase().startsWith(value));
  const quoted = (value) => (/[\s,"]/.test(value) ? JSON.stringify(value) : value);
  const own = field ? builder.valuesOf(field.value.slice(0, -1)).map((value) => [field.value + quoted(value), value]) : [];
  const offered = field ? own : names.map(({ value, label }) => [value, label]);
  search.list.replaceChildren(...offered.map(([text, label]) => Object.assign(document.createElement("option"), { value: before + text, label })));
}

export function startFilters() {
  search.addEventListener("input", () => {
    clearTimeout(timer);
    pending();
    offerFilters();
    timer = setTimeout(searchNow, mayBecomeField() ? LONG_PAUSE : PAUSE);
  });
  form.addEventListener("change", ({ target }) => {
    if (target !== search && !BUILDER.has(target.name)) open(addressOf());
  });
  // A new filter is put together by the server; everything else is an update in place.
  form.addEventListener("submit", async (event) => {
    if (builder.isComplete) return;
    event.preventDefault();
    const before = document.activeElement;
    await searchNow();
    passFocus(form.dataset.givesFocus, before);
    follow(); // a filter with its own field has left the search
    closeChoosers();
  });
  // The address contains the active filters only.
  form.addEventListener("formdata", ({ formData }) => {
    for (const name of new Set(formData.keys())) {
      const given = formData.getAll(name).filter(Boolean);
      formData.delete(name);
      for (const text of given) formData.append(name, text);
    }
  });
  document.addEventListener("click", ({ target }) => {
    const place = target.closest("[data-edit-filter]")?.dataset.editFilter;
    if (place) edit(place);
  });
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-in-place]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const before = document.activeElement;
    await open(link.href);
    passFocus(link.dataset.givesFocus, before, link.closest(".pager") !== null);
  });
  window.addEventListener("popstate", () => {
    follow();
    update(pending());
  });
}
