// The view of the charts, kept in the URL.

// An inverse box is ticked unless the address says otherwise.
const isInverse = (control) => "inverse" in control.dataset;

export class View extends EventTarget {
  #forms = [...document.querySelectorAll("[data-view]")];

  constructor() {
    super();
    this.#fill();
    for (const form of this.#forms) {
      form.addEventListener("input", () => this.#read());
      form.addEventListener("submit", (event) => event.preventDefault());
    }
    window.addEventListener("popstate", () => {
      this.#fill();
      this.#changed();
    });
  }

  get(name) {
    return new URLSearchParams(location.search).get(name);
  }

  // Calls an action when one of these choices has changed.
  follow(names, action) {
    const chosen = () => JSON.stringify(names.map((name) => this.get(name)));
    let before = chosen();
    this.addEventListener("change", () => {
      const now = chosen();
      if (now === before) return;
      before = now;
      action();
    });
  }

  ids(name) {
    return new Set((this.get(name) ?? "").split(",").filter(Boolean).map(Number));
  }

  set(values) {
    const params = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(values)) {
      if (value) params.set(name, value);
      else params.delete(name);
    }
    const query = params.toString().replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%3B", ";");
    history.replaceState(null, "", query ? `?${query}` : location.pathname);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  // Default values (the first option, 0, unticked) are left out of the address.
  #read() {
    const values = {};
    for (const control of this.#controls()) {
      if (control.type === "checkbox") {
        values[control.name] = control.checked !== isInverse(control) ? control.value : "";
      } else if (control.type === "range") values[control.name] = Number(control.value) ? control.value : "";
      else values[control.name] = control.selectedIndex ? control.value : "";
    }
    this.#label();
    this.set(values);
  }

  #fill() {
    for (const control of this.#controls()) {
      const value = this.get(control.name);
      if (control.type === "checkbox") {
        control.checked = (value === control.value) !== isInverse(control);
      } else if (control.type === "range") control.value = value ?? 0;
      else {
        control.value = value;
        if (control.selectedIndex < 0) control.selectedIndex = 0;
      }
    }
    this.#label();
  }

  #controls() {
    return this.#forms.flatMap((form) => [...form.elements]).filter((control) => control.name);
  }

  #label() {
    for (const form of this.#forms) {
      for (const output of form.querySelectorAll("output")) {
        output.textContent = Number(output.previousElementSibling.value).toFixed(2);
      }
    }
  }
}
