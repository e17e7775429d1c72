// Panels that a button opens: `details.chooser`. An opened panel gets the focus in its first field. Escape, a press
// elsewhere and another panel close it. A button with `data-needs` sends nothing while that field is empty.

const OPEN = "details.chooser[open]";
const FIELDS = "input:not([type=hidden], [type=checkbox]), select, textarea";
const LINKS = "a[href], button, input";

// Whether a panel is open: single keys belong to it then.
export const isChooserOpen = () => document.querySelector(OPEN) !== null;

// Closes the open panels; the focus returns to the button of the one that has it.
export function closeChoosers() {
  for (const chooser of document.querySelectorAll(OPEN)) {
    const hadFocus = chooser.contains(document.activeElement);
    chooser.open = false;
    if (hadFocus) chooser.querySelector("summary").focus({ preventScroll: true });
  }
}

function enter(chooser) {
  const panel = chooser.querySelector(".panel");
  const isForTyping = panel.querySelector("[data-needs]") !== null;
  if (panel.contains(document.activeElement) || (matchMedia("(pointer: coarse)").matches && !isForTyping)) return; // a phone would show its keys
  const find = (kind) => [...panel.querySelectorAll(kind)].find((each) => each.checkVisibility() && !each.disabled);
  (find(FIELDS) ?? find(LINKS))?.focus({ preventScroll: true });
}

// Says in a panel what its field needs; an empty text takes it back.
function demand(panel, words) {
  const field = panel.querySelector(FIELDS);
  panel.querySelector(".error").textContent = words;
  if (!words) return field.removeAttribute("aria-invalid");
  field.setAttribute("aria-invalid", "true");
  field.focus();
}

export function startChoosers() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-needs]");
    const panel = button?.closest(".panel");
    if (!panel || button.ariaDisabled === "true" || panel.querySelector(FIELDS).value.trim()) return;
    event.preventDefault();
    demand(panel, button.dataset.needs);
  });
  document.addEventListener("input", ({ target }) => {
    const panel = target.closest(".panel:has([data-needs])");
    if (panel) demand(panel, "");
  });
  document.addEventListener("toggle", ({ target }) => target.matches(OPEN) && enter(target), { capture: true });
  document.addEventListener("click", ({ target }) => {
    for (const chooser of document.querySelectorAll(OPEN)) if (!chooser.contains(target) && target.isConnected) chooser.open = false;
  });
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    const chooser = target.closest?.(OPEN);
    if (key === "Escape" && document.querySelector(OPEN) && !document.querySelector("dialog[open]")) {
      event.preventDefault();
      closeChoosers();
    } else if (key === "Enter" && chooser && target.matches("input") && target.form) {
      // A browser presses the first button of the form, which may be that of another action.
      const panel = chooser.querySelector(".panel");
      const button = (panel.contains(target.form) ? target.form : panel).querySelector("button.primary");
      if (!button) return;
      event.preventDefault();
      button.click();
    }
  });
  document.addEventListener("sent", ({ target }) => {
    const isOwn = (chooser) => chooser.contains(target) || target.contains(chooser);
    if ([...document.querySelectorAll(OPEN)].some(isOwn)) closeChoosers();
  });
}
