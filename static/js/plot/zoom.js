// Keeps the axis ranges that a person zoomed to, in the address too, while data grow; other axes follow the data. With
// `uirevision` alone, plotly.js would drop a zoom whenever a chart sets its axis range, and a double-click would return
// to the range of the empty chart.

const AXES = ["xaxis", "yaxis"];
const DIGITS = 6;

// "10,20,,": the ends of both axes; those that are not zoomed are empty.
const written = (held) => AXES.flatMap((name) => held[name]?.map((end) => Number(end.toPrecision(DIGITS))) ?? ["", ""]).join(",");

function read(text) {
  const ends = text?.split(",").map((end) => (end.trim() ? Number(end) : null)) ?? [];
  const pairs = AXES.map((name, place) => [name, ends.slice(2 * place, 2 * place + 2)]);
  return Object.fromEntries(pairs.filter(([, [low, high]]) => Number.isFinite(low) && Number.isFinite(high) && low < high));
}

export class Zoom {
  #held = {};
  #kept;
  #whole;
  #canSwitch = false;
  #quantities;
  #isRead;

  // `whole` stores whether the chart shows everything: `{is, toggle}`. `kept` stores the zoom as a text: `{get, set}`.
  constructor(whole, kept) {
    this.#whole = whole;
    this.#kept = kept;
    this.read();
  }

  // Takes the zoom of the address. Returns whether it is another one.
  read() {
    const text = this.#kept.get();
    if ((text ?? "") === this.#text) return false;
    this.#held = read(text);
    this.#isRead = true;
    return true;
  }

  get #text() {
    return Object.keys(this.#held).length ? written(this.#held) : "";
  }

  #hold(held) {
    this.#held = held;
    this.#kept.set(this.#text);
  }

  // Whether the chart shows everything, including values that it leaves out by default.
  get isWhole() {
    return this.#whole.is();
  }

  // Switches between everything and the usual range, and ends a zoom.
  toggle() {
    this.#hold({});
    this.#whole.toggle();
  }

  // Sets the ends of axes in a new layout: `all` if everything is shown, otherwise `range`. A change of `uirevision`,
  // which names the quantities, ends a zoom, unless the address brought both. `isPart` says that some points are
  // outside.
  apply(layout, isPart) {
    const isOther = this.#quantities !== undefined && layout.uirevision !== this.#quantities;
    if (isOther && !this.#isRead && this.#text) this.#hold({});
    this.#isRead = false;
    this.#quantities = layout.uirevision;
    this.#canSwitch = this.isWhole || isPart;
    for (const name of AXES) {
      const { all, ...axis } = layout[name];
      if (this.isWhole && all) axis.range = all;
      if (this.#held[name]) axis.range = [...this.#held[name]];
      layout[name] = axis;
    }
  }

  // Takes a reader's changes of the axes. A double-click requests automatic ends from plotly.js. It ends a zoom;
  // without a zoom it switches between everything and the usual range.
  take(changes, layout) {
    const of = (kind) => AXES.filter((name) => Object.keys(changes).some((key) => key.startsWith(`${name}.${kind}`)));
    const [chosen, released] = [of("range"), of("autorange")];
    const isZoomed = released.some((name) => this.#held[name]);
    const zoomed = Object.fromEntries(chosen.map((name) => [name, [...layout[name].range]]));
    const kept = Object.entries(this.#held).filter(([name]) => !released.includes(name));
    if (chosen.length || isZoomed) this.#hold({ ...Object.fromEntries(kept), ...zoomed });
    if (released.length && !isZoomed && this.#canSwitch) this.toggle();
    return chosen.length + released.length > 0;
  }
}
