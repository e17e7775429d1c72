// The runs of a page with groups and epochs, updated while they train; all charts of the page read it. A group is
// `{id, label, shade, dash, symbol, x, runs, isMixed, isMarked, needsMarkers}`: its id, its name, its colour from 1 to
// 10, the dash of its lines, the shape of its points, its place on an axis of groups and the ids of its runs. `isMixed`
// groups contain runs that are not repetitions of one configuration, so they have no interval. All groups share
// `isMarked` (more than colours distinguishes them) and `needsMarkers` (lines need markers to be distinguished).

import { EpochColumns, readEpochs } from "./epoch_columns.js";

export class RunSet extends EventTarget {
  #runs = new Map();
  #epochs = new EpochColumns(readEpochs);
  #groups = [];
  #groupOf = new Map();
  #repeats = new Set();
  #named = new Map(); // number of runs by name
  #differences = {}; // how each run differs from the others, in words

  constructor() {
    super();
    this.#epochs.addEventListener("change", () => this.#changed());
  }

  // Takes runs, their groups and descriptions, and the epochs by run of runs that were not read yet.
  load({ runs, members, by, groups, repeats, differences }, curves = {}) {
    this.#differences = differences;
    this.#repeats = new Set(repeats);
    const mixed = new Set(groups.filter((group) => group.mixed.length).map(({ id }) => id));
    this.isByDepth = by.join() === "depth";
    // a line between groups has a meaning only if their values are numbers
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

  // Waits for a response with epochs and passes it to `take`, which loads it. Epochs that arrive earlier are kept.
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

  // A run's name, with its id if other runs have the same name.
  nameOf(run) {
    return this.#named.get(run.name) > 1 ? `${run.name} (run ${run.id})` : run.name;
  }

  // A run's name, and its differences from the page's other runs as far as the name does not contain them.
  describe(run) {
    const said = new Set(run.name.replace(/ · \d+$/, "").split(", "));
    const rest = (this.#differences[run.id] ?? []).filter((part) => !said.has(part));
    return [this.nameOf(run), ...rest].join(", ");
  }

  groupOf(run) {
    return this.#groupOf.get(run.id);
  }

  // Pairs of a group and its things, in order. For statistics of groups: repeats, runs with the configuration and seed
  // of a later one, are left out. `run` returns a thing's run.
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

  // Returns whether anything of the run has changed. The status determines which means include the run.
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
