// The epoch at which results are read: a slider and a number, or the end. The address keeps it.

const PAUSE = 150; // ms: browsers refuse to write the address at every step of a slider

export class Scrubber extends EventTarget {
  #last = 0;
  #asked = 0;
  #writing = null;

  // `form` holds a range, a number and an output; `view` keeps the epoch.
  constructor(form, view) {
    super();
    this.view = view;
    [this.range, this.number] = form.querySelectorAll("input");
    this.output = form.querySelector("output");
    this.end = form.querySelector("button");
    this.range.addEventListener("input", () => this.#ask(Number(this.range.value)));
    this.number.addEventListener("input", () => this.#ask(Number(this.number.value)));
    this.end.addEventListener("click", () => this.#ask(0));
    form.addEventListener("submit", (event) => event.preventDefault());
    view.follow(["epoch"], () => this.#read());
    this.#read();
  }

  // Null at the end of training. An epoch that not all runs have yet waits at the last one they have.
  get epoch() {
    return this.#last && this.#asked ? Math.min(this.#asked, this.#last) : null;
  }

  get last() {
    return this.#last;
  }

  // Takes the run with the fewest epochs, which end the slider.
  limit({ run, epochs }) {
    this.#last = epochs;
    this.range.max = epochs + 1;
    this.number.max = Math.max(1, epochs);
    this.range.disabled = this.number.disabled = !epochs;
    this.nothing = run ? `No epoch that all runs have: ${run.name} has none yet.` : "No run has trained yet.";
    this.#show();
  }

  #read() {
    clearTimeout(this.#writing);
    const asked = Number(this.view.get("epoch"));
    this.#asked = Number.isInteger(asked) && asked > 0 ? asked : 0;
    this.#show();
    this.dispatchEvent(new Event("change"));
  }

  #ask(epoch) {
    this.#asked = Number.isInteger(epoch) && epoch > 0 && epoch <= this.#last ? epoch : 0;
    this.#show();
    this.dispatchEvent(new Event("change"));
    clearTimeout(this.#writing);
    this.#writing = setTimeout(() => this.view.set({ epoch: this.#asked ? String(this.#asked) : "" }), PAUSE);
  }

  #show() {
    const words = this.epoch ? `epoch ${this.epoch} of ${this.#last}` : "final";
    this.range.value = this.epoch ?? this.#last + 1;
    this.range.setAttribute("aria-valuetext", words);
    if (this.number !== document.activeElement) this.number.value = this.epoch ?? "";
    this.output.textContent = this.epoch ? `of ${this.#last}` : this.#last ? "" : this.nothing;
    this.end.disabled = !this.epoch;
  }
}
