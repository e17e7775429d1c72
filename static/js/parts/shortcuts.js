// Keyboard shortcuts: / search, n new run, c compare, ? help. Silent while someone types.

import { giveFocus } from "../focus.js";

function go(address, to) {
  giveFocus(to);
  location.href = address;
}

export function startShortcuts() {
  const actions = {
    "/": () => {
      const search = document.querySelector("input[type=search]");
      if (search) search.select();
      else go("/runs", "search");
    },
    n: () => go("/runs/new", "first field"),
    c: () => {
      const ready = document.querySelector("button[data-compare]:not([hidden])");
      if (ready?.checkVisibility()) ready.click();
      else location.href = "/compare";
    },
    "?": () => (location.href = "/help"),
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=checkbox], [type=range]), textarea, select");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
}
