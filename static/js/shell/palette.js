// The command palette: pages, actions of the page, runs and studies, found by name.

import { json } from "../json.js";

const RECENT = "recent";
const KEPT = 8;
const FOUND = 8; // of each kind
const PAUSE = 120; // ms of no typing before the server is asked

// A control says in `data-command` what it does; a select box also does what each of its options says.
const PAGES = ".bar nav a, footer.page a";
const ACTIONS = "main .heading .actions :is(a, button), main [data-command]";
const COMMON = ".bar [data-command], #pause [data-command]";

function stored() {
  try {
    return JSON.parse(localStorage.getItem(RECENT)) ?? [];
  } catch {
    return []; // storage is blocked
  }
}

function store(recent) {
  try {
    localStorage.setItem(RECENT, JSON.stringify(recent.slice(0, KEPT)));
  } catch {
    // storage is blocked or full: there is no history
  }
}

// Remembers a run or a study as recently visited.
function remember() {
  const { pathname } = location;
  const kind = /^\/(run|studie)s\/\d+$/.exec(pathname)?.[1];
  const label = document.querySelector("h1")?.textContent.trim();
  if (!kind || !label) return;
  const others = stored().filter(({ href }) => href !== pathname);
  store([{ label, href: pathname, note: kind === "run" ? "run" : "study" }, ...others]);
}

// The recent runs and studies that still exist, with their present names.
async function current() {
  const recent = stored();
  const ids = (note) => recent.filter((each) => each.note === note).map(({ href }) => href.split("/").at(-1));
  const [runs, studies] = [ids("run"), ids("study")];
  const read = async (count, address, name) => (count ? (await json(address))[name] : []);
  const [foundRuns, foundStudies] = await Promise.all([
    read(runs.length, `/runs?id=${runs}&archived=all`, "runs"),
    read(studies.length, "/studies?archived=all", "studies"),
  ]);
  const names = new Map();
  for (const { id, name } of foundRuns) names.set(`/runs/${id}`, name);
  for (const { id, name } of foundStudies) names.set(`/studies/${id}`, name);
  const kept = recent.filter(({ href }) => names.has(href)).map((each) => ({ ...each, label: names.get(each.href) }));
  store(kept);
  return kept;
}

const wordsOf = (element) => element.dataset.command || element.getAttribute("aria-label") || element.textContent;
const labelOf = (element) => wordsOf(element).replaceAll(/\s+/g, " ").trim();

const keysOf = (element) => (element.getAttribute("aria-keyshortcuts") ?? "").replace("Control+K", "");

const WAYS = { "↑": "↑ ascending", "↓": "↓ descending" };

// Whether an element can be used, also if it is in a closed panel.
function isUsable(element) {
  const panel = element.closest("details.chooser:not([open])");
  if (element.disabled || element.ariaDisabled === "true" || element.closest("[hidden]")) return false;
  if (!panel || element.matches("summary")) return element.checkVisibility();
  return "command" in element.dataset && panel.checkVisibility();
}

// The entries of an element; those that are `quiet` are only found by their names.
function entriesOf(element, note) {
  const label = labelOf(element);
  const quiet = element.closest(".chooser .panel") !== null;
  if (element.matches("select")) {
    const others = [...element.options].filter((option) => !option.selected);
    return others.map((option) => ({
      label: `${label}: ${option.text.replace(/[↑↓]/, (sign) => WAYS[sign])}`,
      quiet: true,
      run() {
        element.value = option.value;
        element.dispatchEvent(new Event("change", { bubbles: true }));
      },
    }));
  }
  const run = element.matches("input:not([type=checkbox])") ? () => element.select() : () => element.click();
  const state = element.matches("input[type=checkbox]:checked") ? "on" : "";
  return [{ label, note: keysOf(element) || state || note, quiet, run }];
}

function listedOnce(entries) {
  const labels = new Set();
  return entries.filter(({ label }) => !labels.has(label) && labels.add(label));
}

// What can be done on this page. An address is listed once, and disabled or invisible elements are left out.
function commands() {
  const taken = new Set([location.pathname + location.search]);
  const isNew = (address) => !taken.has(address) && taken.add(address);
  const all = [...document.querySelectorAll(ACTIONS), ...document.querySelectorAll(COMMON)];
  const actions = all.filter(isUsable);
  const pages = [...document.querySelectorAll(PAGES)].filter((each) => isNew(each.getAttribute("href")));
  const isOnce = (each) => !each.href || isNew(each.getAttribute("href"));
  return {
    actions: listedOnce(actions.filter(isOnce).flatMap((each) => entriesOf(each, ""))),
    pages: pages.map((each) => ({ ...entriesOf(each, "")[0], href: each.getAttribute("href") })),
  };
}

// Whether every word of the query begins a word of the label.
export function isMatch(label, query) {
  const words = label.toLowerCase().split(/[^\p{L}\p{N}.]+/u);
  return query.toLowerCase().split(/\s+/).filter(Boolean).every((part) => words.some((word) => word.startsWith(part)));
}

class Palette {
  #dialog;
  #input;
  #list;
  #note;
  #entries = []; // shown, in order
  #at = 0;
  #own = { actions: [], pages: [] };
  #recent = [];
  #studies = null;
  #asked = 0;
  #waiting = null;

  constructor(dialog) {
    this.#dialog = dialog;
    this.#input = dialog.querySelector("input");
    this.#list = dialog.querySelector('[role="listbox"]');
    this.#note = dialog.querySelector('[role="status"]');
    this.#input.addEventListener("input", () => this.#search());
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    this.#list.addEventListener("click", (event) => this.#take(event));
    this.#list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }

  toggle() {
    if (this.#dialog.open) return this.#dialog.close();
    this.#own = commands();
    this.#studies = null;
    this.#input.value = "";
    this.#dialog.showModal();
    this.#search();
    this.#readRecent();
  }

  async #readRecent() {
    this.#recent = [];
    try {
      this.#recent = await current();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.#recent = stored(); // the server is away
    }
    if (this.#dialog.open && !this.#input.value.trim()) this.#search();
  }

  #search() {
    const query = this.#input.value.trim();
    clearTimeout(this.#waiting);
    this.#asked += 1;
    this.#show(query);
    if (query) this.#waiting = setTimeout(() => this.#ask(query), PAUSE);
  }

  // Asks the server for runs and studies; an answer to an older query is dropped.
  async #ask(query) {
    const mine = this.#asked;
    try {
      this.#studies ??= json("/studies");
      const [{ runs }, { studies }] = await Promise.all([json(`/runs?${new URLSearchParams({ q: query, archived: "all", limit: FOUND })}`), this.#studies]);
      if (mine !== this.#asked) return;
      const found = studies.filter(({ name }) => isMatch(name, query)).slice(0, FOUND);
      this.#show(query, [
        ["Studies", found.map(({ id, name }) => ({ label: name, note: `study ${id}`, href: `/studies/${id}` }))],
        ["Runs", runs.map(({ id, name, status }) => ({ label: name, note: `run ${id}, ${status}`, href: `/runs/${id}` }))],
      ]);
    } catch (error) {
      this.#studies = null;
      if (mine === this.#asked) this.#note.textContent = error instanceof TypeError ? "The server can’t be reached." : "";
    }
  }

  #show(query, found = []) {
    const fits = ({ label }) => isMatch(label, query);
    const recent = query ? [] : this.#recent.filter(({ href }) => href !== location.pathname);
    const actions = this.#own.actions.filter((each) => (query ? fits(each) : !each.quiet));
    const groups = [["Recent", recent], ["On this page", actions], ["Go to", this.#own.pages.filter(fits)], ...found];
    this.#entries = groups.flatMap(([, entries]) => entries);
    let number = 0;
    this.#list.replaceChildren(...groups.filter(([, entries]) => entries.length).map(([name, entries]) => this.#group(name, entries, () => number++)));
    this.#at = 0;
    this.#mark();
    const count = this.#entries.length;
    this.#note.textContent = count ? "" : found.length ? `Nothing matches “${query}”.` : query ? "Searching …" : "";
  }

  #group(name, entries, next) {
    const group = Object.assign(document.createElement("div"), { role: "group", ariaLabel: name });
    const title = Object.assign(document.createElement("div"), { className: "small muted", textContent: name, ariaHidden: "true" });
    group.append(title, ...entries.map(({ label, note }) => {
      const option = Object.assign(document.createElement("div"), { role: "option", id: `command-${next()}` });
      option.append(Object.assign(document.createElement("span"), { textContent: label }));
      if (note) option.append(Object.assign(document.createElement("span"), { className: "small muted", textContent: note }));
      return option;
    }));
    return group;
  }

  #mark() {
    const options = this.#list.querySelectorAll('[role="option"]');
    options.forEach((option, place) => option.setAttribute("aria-selected", place === this.#at));
    const current = options[this.#at];
    if (current) this.#input.setAttribute("aria-activedescendant", current.id);
    else this.#input.removeAttribute("aria-activedescendant");
    current?.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    const count = this.#entries.length;
    const steps = { ArrowDown: this.#at + 1, ArrowUp: this.#at - 1 + count, PageDown: Math.min(this.#at + FOUND, count - 1), PageUp: Math.max(this.#at - FOUND, 0) };
    if (event.isComposing) return;
    if (event.key === "Enter") this.#choose(this.#at, event);
    else if (!Object.hasOwn(steps, event.key) || !count) return;
    event.preventDefault();
    if (event.key === "Enter") return;
    this.#at = steps[event.key] % count;
    this.#mark();
  }

  #take(event) {
    const option = event.target.closest('[role="option"]');
    if (option) this.#choose([...this.#list.querySelectorAll('[role="option"]')].indexOf(option), event);
  }

  // Opens an address, in a new tab with Ctrl or Cmd, or presses the element of the page.
  #choose(place, { ctrlKey, metaKey }) {
    const entry = this.#entries[place];
    if (!entry) return;
    this.#dialog.close();
    if (!entry.href) entry.run();
    else if (ctrlKey || metaKey) window.open(entry.href);
    else location.assign(entry.href);
  }
}

// `opener` is the button that opens the palette, as Ctrl-K or Cmd-K do.
export function startPalette(dialog, opener) {
  const palette = new Palette(dialog);
  remember();
  if (/^(Mac|iP)/.test(navigator.platform)) opener.querySelector("kbd").textContent = "⌘ K";
  opener.addEventListener("click", () => palette.toggle());
  document.addEventListener("keydown", (event) => {
    const isAsked = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k";
    if (!isAsked || document.querySelector("dialog[open]:not([data-palette])")) return;
    event.preventDefault();
    palette.toggle();
  });
}
