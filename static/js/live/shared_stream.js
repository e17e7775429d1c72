// A shared worker that holds the event stream of all tabs of a browser.

import { Stream } from "./stream.js";

const SILENT = 200_000; // ms: a tab asks once a minute even in the background; one that does not ask has crashed
const CHECK = 60_000;

const stream = new Stream();
const tabs = new Set();

// One page. It sends what it follows, `{seen, run, kinds, isHidden}`, or `{leaves}`, and asks from time to time whether
// the worker is alive and knows it. A hidden page follows from now on; once shown again, it continues where it was
// hidden.
class Tab {
  #follower = null;
  #seen = null;

  constructor(port) {
    this.answer = (message) => port.postMessage(message);
    this.asked = performance.now();
    port.addEventListener("message", ({ data }) => this.#take(data));
    port.start();
  }

  #remember() {
    if (this.#follower && !this.#follower.isHidden) this.#seen = this.#follower.seen;
  }

  // The next follower, if any, is added first, so that the stream stays open.
  follow(next) {
    const before = this.#follower;
    this.#remember();
    this.#follower = next;
    tabs[next ? "add" : "delete"](this);
    if (next) stream.add(next);
    if (before) stream.remove(before);
  }

  #take({ asks, leaves, seen, run, kinds, isHidden }) {
    this.asked = performance.now();
    if (asks) {
      this.#remember();
      return this.answer({ isKnown: this.#follower !== null, at: this.#seen });
    }
    if (leaves) return this.follow(null);
    this.#remember();
    const since = isHidden ? null : this.#seen === null ? seen : Math.max(seen, this.#seen);
    this.follow({ seen: since, run, kinds, isHidden, tell: (message) => this.answer({ ...message, isHidden }) });
  }
}

globalThis.addEventListener("connect", ({ ports: [port] }) => new Tab(port));

setInterval(() => {
  for (const tab of tabs) {
    if (performance.now() - tab.asked < SILENT) continue;
    tab.follow(null);
  }
}, CHECK);
