// Shows *cancelling…* as soon as a person asks for it.

const asked = new Set();

export const CANCELLING = "cancelling…";

// Whether a run's cancellation was requested and the run has not ended yet.
export const isCancelling = (run) =>
  (run.status === "running" || run.status === "queued") && (run.cancel_requested || asked.has(run.id));

function show(id) {
  for (const status of document.querySelectorAll(`[data-status-of="${id}"]`)) {
    if (!["queued", "running"].includes(status.dataset.status)) continue;
    status.dataset.before = status.dataset.status;
    status.dataset.status = "cancelling";
    status.textContent = CANCELLING;
  }
}

function takeBack(id) {
  for (const status of document.querySelectorAll(`[data-status-of="${id}"][data-status="cancelling"][data-before]`)) {
    status.dataset.status = status.dataset.before;
    status.textContent = status.dataset.before;
    delete status.dataset.before;
  }
}

// Marks these runs as being cancelled. Call the returned function when the server has answered, with false if it
// rejected the request.
export function beginCancelling(ids) {
  for (const id of ids) {
    asked.add(id);
    show(id);
  }
  return (isTaken) => {
    for (const id of ids) {
      asked.delete(id);
      if (!isTaken) takeBack(id);
    }
  };
}

document.addEventListener("live", () => asked.forEach(show));
