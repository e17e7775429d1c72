// Messages about what a person did, with an optional action such as *Undo*.

import { say as show } from "../live/notice.js";

// `action` is `{label, run}`. Its button closes the message and calls `run`; the key `u` presses the newest one.
export function say(text, { action = null } = {}) {
  show(text, false, action);
}
