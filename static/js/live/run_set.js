// The runs of a page with groups and epochs, updated while they train; all charts of the page read it. A group is
// `{id, label, shade, dash, symbol, x, runs, isMixed, isMarked, needsMarkers}`: what it is found by, its name, its
// colour from 1 to 10, how its lines are dashed and the shape of its points, its place on an axis of groups, the ids
// of its runs, whether these are no repeats of one thing, so that they have no interval, and for all groups alike,
// whether more than colours tells them apart, and whether lines need markers for that.

import { EpochColumns, readEpochs } from "./epoch_columns.js";

export class RunSet extends EventTarget {
  #runs = new Map();
  #epochs = new EpochColumns(readEpochs);
  #groups = [];
  #groupOf = new Map();
  #repeats = new Set();
  #named = new Map(); // how many runs have a name
  #differences = {}; // in what each run differs from others, in words

  constructor() {
    super();
    this.#epochs.addEventListener("change", () => this.#changed());
  }

  // Takes runs, their members and what is said of their groups, and epochs, by run, of those not read yet.
  load({ runs, members, by, groups, repeats, differences }, curves = {}) {
    this.#differences = differences;
    this.#repeats = new Set(repeats);
    const mixed = new Set(groups.filter((group) => group.mixed.length).map(({ id }) => id));
    this.isByDepth = by.join() === "depth";
    // only numbers have an order along which a line means something
    this.isOrdered = by.length === 1 && members.every(({ key }) => typeof key[by[0]] === "number");
    const isMarked = members.some(({ symbol }) => symbol !== "circle");
    const needsMarkers = new Set(members.map(({ shade, dash }) => `${shade} ${dash}`)).size < members.length;
    this.#groups = members.map((group, place) => ({
      ...group,
      isMarked,
      needsMarkers,
      x: this.isByDepth ? group.key.depth : place + 1,
      isMixed: mixed.has(group.id),
    }));
    this.#groupOf = new Map(this.#groups.flatMap((group) => group.runs.map((id) => [id, group])));
    const order = new Map([...this.#groupOf.keys()].map((id, place) => [id, place]));
    const sorted = runs.toSorted((one, other) => order.get(one.id) - order.get(other.id));
    this.#runs = new Map(sorted.map((run) => [run.id, run]));
    this.#countNames();
    this.#epochs.take(curves);
    this.#changed();
  }

  // Waits for an answer with epochs and gives it to `take`, which loads it; epochs that arrive before it are not lost.
  receive(answer, take) {
    return this.#epochs.receive(answer, take);
  }

  // Whether the run's epochs were read.
  hasRead(id) {
    return this.#epochs.of(id) !== undefined;
  }

  // In ascending order of their groups.
  get runs() {
    return [...this.#runs.values()];
  }

  // Runs that have epochs, without those whose ids are hidden.
  drawn(hidden) {
    return this.runs.filter((run) => !hidden.has(run.id) && this.columns(run.id).epoch.length);
  }

  length(run) {
    return this.columns(run.id).epoch.length;
  }

  get groups() {
    return this.#groups;
  }

  // A run's name; where others have the same one, its id too.
  nameOf(run) {
    return this.#named.get(run.name) > 1 ? `${run.name} (run ${run.id})` : run.name;
  }

  // A run's name, and in what the run differs from others of the page as far as its name does not say it.
  describe(run) {
    const said = new Set(run.name.replace(/ · \d+$/, "").split(", "));
    const rest = (this.#differences[run.id] ?? []).filter((part) => !said.has(part));
    return [this.nameOf(run), ...rest].join(", ");
  }

  groupOf(run) {
    return this.#groupOf.get(run.id);
  }

  // Things by the group of their runs, in order, as pairs, for what groups have in common: a run that repeats
  // another with the same seed does not count again. `run` reads a thing's run.
  grouped(things, run = (thing) => thing) {
    const single = things.filter((thing) => !this.#repeats.has(run(thing).id));
    const found = Map.groupBy(single, (thing) => this.groupOf(run(thing)));
    return this.#groups.filter((group) => found.has(group)).map((group) => [group, found.get(group)]);
  }

  columns(id) {
    return this.#epochs.of(id) ?? { epoch: [] };
  }

  has(id) {
    return this.#runs.has(id);
  }

  get(id) {
    return this.#runs.get(id);
  }

  // Returns whether anything of the run is new. Its status says which means it counts in.
  run(run) {
    const known = this.#runs.get(run.id);
    this.#runs.set(run.id, run);
    if (known?.name !== run.name) this.#countNames();
    if (known?.status !== run.status) this.#changed();
    return JSON.stringify(known) !== JSON.stringify(run);
  }

  epoch(record) {
    this.#epochs.add(record);
  }

  reset(id) {
    this.#epochs.reset(id);
  }

  remove(id) {
    this.#runs.delete(id);
    this.#countNames();
    this.#epochs.remove(id);
    this.#changed();
  }

  #countNames() {
    this.#named = new Map([...Map.groupBy(this.#runs.values(), ({ name }) => name)].map(([name, runs]) => [name, runs.length]));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
