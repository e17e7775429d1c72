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

export function passFocusOn() {
  const to = given();
  const takers = [...document.querySelectorAll("[data-takes-focus]")].filter((each) => each.dataset.takesFocus === to);
  takers.find((each) => each.checkVisibility())?.focus();
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-gives-focus]");
    const isHere = !event.ctrlKey && !event.metaKey && !event.shiftKey;
    if (!link || !isHere) return;
    giveFocus(link.dataset.givesFocus);
    link.hash = ""; // the browser would move the focus to the anchor
  });
  document.addEventListener("submit", ({ target: form }) => {
    if (form.method === "get" && "givesFocus" in form.dataset) giveFocus(form.dataset.givesFocus);
  });
}
