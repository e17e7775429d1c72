// Completes tags in fields with `list="known-tags"` with those that runs and studies have: the last one of several.

import { json } from "../json.js";

const FIELDS = 'input[list="known-tags"]';
const FINISHED = /^(?:.*,)?\s*/s; // the tags before the last comma

let known = [];

// The options begin with the tags that are already typed, because a browser replaces the whole text of the field.
function offer({ value, list }) {
  const [before] = FINISHED.exec(value);
  const typed = new Set(before.split(",").map((tag) => tag.trim()));
  const others = known.filter((tag) => !typed.has(tag));
  list.replaceChildren(...others.map((tag) => Object.assign(document.createElement("option"), { value: before + tag })));
}

async function read(field) {
  offer(field);
  try {
    const { tags } = await json("/tags");
    known = tags.map(({ tag }) => tag);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // the server is away: the tags read before are offered
  }
  offer(field);
}

export function completeTags() {
  document.addEventListener("focusin", ({ target }) => target.matches(FIELDS) && read(target));
  document.addEventListener("input", ({ target }) => target.matches(FIELDS) && offer(target));
}
