// What a chart shows of its axes: an axis that a person has zoomed keeps its ends while the data grow, every other one
// follows the data. plotly.js itself can't tell the two apart where a chart sets the ends of an axis anew with each
// epoch, and remembers the first ends that an axis ever had as those to go back to.

const AXES = ["xaxis", "yaxis"];

export class Zoom {
  #held = {};
  #whole = new Set();
  #fitted = [];
  #quantities;

  // Whether an axis shows everything, also what the chart itself would leave out of its frame.
  get isWhole() {
    return this.#whole.size > 0;
  }

  // Sets the ends of axes in a new layout. Other quantities, which `uirevision` names, need another zoom.
  apply(layout) {
    if (layout.uirevision !== this.#quantities) {
      this.#held = {};
      this.#whole.clear();
    }
    this.#quantities = layout.uirevision;
    this.#fitted = AXES.filter((name) => layout[name].range);
    for (const name of AXES) {
      if (this.#held[name]) layout[name].range = [...this.#held[name]];
      else if (this.#whole.has(name)) layout[name].range = undefined;
    }
  }

  // Takes what a person has done to the axes; returns whether the chart has to be drawn anew. A double-click, which asks
  // plotly.js for automatic ends, ends the zoom; without one it leads to everything, and back.
  take(changes, layout) {
    const of = (kind) => AXES.filter((name) => Object.keys(changes).some((key) => key.startsWith(`${name}.${kind}`)));
    for (const name of of("range")) this.#held[name] = [...layout[name].range];
    const released = of("autorange");
    const isZoomed = released.some((name) => this.#held[name]);
    for (const name of released) {
      if (isZoomed) delete this.#held[name];
      else if (this.#whole.has(name)) this.#whole.delete(name);
      else if (this.#fitted.includes(name)) this.#whole.add(name);
    }
    return released.length > 0;
  }
}
