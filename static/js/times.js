// Times age while the page is open: "3 min ago" stays true; the exact time is in the title.

import { ago, exact } from "./format.js";

export function followTimes() {
  setInterval(() => {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const text = ago(time.dateTime);
      if (time.textContent !== text) time.textContent = text;
    }
  }, 5000);
}

export function timeElement(timestamp) {
  const time = document.createElement("time");
  time.dateTime = timestamp;
  time.title = exact(timestamp);
  time.textContent = ago(timestamp);
  return time;
}
