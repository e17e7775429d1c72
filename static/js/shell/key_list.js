// The list of keyboard shortcuts over any page; it is that of the page Help.

import { followChoice } from "./shortcuts.js";

const LIST = "[data-shortcuts]";

// The list of the page Help; null if the server is away.
async function read() {
  try {
    const answer = await fetch("/help", { headers: { Accept: "text/html" } });
    if (!answer.ok) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(LIST);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return null;
  }
}

// `dialog` gets the list when `button` first opens it. Closing it returns the focus, as with every dialog.
export function startKeyList(dialog, button) {
  button.addEventListener("click", async () => {
    if (!dialog.querySelector(LIST)) {
      const list = await read();
      if (!list) {
        location.href = "/help";
        return;
      }
      dialog.querySelector("h2").after(list);
      followChoice(list.querySelector("[data-single-keys]"));
    }
    if (!document.querySelector("dialog[open]")) dialog.showModal();
  });
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close()); // a press beside it
}
