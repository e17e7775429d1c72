// One connection to the server's event stream for several followers; each gets the events after its own change number.

const FIRST_DELAY = 500; // ms, doubled at each failure
const LONGEST_DELAY = 4000;
const QUIET = 1000; // ms: a server with a replaced database sends its reset within this time after a reconnection
const REMEMBERED = 5000; // events kept for followers that join late
const KINDS = ["run", "epoch", "reset", "deleted", "queue"];

// A follower is `{seen, run, kinds, tell}`: the last change it knows (null: all changes so far), the run whose events
// it wants (null: all runs), the kinds that it wants, and the function that gets events `{id, kind, data, run}`, with
// their data as JSON, and `{state}`, "lost" or "live", when the connection has changed.
export class Stream {
  #followers = new Set();
  #source = null;
  #retry = null;
  #delay = FIRST_DELAY;
  #at = null; // the last event of the connection, or where it started
  #recent = []; // all events between #from and #at
  #from = Infinity;

  constructor() {
    globalThis.addEventListener("online", () => this.#followers.size && this.#open(this.#at));
  }

  add(follower) {
    this.#followers.add(follower);
    if (!this.#isStarted) return this.#open(follower.seen);
    if (this.#isLost) follower.tell({ state: "lost" });
    else if (this.#source.readyState === EventSource.OPEN) follower.tell({ state: "live" });
    if (follower.seen === null) follower.seen = this.#at;
    else if (follower.seen >= this.#from) this.#recent.forEach((event) => this.#give(follower, event));
    else if (!this.#isLost) this.#open(follower.seen); // the other followers have seen more and drop what is repeated
  }

  remove(follower) {
    this.#followers.delete(follower);
    if (this.#followers.size) return;
    clearTimeout(this.#retry);
    this.#source?.close();
    [this.#source, this.#retry, this.#delay, this.#at] = [null, null, FIRST_DELAY, null];
    this.#forget(Infinity);
  }

  get #isStarted() {
    return this.#source !== null || this.#retry !== null;
  }

  // Since the last connection failed; the first attempt does not count.
  get #isLost() {
    return this.#delay > FIRST_DELAY;
  }

  #forget(from) {
    this.#recent = [];
    this.#from = from;
  }

  #open(since) {
    clearTimeout(this.#retry);
    this.#retry = null;
    this.#source?.close();
    if (since !== this.#at) this.#forget(since ?? Infinity);
    this.#at = since;
    const source = new EventSource(since === null ? "/events" : `/events?since=${since}`);
    this.#source = source;
    source.addEventListener("open", () => this.#opened(source));
    source.addEventListener("error", () => this.#fail());
    for (const kind of KINDS) source.addEventListener(kind, (event) => this.#take(kind, event));
  }

  #opened(source) {
    this.#tellAll({ state: "live" });
    if (!this.#isLost) return;
    this.#delay = FIRST_DELAY;
    setTimeout(() => {
      const behind = [...this.#followers].map(({ seen }) => seen).filter((seen) => seen !== null && seen < this.#from);
      if (this.#source === source && behind.length) this.#open(Math.min(...behind));
    }, QUIET);
  }

  #fail() {
    this.#source.close();
    this.#source = null;
    this.#retry = setTimeout(() => this.#open(this.#at), this.#delay * (0.75 + Math.random() / 2));
    this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY);
    this.#tellAll({ state: "lost" });
  }

  #take(kind, { data, lastEventId }) {
    const about = JSON.parse(data);
    const event = { id: Number(lastEventId), kind, data, run: kind === "run" ? about.id : about.run_id };
    this.#at = event.id;
    if (event.run === null) this.#forget(event.id);
    else this.#recent.push(event);
    if (this.#recent.length > 2 * REMEMBERED) {
      this.#from = this.#recent.at(-REMEMBERED - 1).id;
      this.#recent = this.#recent.slice(-REMEMBERED);
    }
    for (const follower of this.#followers) this.#give(follower, event);
  }

  // A reset of everything, without a run, is for all followers: the database was replaced, and numbers may be lower.
  // So is a pause of the queue.
  #give(follower, event) {
    const isReset = event.run === null;
    if (!isReset && event.id <= follower.seen) return;
    follower.seen = event.id;
    const isWanted = (follower.run === null || follower.run === event.run) && follower.kinds.includes(event.kind);
    if (isReset || isWanted || event.kind === "queue") follower.tell(event);
  }

  #tellAll(message) {
    for (const follower of this.#followers) follower.tell(message);
  }
}
