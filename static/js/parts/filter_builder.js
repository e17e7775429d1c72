// The filter builder: conditions, values and hint follow the kind of the chosen field, as the options of the server say.

const copyOf = (option) => {
  const made = option.cloneNode(true);
  made.hidden = made.disabled = false;
  return made;
};

// `form` is that of the filters. The builder sends nothing until `isComplete`.
export class FilterBuilder {
  constructor(form) {
    this.form = form;
    this.panel = form.querySelector("[data-builder]");
    this.operators = [...form.elements.op.options];
    this.list = document.getElementById("known-values");
    this.known = [...this.list.options].map(copyOf);
    this.hasChosen = false; // whether someone has chosen the condition
    this.panel.addEventListener("change", ({ target }) => {
      if (target.name === "op") this.hasChosen = true;
      if (target.name === "field") this.follow();
      if (["field", "op"].includes(target.name)) this.fit();
    });
    if (this.option.value) {
      this.hasChosen = true; // the server shows the form again
      this.#showOperators();
    }
    this.fit();
  }

  get option() {
    return this.form.elements.field.selectedOptions[0];
  }

  get isComplete() {
    const { op, value, to } = this.form.elements;
    return Boolean(this.option.value && (value.value || to.value || op.selectedOptions[0].dataset.values === "0"));
  }

  // The known values of a field.
  valuesOf(name) {
    return this.known.filter(({ dataset }) => dataset.of === name).map(({ value }) => value);
  }

  // Offers what the chosen field takes.
  follow() {
    const closed = this.option.dataset.closed !== undefined;
    this.#showOperators();
    this.#replaceEditor(closed);
    this.panel.querySelector("#value-error").textContent = "";
    if (!closed) this.#complete();
  }

  // Shows as many values as the condition takes.
  fit() {
    const { op, value, to } = this.form.elements;
    const kind = this.option.dataset.kind;
    const count = Number(op.selectedOptions[0]?.dataset.values ?? 1);
    op.closest(".field").hidden = !kind;
    value.closest(".field").hidden = !kind || count === 0;
    to.closest("label").hidden = count < 2;
    to.disabled = count < 2;
    for (const hint of this.panel.querySelectorAll("#value-hint [data-kind]")) hint.hidden = hint.dataset.kind !== kind;
  }

  #showOperators() {
    const { op } = this.form.elements;
    const before = op.value;
    const fitting = this.operators.filter(({ dataset }) => dataset.kinds.split(" ").includes(this.option.dataset.kind)).map(copyOf);
    op.replaceChildren(...fitting);
    const isKept = this.hasChosen && fitting.some(({ value }) => value === before);
    op.value = isKept ? before : fitting[0]?.value ?? "";
  }

  // A list for fields with a fixed choice of values, otherwise a field to type in.
  #replaceEditor(closed) {
    const { value } = this.form.elements;
    const made = document.createElement(closed ? "select" : "input");
    Object.assign(made, { id: "value", name: "value" });
    if (closed) made.replaceChildren(...this.valuesOf(this.option.value).map((text) => new Option(text)));
    else {
      made.autocomplete = "off";
      made.setAttribute("list", this.list.id);
      made.setAttribute("aria-describedby", "value-error value-hint");
    }
    value.replaceWith(made);
  }

  // Completes values with those that runs have in the chosen field.
  async #complete() {
    const name = this.option.value;
    const own = this.known.filter(({ dataset }) => dataset.of === name);
    this.list.replaceChildren(...own.map(copyOf));
    if (!name) return;
    const answer = await fetch(`/runs/values?field=${name}`, { headers: { Accept: "application/json" } });
    if (!answer.ok || this.option.value !== name) return;
    const { values } = await answer.json();
    const options = values.map(({ value, runs }) => Object.assign(document.createElement("option"), { value, label: `${runs} runs` }));
    if (options.length) this.list.replaceChildren(...options);
  }
}
