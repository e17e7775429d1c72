// Buttons that retrain runs which lack stored data.

const NAMED = 10;

export function named(ids) {
  const more = ids.length > NAMED ? ` and ${ids.length - NAMED} more` : "";
  return `Run${ids.length === 1 ? "" : "s"} ${ids.slice(0, NAMED).join(", ")}${more}`;
}

// A button of the page's form that queues all these runs again in their places in the comparison.
export function againButton(ids) {
  const button = document.createElement("button");
  button.setAttribute("form", "again");
  Object.assign(button, { name: "ids", value: ids.join(","), textContent: ids.length === 1 ? "Train again" : `Train all ${ids.length} again` });
  return button;
}
