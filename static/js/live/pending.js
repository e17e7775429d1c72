// Tables whose filter is changing: until the server has answered, their rows are dimmed and can't be selected.

const LISTS = "[data-matching]";

let newest = 0;

// Whether the rows of this form are still those of another filter.
export const isPending = (form) => form.querySelector(`${LISTS}[aria-busy="true"]`) !== null;

// Call it as soon as the filter changes; returns what `arrived` takes.
export function pending() {
  document.querySelector(LISTS).ariaBusy = "true";
  newest += 1;
  return newest;
}

// Call it once the page shows the runs of this filter; nothing happens if a newer change is pending.
export function arrived(change) {
  if (change === newest) document.querySelector(LISTS).ariaBusy = null;
}
