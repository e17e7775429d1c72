// Notifications of the browser about ended studies and failed runs, if the reader asks for them: one per event, however
// many tabs are open.

import { askClock, serverNow } from "../clock.js";
import { json } from "../json.js";
import { listen } from "../live/events.js";
import { say } from "../parts/messages.js";

const CHOICE = "notifications";
const TOLD = "notified"; // the newest events that were shown, for all tabs
const REMEMBERED = 100;
const ENDED = ["finished", "failed", "cancelled"];

const isChosen = () => localStorage.getItem(CHOICE) === "on" && Notification.permission === "granted";

// Whether this tab is the first one to claim an event.
const claim = (event) =>
  navigator.locks.request(TOLD, () => {
    const told = JSON.parse(localStorage.getItem(TOLD) ?? "[]");
    if (told.includes(event)) return false;
    localStorage.setItem(TOLD, JSON.stringify([...told, event].slice(-REMEMBERED)));
    return true;
  });

async function notify(event, title, body, address) {
  if (!isChosen() || !(await claim(event))) return;
  const notification = new Notification(title, { body, tag: event, icon: document.querySelector("[data-notify]").dataset.notify });
  notification.addEventListener("click", () => {
    window.focus();
    if (location.pathname !== address) location.assign(address);
    notification.close();
  });
}

const wordsOf = (counts) => ENDED.filter((status) => counts[status]).map((status) => `${counts[status]} ${status}`).join(", ");

// Tells of a run that has just ended: of its failure, and of its study if it was the last one.
async function ended(run) {
  const at = `${run.id} ${run.finished_at}`;
  if (run.status === "failed") notify(`failed run ${at}`, `Failed: ${run.name}`, run.reason ?? "", `/runs/${run.id}`);
  if (!run.study_id || !(await claim(`ended run ${at}`))) return;
  const { name, counts, runs } = await json(`/studies/${run.study_id}`);
  if (ENDED.reduce((sum, status) => sum + counts[status], 0) < runs.length) return;
  // several runs that end together all find that the study has ended, so the event is named by the last one
  const { runs: [last] } = await json(`/runs?study=${run.study_id}&archived=all&sort=-finished_at&limit=1`);
  const title = `${counts.finished === runs.length ? "Finished" : "Ended"}: ${name}`;
  notify(`ended study ${run.study_id} ${last.finished_at}`, title, `${wordsOf(counts)} of ${runs.length} runs`, `/studies/${run.study_id}`);
}

// Follows runs from now on. A run that ended earlier may be sent again, for example with a new name.
async function follow() {
  await askClock();
  const began = serverNow();
  const run = (run) => {
    if (isChosen() && ENDED.includes(run.status) && Date.parse(run.finished_at) >= began) ended(run);
  };
  listen("/events", undefined, { run }, () => (isChosen() ? { run } : null));
}

// `button` switches the notifications. Browsers offer them only on secure pages, such as those of this machine.
export function startNotifications(button) {
  if (!("Notification" in window && "locks" in navigator)) return;
  let isFollowing = false;
  const show = () => {
    button.setAttribute("aria-pressed", isChosen());
    if (!isChosen() || isFollowing) return;
    isFollowing = true;
    follow();
  };
  const switchTo = (choice) => {
    localStorage.setItem(CHOICE, choice);
    show();
  };
  try {
    show();
  } catch {
    return; // storage is blocked: the choice could not be kept
  }
  button.hidden = false;
  button.addEventListener("click", async () => {
    if (isChosen()) {
      switchTo("off");
      return say("Notifications are off.", { action: { label: "Turn on", run: () => switchTo("on") } });
    }
    if ((await Notification.requestPermission()) !== "granted") return say("The browser blocks notifications of this site. Allow them in its settings.");
    switchTo("on");
    say("You get a notification when a study ends or a run fails, while a tab is open.", { action: { label: "Turn off", run: () => switchTo("off") } });
  });
  window.addEventListener("storage", ({ key }) => key === CHOICE && show());
}
