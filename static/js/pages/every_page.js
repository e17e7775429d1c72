// Behavior of every page: theme, keys, commands, notifications, title, ages, forms, focus and confirmations.

import { passFocusOn } from "../focus.js";
import { listen } from "../live/events.js";
import { followTimes } from "../live/times.js";
import { sendForms } from "../live/send_forms.js";
import { startChoosers } from "../parts/choosers.js";
import { completeTags } from "../parts/known_tags.js";
import { startThemeSwitch } from "../parts/theme_switch.js";
import { startTableCopy } from "../parts/table_copy.js";
import { askFirst } from "../shell/confirmations.js";
import { startNotifications } from "../shell/notifications.js";
import { startKeyList } from "../shell/key_list.js";
import { startPalette } from "../shell/palette.js";
import { followChoice, startShortcuts } from "../shell/shortcuts.js";
import { followTitle } from "../shell/title.js";

startThemeSwitch(document.querySelector("[data-theme-switch]"));
startShortcuts();
startPalette(document.querySelector("[data-palette]"), document.querySelector("[data-open-palette]"));
startKeyList(document.querySelector("[data-keys]"), document.querySelector("[data-open-keys]"));
startNotifications(document.querySelector("[data-notify]"));
followTitle();
followTimes();
startTableCopy();
startChoosers();
askFirst(document.querySelector("[data-confirmation]"));
completeTags();
sendForms();
passFocusOn();

// Pages that follow runs learn of a pause of the queue with them; the others follow only the queue.
const { seen } = document.body.dataset;
if (!("change" in document.querySelector("main").dataset)) listen("/events", seen || undefined, {});

// On a phone the navigation scrolls: the current page stays in view.
const current = document.querySelector(".bar nav [aria-current]");
if (current) {
  const nav = current.closest("nav");
  nav.scrollLeft += current.getBoundingClientRect().right - nav.getBoundingClientRect().right;
}

const singleKeys = document.querySelector("main [data-single-keys]");
if (singleKeys) followChoice(singleKeys);

// After a rejected form, the first invalid field gets the focus.
document.querySelector('main [aria-invalid="true"], main .field:has(.error:not(:empty)) input')?.focus();
