// Image by image: images that one group classifies correctly more often than another, and one run against another.

import { colour } from "../plot/colours.js";
import { percent, whole } from "../format.js";
import { fill } from "../morph.js";
import { againButton, named } from "../retrain.js";
import { throttle } from "../throttle.js";

const SHOWN = 24;
const ENDED = new Set(["finished", "failed", "cancelled"]);
const DIGITS = [...Array(10).keys()];
const part = (name) => document.querySelector(`[data-images-${name}]`);

function element(name, properties = {}, children = []) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// An element that is reused while there is one with this key.
function kept(key, made) {
  made.dataset.key = key;
  return made;
}

// Fills a select with options. Without a choice in the address, the last choice stays.
function offer(select, options, asked) {
  const chosen = [asked, select.value].find((wanted) => options.some(([value]) => value === wanted)) ?? options[0]?.[0] ?? "";
  fill(select, ...options.map(([value, text]) => kept(value, element("option", { value, textContent: text }))));
  if (select.value !== chosen) select.value = chosen;
}

// What the runs of these groups are called: seeds, unless some share a seed.
function unit(groups) {
  return groups.every(({ runs, seeds }) => runs.length === seeds) ? "seeds" : "runs";
}

// The value of a step in the address: `2-3` for depths.
function nameOf({ ids, depths }) {
  return depths ? depths.join("-") : ids.join(" ");
}

// Both groups of a step in words: `2 and 3 layers`.
function bothOf({ groups, depths }) {
  return depths ? `${depths[0]} and ${groups[1]}` : groups.join(" and ");
}

// Reads JSON; for a rejected request, returns the server's message as `problem`.
async function read(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  const body = await answer.json();
  if (answer.ok) return body;
  if (answer.status >= 500) throw new TypeError(`${url}: ${answer.status}`);
  return { problem: body.detail };
}

export class Images {
  #found = null;
  #ended = ""; // the runs that #found is about
  #step = null;
  #stepOf = ""; // the runs that #step is about
  #tested = null;
  #testedOf = ""; // the pair of runs that #tested is about
  #names = new Map();
  #all = false;
  #shown = new Set();
  #show = throttle(() => this.#read(), 100);

  constructor(view, selection) {
    this.view = view;
    this.query = selection || "?";
    part("runs").open = ["first", "second"].some((name) => view.get(name));
    const choose = (name, key) =>
      part(name).addEventListener("change", (event) => this.#choose({ [key]: event.target.value }));
    choose("step", "step");
    choose("kind", "kind");
    for (const name of ["first", "second"]) {
      part(name).addEventListener("change", (event) => {
        this.view.set({ [name]: event.target.value });
        this.#show();
      });
    }
    part("more").addEventListener("click", () => {
      this.#all = true;
      const first = part("gallery").children.length;
      this.#gallery();
      const more = part("gallery").children[first]; // the pressed button is gone
      more.tabIndex = -1;
      more.focus();
    });
    part("digits").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) this.#choose({ digit: button.getAttribute("aria-pressed") === "true" ? "" : button.value });
    });
  }

  // Reads the predictions again if another run has ended or one was deleted. Stored predictions never change.
  async load(runs) {
    this.#names = new Map(runs.map((run) => [run.id, `${run.id}: ${run.name}`]));
    const ended = JSON.stringify(runs.filter(({ status }) => ENDED.has(status)).map(({ id, attempt, status }) => [id, attempt, status]));
    if (!this.#found || ended !== this.#ended) {
      this.#found = await read(`/compare/images${this.query}`);
      this.#ended = ended;
      this.#testedOf = "";
    }
    await this.#show();
  }

  // A new choice starts with its first pictures.
  #choose(values) {
    this.#all = false;
    this.#shown.clear();
    this.view.set(values);
    this.#show();
  }

  async #read() {
    const found = this.#found;
    if (!found) return;
    const { steps, runs } = found;
    offer(part("step"), steps.map((step) => [nameOf(step), bothOf(step)]), this.view.get("step"));
    const kind = this.view.get("kind") === "broken" ? "broken" : "fixed";
    if (part("kind").value !== kind) part("kind").value = kind;
    const step = steps.find((each) => nameOf(each) === part("step").value);
    const stepOf = step ? JSON.stringify(this.#groupsOf(step)) : "";
    if (stepOf !== this.#stepOf) {
      const query = step && new URLSearchParams({ first: step.ids[0], second: step.ids[1] });
      const answer = step && (await read(`/compare/images/step${this.query}&${query}`));
      this.#step = !answer || answer.problem ? null : { ...answer, groups: this.#groupsOf(step) };
      this.#stepOf = stepOf;
    }
    for (const name of ["step", "kind"]) part(name).parentElement.hidden = !steps.length;
    if (step) this.#nameKinds(step);
    this.#note(step);
    this.#gallery();
    this.#perDigit();
    part("tables").hidden = !runs.length;
    if (runs.length) await this.#pair();
  }

  #groupsOf({ ids }) {
    return ids.map((wanted) => this.#found.groups.find(({ id }) => id === wanted));
  }

  // Depths have an order; of other groups the choices name both.
  #nameKinds({ groups: [first, second], depths }) {
    const [fixed, broken] = part("kind").options;
    fill(fixed, `correct more often with ${depths ? "more layers" : `${second} than with ${first}`}`);
    fill(broken, `correct more often with ${depths ? "fewer layers" : `${first} than with ${second}`}`);
  }

  #note(step) {
    const { missing, warnings, groups } = this.#found;
    const note = part("note");
    const sentences = [];
    if (step) sentences.push(step.sentence);
    else if (groups.length === 1) sentences.push("Add runs of a second group to compare images.");
    const words = [...sentences, ...warnings].join(" ");
    const have = missing.length === 1 ? "has" : "have";
    if (missing.length) fill(note, `${words} ${named(missing)} ${have} no stored predictions. `, againButton(missing));
    else fill(note, words);
  }

  #gallery() {
    const kind = part("kind").value;
    const images = this.#step?.[kind] ?? [];
    const digit = this.view.get("digit");
    const counts = DIGITS.map((each) => images.filter(({ label }) => label === each).length);
    fill(
      part("digits"),
      ...(images.length ? DIGITS : []).map((each) => {
        const count = element("small", { textContent: counts[each] });
        const what = element("span", { className: "visually-hidden", textContent: counts[each] === 1 ? "image" : "images" });
        const button = element("button", { type: "button", value: each, disabled: !counts[each] }, [`${each} `, count, " ", what]);
        button.setAttribute("aria-pressed", digit === `${each}`);
        return kept(each, button);
      }),
    );
    const wanted = DIGITS.map(String).includes(digit) ? images.filter(({ label }) => label === Number(digit)) : images;
    // pictures that are shown stay visible when others are inserted before them
    const shown = wanted.filter(({ index }, place) => this.#all || place < SHOWN || this.#shown.has(index));
    this.#shown = new Set(shown.map(({ index }) => index));
    fill(part("gallery"), ...shown.map((image) => kept(image.index, this.#picture(image, kind))));
    part("legend").hidden = !shown.length;
    if (shown.length) {
      const [more, less] = this.#sides(kind);
      fill(
        part("legend"),
        `Below each image: how many ${unit(this.#step.groups)} classify it correctly (${more.label} vs. ${less.label}), and the most ` +
          "frequent prediction of each. Wrong predictions are struck through.",
      );
    }
    part("more").hidden = shown.length === wanted.length;
    fill(part("more"), `Show all ${whole(wanted.length)}`);
  }

  // Both groups of the step; the one whose runs are correct more often comes first.
  #sides(kind) {
    const { groups } = this.#step;
    return kind === "fixed" ? groups.toReversed() : groups;
  }

  #picture({ index, label, ...answers }, kind) {
    const { dataset } = this.#found;
    const [more, less] = this.#sides(kind).map((group) => ({
      ...group,
      short: group.label.replace(/ layers?$/, ""),
      ...(group === this.#step.groups[0] ? answers.first : answers.second),
    }));
    const correct = ({ correct, runs }) => (more.runs === less.runs ? `${correct}` : `${correct} of ${runs}`);
    const by = ({ given, runs }) => `by ${given} of ${runs}`;
    const line = (side) =>
      element("span", { className: side.digit === label ? "" : "wrong" }, [`${side.short}: `, element("b", { textContent: side.digit }), ` ${by(side)}`]);
    const said = (side) => `${side.label}: ${side.correct} of ${side.runs} correct, ${side.digit} ${by(side)}.`;
    const surely = (side) => `${side.label} ${percent(side.confidence, 0)}`;
    return element("li", {}, [
      element("img", {
        src: `/datasets/${dataset}/test/${index}.png`,
        width: 64,
        height: 64,
        loading: "lazy",
        alt: `Label ${label}. ${said(more)} ${said(less)}`,
        title: `Test image ${index}, label ${label}. Mean confidence: ${surely(more)}, ${surely(less)}.`,
      }),
      element("span", { textContent: `${correct(more)} vs. ${correct(less)}` }),
      line(more),
      line(less),
    ]);
  }

  #perDigit() {
    const table = part("per-digit");
    const head = ["Group", "n", ...DIGITS].map((text, place) => element("th", { scope: "col", textContent: text, className: place ? "number" : "" }));
    fill(table.tHead, element("tr", {}, head));
    const known = this.#found.groups.flatMap((row) => row.per_digit).filter((share) => share !== null);
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const cells = ({ label, runs, per_digit }) => [
      element("th", { scope: "row", textContent: label }),
      element("td", { className: "number", textContent: runs.length }),
      ...per_digit.map((share) => exact(share, percent(share), share === null ? 0 : (high - share) / (high - low || 1))),
    ];
    fill(table.tBodies[0], ...this.#found.groups.map((row) => kept(row.id, element("tr", {}, cells(row)))));
  }

  async #pair() {
    const { runs } = this.#found;
    const options = runs.map(({ id }) => [String(id), this.#names.get(id) ?? `${id}`]);
    offer(part("first"), options, this.view.get("first"));
    offer(part("second"), [["", "none"], ...options.filter(([id]) => id !== part("first").value)], this.view.get("second"));
    const [first, second] = ["first", "second"].map((name) => runs.find(({ id }) => `${id}` === part(name).value));
    const table = part("confusion");
    const cells = first.confusion.map((row, digit) =>
      row.map((count, answer) => (second ? second.confusion[digit][answer] - count : count)),
    );
    const most = Math.max(1, ...cells.flatMap((row, digit) => row.filter((_, answer) => answer !== digit).map(Math.abs)));
    fill(
      table.caption.firstElementChild,
      second
        ? `Confusion matrix, run ${second.id} minus run ${first.id}. Rows: labels; columns: predictions. Blue: more images; orange: fewer.`
        : `Confusion matrix of run ${first.id}. Rows: labels; columns: predictions.`,
    );
    fill(
      table.tHead,
      element("tr", {}, [element("td"), element("th", { scope: "colgroup", colSpan: 10, textContent: "predicted", className: "axis" })]),
      element("tr", {}, ["label", ...DIGITS].map((text) => element("th", { scope: "col", textContent: text, className: "number" }))),
    );
    fill(
      table.tBodies[0],
      ...cells.map((row, digit) =>
        element("tr", {}, [
          element("th", { scope: "row", className: "number", textContent: digit }),
          ...row.map((count, answer) => {
            const text = second && count > 0 ? `+${count}` : `${count}`.replace("-", "−");
            return digit === answer ? element("td", { className: "number diagonal", textContent: text }) : shaded(text, count / most);
          }),
        ]),
      ),
    );
    if (!second) {
      fill(part("pair"), "");
      return;
    }
    const query = `first=${first.id}&second=${second.id}`;
    if (query !== this.#testedOf) {
      this.#testedOf = query;
      this.#tested = read(`/compare/images/pair?${query}`);
    }
    const tested = await this.#tested.catch((error) => {
      this.#testedOf = "";
      throw error;
    });
    fill(part("pair"), tested.problem ?? tested.sentence);
  }
}

// A shaded cell with the exact share for copies.
function exact(share, text, shade) {
  const cell = shaded(text, shade);
  cell.dataset.values = JSON.stringify({ "": share });
  return cell;
}

// A cell whose colour is stronger for larger shares; negative shares have another hue.
function shaded(text, share) {
  const cell = element("td", { className: "number", textContent: text });
  cell.style.backgroundColor = colour(share < 0 ? "fewer" : "more", 0.45 * Math.min(1, Math.abs(share)));
  return cell;
}
