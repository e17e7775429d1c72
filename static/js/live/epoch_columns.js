// Epochs of runs as columns while they train: drops repeated epochs and reads missing ones again.

import { Missing, json } from "../json.js";
import { throttle } from "../throttle.js";

const PAUSE = 500; // ms between two requests for one run

export const readEpochs = (id) => json(`/runs/${id}/epochs`);

// Appends an epoch record to columns in place. Returns false if epochs are missing between them.
function append(columns, record) {
  const last = columns.epoch.at(-1) ?? 0;
  if (record.epoch <= last) return true;
  if (record.epoch > last + 1) return false;
  for (const [name, values] of Object.entries(columns)) values.push(record[name]);
  return true;
}

// Dispatches "change" when columns are new.
export class EpochColumns extends EventTarget {
  #columns = new Map();
  #readers = new Map();
  #meanwhile = new Set();
  #readOne;

  // `readOne` returns the columns of a run.
  constructor(readOne) {
    super();
    this.#readOne = readOne;
  }

  // Undefined for a run that was not read.
  of(id) {
    return this.#columns.get(id);
  }

  // Takes the columns of several runs, as `{id: columns}`.
  take(several) {
    for (const [id, columns] of Object.entries(several)) this.#columns.set(Number(id), columns);
  }

  remove(id) {
    this.#columns.delete(id);
  }

  // Only for runs that were read; a later response includes the records of other runs.
  add(record) {
    this.#tell(() => {
      const columns = this.#columns.get(record.run_id);
      if (columns && append(columns, record)) this.#changed();
      else if (columns) this.read(record.run_id);
    });
  }

  // Reads the run again if it was read before, because its columns are no longer valid.
  reset(id) {
    this.#tell(() => this.#columns.has(id) && this.read(id));
  }

  // Reads a run for the first time or again.
  read(id) {
    if (!this.#readers.has(id)) this.#readers.set(id, throttle(() => this.#read(id), PAUSE));
    return this.#readers.get(id)();
  }

  // Waits for a response with epochs and passes it to `take`. Records that arrived meanwhile may be newer than the
  // response, so they are added again; those already in the response are dropped.
  async receive(answer, take) {
    const missed = [];
    this.#meanwhile.add(missed);
    try {
      take(await answer);
    } finally {
      this.#meanwhile.delete(missed);
    }
    for (const tell of missed) tell();
  }

  async #read(id) {
    try {
      await this.receive(this.#readOne(id), (columns) => {
        this.#columns.set(id, columns);
        this.#changed();
      });
    } catch (error) {
      if (!(error instanceof Missing)) throw error; // deleted in the meantime
    }
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #tell(action) {
    for (const missed of this.#meanwhile) missed.push(action);
    action();
  }
}
