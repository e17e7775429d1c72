// The events that a page follows, from one stream for all tabs of the browser: without a gap, and with a notice while
// the connection is lost.

import { isFilledIn } from "./filled_in.js";
import { refresh } from "./live.js";
import { say } from "./notice.js";
import { showPause } from "./pause.js";
import { Stream } from "./stream.js";

const ASK = 20_000; // ms between two questions to the worker
const PATIENCE = 10_000; // ms until a worker that does not answer counts as dead
const ATTEMPTS = 3;

// Reloads the page unless a form has unsent input, which a reload would lose.
function startOver() {
  const forms = [...document.querySelectorAll('form[method="post"]')];
  if (forms.some(isFilledIn)) say("The server’s data was replaced. Copy your input, then reload this page.", true);
  else location.reload();
}

// Follows events through the worker that all tabs share. `follows` returns what the page follows, `reached` gets the
// last change up to which it has everything, and `failed` is called if the worker can't start or has died.
function shared(follows, tell, reached, failed) {
  const worker = new SharedWorker(new URL("./shared_stream.js", import.meta.url), { type: "module", name: "events" });
  const { port } = worker;
  let limit = null;
  const follow = () => port.postMessage(follows());
  const ask = () => {
    port.postMessage({ asks: true });
    limit ??= setTimeout(failed, PATIENCE);
  };
  worker.addEventListener("error", failed);
  port.addEventListener("message", ({ data }) => {
    clearTimeout(limit);
    limit = null;
    if (data.isKnown === undefined) return tell(data);
    if (data.at !== null) reached(data.at);
    if (!data.isKnown) follow(); // it counted this page as gone
  });
  port.start();
  follow();
  ask();
  const asking = setInterval(ask, ASK);
  return {
    follow,
    close() {
      clearInterval(asking);
      clearTimeout(limit);
      port.postMessage({ leaves: true });
      port.close();
    },
  };
}

// Follows events through a stream of the page's own, for browsers without shared workers.
function own(follows, tell) {
  const stream = new Stream();
  let follower = null;
  const leave = () => follower && stream.remove(follower);
  const follow = () => {
    const before = follower;
    const following = follows();
    follower = { ...following, tell: (message) => tell({ ...message, isHidden: following.isHidden }) };
    stream.add(follower);
    if (before) stream.remove(before);
  };
  follow();
  return { follow, close: leave };
}

// `url` is `/events` or `/runs/{id}/events`, and `since` the change at which the page was read, or undefined for now.
// Handlers get the event's data. A hidden page follows nothing, unless `unseen` returns handlers for it; once it is
// shown again, it gets everything that it has missed.
export function listen(url, since, handlers, unseen = () => null) {
  const notice = document.querySelector("[data-connection]");
  const run = Number(/^\/runs\/(\d+)\//.exec(url)?.[1]) || null;
  let seen = since === undefined ? null : Number(since);
  let hidden = null;
  let line = null;
  let attempts = 0;
  let isLeft = false;

  const follows = () => {
    const isHidden = hidden !== null;
    return { seen: isHidden ? null : seen, run, kinds: Object.keys(hidden ?? handlers), isHidden };
  };

  function show(state) {
    notice.textContent = "Connection lost. Data may be outdated. Reconnecting …";
    if (state === "live" && !notice.hidden) refresh(); // repeats readings that failed while the server was away
    notice.hidden = state === "live";
  }

  // Events sent before a page was hidden or shown may arrive after it.
  function take({ state, id, kind, data, isHidden }) {
    attempts = 0;
    if (state) return show(state);
    if (!isHidden) seen = id;
    const about = JSON.parse(data);
    // a reset of everything: the database was replaced
    if (kind === "reset" && about.run_id === null) startOver();
    else if (kind === "queue") {
      showPause(about);
      if (Object.keys(handlers).length) refresh(); // forecasts of runs depend on it
    } else (isHidden ? hidden : handlers)?.[kind]?.(about);
  }

  function open() {
    const reached = (at) => {
      attempts = 0;
      seen = at;
    };
    try {
      line = "SharedWorker" in window && attempts < ATTEMPTS ? shared(follows, take, reached, fail) : own(follows, take);
    } catch {
      line = own(follows, take); // workers are blocked together with the site's storage
    }
  }

  function close() {
    line?.close();
    line = null;
  }

  function fail() {
    attempts += 1;
    close();
    open();
  }

  function change() {
    hidden = document.hidden ? unseen() : null;
    if (isLeft || (document.hidden && !hidden)) return close();
    if (line) line.follow();
    else open();
  }

  document.addEventListener("visibilitychange", change);
  document.addEventListener("freeze", close); // messages would pile up in a frozen page
  document.addEventListener("resume", change);
  window.addEventListener("pagehide", () => {
    isLeft = true;
    close();
  });
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    isLeft = false;
    change();
  });
  change();
}
