// Keeps the axis ranges that a person zoomed to while data grow; other axes follow the data. With `uirevision` alone
// plotly.js would drop a zoom whenever a chart sets its axis range, and a double click would lead back to the range
// of the empty chart.

const AXES = ["xaxis", "yaxis"];

export class Zoom {
  #held = {};
  #whole;
  #canSwitch = false;
  #quantities;

  // `whole` keeps whether the chart shows everything: `{is, toggle}`.
  constructor(whole) {
    this.#whole = whole;
  }

  // Whether the chart shows everything, also what it would leave out of its frame.
  get isWhole() {
    return this.#whole.is();
  }

  // Shows everything, or only what most points need, whatever a person has zoomed to.
  toggle() {
    this.#held = {};
    this.#whole.toggle();
  }

  // Sets the ends of axes in a new layout: those of `range`, or of `all` where everything is shown. Other quantities,
  // which `uirevision` names, need another zoom. `isPart` says that something lies outside.
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

  // Takes what a person has done to the axes. A double-click, which asks
  // plotly.js for automatic ends, ends the zoom; without one it leads to everything, and back.
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
