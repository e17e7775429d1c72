// Updates ages such as "3 min ago" while the page is open. The exact time is in the title, in the reader's time zone.
// With `data-lasts`, a time shows the duration since then.

import { askClock, serverNow } from "../clock.js";
import { ago, duration, exact } from "../format.js";

const PAUSE = 5000; // ms

function show(time) {
  const title = exact(time.dateTime);
  if (time.title !== title) time.title = title;
  const now = serverNow();
  if (now === null) return; // the server's text stays
  const text = "lasts" in time.dataset ? duration(Math.max(0, now - Date.parse(time.dateTime)) / 1000) : ago(time.dateTime, now);
  if (time.textContent !== text) time.textContent = text;
}

const shown = () => document.querySelectorAll("time[datetime]");
const showAll = () => shown().forEach(show);

async function follow() {
  if (document.hidden || !shown().length) return;
  try {
    await askClock();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // the server is away and is asked again later
  }
  showAll();
}

export function followTimes() {
  showAll();
  follow();
  setInterval(follow, PAUSE);
  document.addEventListener("live", showAll);
  document.addEventListener("visibilitychange", follow);
  window.addEventListener("pageshow", (event) => event.persisted && follow());
}

export function timeElement(timestamp) {
  const time = document.createElement("time");
  time.dateTime = timestamp;
  time.textContent = exact(timestamp);
  show(time);
  return time;
}
