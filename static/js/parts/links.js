// Links and forms that carry the current view; `data-query` lists what they change in it. "baseline=2+layers" sets a
// value, "baseline=" removes it.

const KINDS = ["pointerdown", "focusin", "click"];

function currentQuery(changes) {
  const params = new URLSearchParams(location.search);
  for (const [name, value] of new URLSearchParams(changes)) {
    if (value) params.set(name, value);
    else params.delete(name);
  }
  const query = params.toString().replaceAll("%2C", ",");
  return query ? `?${query}` : "";
}

export function followLinks() {
  for (const kind of KINDS) {
    document.addEventListener(
      kind,
      (event) => {
        const link = event.target.closest?.("a[data-query]");
        if (link) link.search = currentQuery(link.dataset.query);
      },
      { capture: true },
    );
  }
  // A form's own fields override the address.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!("keepsView" in form.dataset)) return;
    const own = new Set([...form.querySelectorAll("select")].map((field) => field.name));
    for (const field of form.querySelectorAll('input[type="hidden"]')) field.remove();
    const dropped = new Set([...own, ...form.dataset.keepsView.split(",")]);
    for (const [name, value] of new URLSearchParams(location.search)) {
      if (dropped.has(name)) continue;
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    }
  });
}
