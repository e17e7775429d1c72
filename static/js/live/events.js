// The page's event stream: resumes without a gap, pauses while the page is hidden, and shows a lost connection.

import { isFilledIn } from "./filled_in.js";
import { refresh } from "./live.js";
import { say } from "./notice.js";

const FIRST_DELAY = 500; // ms, doubled at each failure
const LONGEST_DELAY = 4000;
const KINDS = ["run", "epoch", "reset", "deleted", "queue"];

// Reloads the page unless a form has unsent input, which a reload would lose.
function startOver() {
  const forms = [...document.querySelectorAll('form[method="post"]')];
  if (forms.some(isFilledIn)) say("The server’s data was replaced. Copy your input, then reload this page.", true);
  else location.reload();
}

// `since` is the change at which the page was read. Handlers get the event's data. Every event has its own number, so a
// resumed stream neither skips nor repeats one.
export function listen(url, since, handlers) {
  const notice = document.querySelector("[data-connection]");
  let seen = Number(since);
  let delay = FIRST_DELAY;
  let source = null;
  let retry = null;

  const open = () => {
    clearTimeout(retry);
    source?.close();
    source = new EventSource(`${url}?since=${seen}`);
    source.addEventListener("open", () => {
      if (delay > FIRST_DELAY) refresh(); // repeats readings that failed while the server was away
      delay = FIRST_DELAY;
      notice.hidden = true;
    });
    source.addEventListener("error", fail);
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        seen = Number(event.lastEventId);
        const data = JSON.parse(event.data);
        // a reset of everything: the database was replaced
        if (kind === "reset" && data.run_id === null) startOver();
        // every page says that the queue is paused
        else if (kind === "queue") refresh();
        else handlers[kind]?.(data);
      });
    }
  };

  const fail = () => {
    source.close();
    source = null;
    notice.textContent = "Connection lost. Data may be outdated. Reconnecting …";
    notice.hidden = false;
    retry = setTimeout(open, delay * (0.75 + Math.random() / 2));
    delay = Math.min(delay * 2, LONGEST_DELAY);
  };

  const close = () => {
    clearTimeout(retry);
    source?.close();
    source = null;
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("online", open);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => event.persisted && open());
  if (!document.hidden) open();
}
