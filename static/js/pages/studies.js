// The list of studies: live rows, and headlines, which the server computes when a row comes into view.

import { become } from "../morph.js";
import { listen } from "../live/events.js";
import { refresh } from "../live/live.js";
import { throttle } from "../throttle.js";

// The address contains the active filters only.
document.querySelector(".filters")?.addEventListener("formdata", ({ formData }) => {
  for (const [name, value] of [...formData]) if (!value) formData.delete(name);
});

const inView = new Set();
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) inView.add(target);
    else inView.delete(target);
  }
  readHeadlines();
});

async function readHeadline(old) {
  const answer = await fetch(`/studies/${old.dataset.headline}/headline`, { headers: { Accept: "text/html" } });
  if (!answer.ok) {
    delete old.dataset.headline; // the study was deleted, or the server is away: the next event reads the page again
    return;
  }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".headline");
  if (old.isConnected && fresh) become(old, fresh);
}

const next = () => [...inView].find((each) => each.isConnected && "headline" in each.dataset);

// One at a time, so that a long list leaves the server free for other requests.
const readHeadlines = throttle(async () => {
  for (let old = next(); old; old = next()) await readHeadline(old);
}, 0);

function watch() {
  watcher.disconnect();
  inView.clear();
  for (const each of document.querySelectorAll("[data-headline]")) watcher.observe(each);
}

document.addEventListener("live", watch);
watch();

const { change } = document.querySelector("main").dataset;
listen("/events", change, { run: refresh, deleted: refresh });
