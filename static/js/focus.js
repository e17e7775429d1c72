// Keyboard focus across pages: the next page focuses the element whose `data-takes-focus` equals the link's
// `data-gives-focus`.

const KEY = "focus";

export function giveFocus(to) {
  try {
    sessionStorage.setItem(KEY, to);
  } catch {
    // storage is blocked: the next page starts at its top
  }
}

function given() {
  try {
    const to = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    return to;
  } catch {
    return null;
  }
}

// Focuses the visible element that takes the focus under this name. The page does not scroll to one with `data-still`,
// unless `scrolls` says so.
export function takeFocus(name, scrolls = false) {
  given(); // a link in place leads to no next page
  const takers = [...document.querySelectorAll("[data-takes-focus]")].filter((each) => each.dataset.takesFocus === name);
  const taker = takers.find((each) => each.checkVisibility());
  taker?.focus({ preventScroll: "still" in taker.dataset && !scrolls });
}

export function passFocusOn() {
  const to = given();
  takeFocus(to);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-gives-focus]");
    const isHere = !event.ctrlKey && !event.metaKey && !event.shiftKey;
    if (!link || !isHere) return;
    link.hash = ""; // the browser would move the focus to the anchor
    giveFocus(link.dataset.givesFocus);
  });
  document.addEventListener("submit", ({ target: form, defaultPrevented }) => {
    if (!defaultPrevented && form.method === "get" && "givesFocus" in form.dataset) giveFocus(form.dataset.givesFocus);
  });
}
