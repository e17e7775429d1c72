// The data of a page's charts: runs and groups embedded in the page, epochs read once and then followed by events.

import { json } from "../json.js";
import { throttle } from "../throttle.js";

export const charted = () => JSON.parse(document.getElementById("charted").textContent);

// Fills `set` from the page now and whenever the server has changed that part of the page; `take` gets the page's data.
// `selection` is the query for the epochs of all its runs.
export async function fillFromPage(set, selection, take = () => {}) {
  let filled = "";
  const fill = throttle(async () => {
    const { textContent } = document.getElementById("charted");
    if (textContent === filled) return;
    const page = JSON.parse(textContent);
    const load = ({ curves }) => {
      filled = textContent;
      take(page);
      set.load(page, curves);
    };
    const unread = page.runs.filter(({ id }) => !set.hasRead(id)).map(({ id }) => id);
    const query = unread.length === page.runs.length ? selection : `?runs=${unread}`;
    if (unread.length) await set.receive(json(`/compare/curves${query}`), load);
    else load({});
  }, 0);
  document.addEventListener("live", fill);
  await fill();
}
