// What every page has: the theme switch, keyboard shortcuts, times that age, questions before deleting.

import { followTimes } from "./times.js";
import { startShortcuts } from "./shortcuts.js";
import { startThemeSwitch } from "./theme_switch.js";

startThemeSwitch(document.querySelector("[data-theme-switch]"));
startShortcuts();
followTimes();

document.addEventListener("click", (event) => {
  const question = event.target.closest("[data-confirm]")?.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});
