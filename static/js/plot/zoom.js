// Keeps the axis ranges that a person zoomed to while data grow; other axes follow the data. With `uirevision` alone,
// plotly.js would drop a zoom whenever a chart sets its axis range, and a double-click would return to the range of the
// empty chart.

const AXES = ["xaxis", "yaxis"];

export class Zoom {
  #held = {};
  #whole;
  #canSwitch = false;
  #quantities;

  // `whole` stores whether the chart shows everything: `{is, toggle}`.
  constructor(whole) {
    this.#whole = whole;
  }

  // Whether the chart shows everything, including values that it leaves out by default.
  get isWhole() {
    return this.#whole.is();
  }

  // Switches between everything and the usual range, and ends a zoom.
  toggle() {
    this.#held = {};
    this.#whole.toggle();
  }

  // Sets the ends of axes in a new layout: `all` if everything is shown, otherwise `range`. A change of `uirevision`,
  // which names the quantities, ends a zoom. `isPart` says that some points are outside.
  apply(layout, isPart) {
    if (layout.uirevision !== this.#quantities) this.#held = {};
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
    for (const name of chosen) this.#held[name] = [...layout[name].range];
    const isZoomed = released.some((name) => this.#held[name]);
    for (const name of released) delete this.#held[name];
    if (released.length && !isZoomed && this.#canSwitch) this.toggle();
    return chosen.length + released.length > 0;
  }
}
