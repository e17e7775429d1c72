// The epoch slider. The address keeps it.

const PAUSE = 150; // ms: browsers reject a change of the address at every step of a slider

export class Scrubber extends EventTarget {
  #last = 0;
  #asked = 0;
  #writing = null;
  #reach = { nothing: "", share: () => "" };

  // `form` contains a range, a number and an output; `view` stores the epoch.
  constructor(form, view) {
    super();
    this.view = view;
    [this.range, this.number] = form.querySelectorAll("input");
    this.output = form.querySelector("output");
    this.end = form.querySelector("button");
    this.range.addEventListener("input", () => this.#ask(this.range.value > this.#last ? 0 : Number(this.range.value)));
    this.number.addEventListener("input", () => this.#type());
    this.number.addEventListener("blur", () => this.#show());
    this.end.addEventListener("click", () => {
      this.#ask(0);
      this.range.focus(); // a disabled button can't keep the focus
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    view.follow(["epoch"], () => this.#read());
    this.#read();
  }

  // Null at the end of training. For an epoch that is not recorded yet, the last recorded one.
  get epoch() {
    return this.#last && this.#asked ? Math.min(this.#asked, this.#last) : null;
  }

  get last() {
    return this.#last;
  }

  // Takes the last epoch, the text for an empty slider, and `share`, which words how many runs have an epoch.
  limit({ last, nothing, share }) {
    this.#last = last;
    this.#reach = { nothing, share };
    this.range.max = last + 1;
    this.number.max = Math.max(1, last);
    this.range.disabled = this.number.disabled = !last;
    this.#show();
  }

  // A number beyond the last epoch visibly becomes the last one.
  #type() {
    const typed = Number(this.number.value);
    const epoch = this.number.value.trim() && Number.isFinite(typed) ? Math.max(1, Math.min(Math.round(typed), this.#last)) : 0;
    if (epoch && typed > this.#last) this.number.value = epoch;
    this.#ask(epoch);
  }

  #read() {
    const asked = Number(this.view.get("epoch"));
    const epoch = Number.isInteger(asked) && asked > 0 ? asked : 0;
    if (epoch === this.#asked) return;
    clearTimeout(this.#writing);
    this.#choose(epoch);
  }

  #ask(epoch) {
    clearTimeout(this.#writing);
    this.#writing = setTimeout(() => this.view.set({ epoch: epoch ? String(epoch) : "" }), PAUSE);
    if (epoch !== this.#asked) this.#choose(epoch);
  }

  #choose(epoch) {
    this.#asked = epoch;
    this.#show();
    this.dispatchEvent(new Event("change"));
  }

  #show() {
    const { epoch } = this;
    this.range.value = epoch ?? this.#last + 1;
    this.range.setAttribute("aria-valuetext", epoch ? `epoch ${epoch} of ${this.#last}` : "final");
    if (this.number !== document.activeElement) this.number.value = epoch ?? "";
    this.output.textContent = epoch ? `of ${this.#last}${this.#reach.share(epoch)}` : this.#last ? "" : this.#reach.nothing;
    this.end.disabled = !epoch;
  }
}
