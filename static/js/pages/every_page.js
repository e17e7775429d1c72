// Behavior of every page: theme, shortcuts, ages, forms, focus and confirmations.

import { passFocusOn } from "../focus.js";
import { followTimes } from "../live/times.js";
import { sendForms } from "../live/send_forms.js";
import { startShortcuts } from "../parts/shortcuts.js";
import { startThemeSwitch } from "../parts/theme_switch.js";
import { startTableCopy } from "../parts/table_copy.js";

startThemeSwitch(document.querySelector("[data-theme-switch]"));
startShortcuts();
followTimes();
startTableCopy();
sendForms();
passFocusOn();

// After a rejected form, the first invalid field gets the focus.
document.querySelector('main [aria-invalid="true"], main .field:has(.error:not(:empty)) input')?.focus();

document.addEventListener("click", (event) => {
  const question = event.target.closest("[data-confirm]")?.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});
