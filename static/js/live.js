// Parts of a page that the server words anew: elements with an id and `data-live` are fetched again and swapped.

// Wraps an action: at most once per `pause` ms, never twice at a time, and the last call is never lost.
export function throttle(action, pause) {
  let wanted = false;
  let running = false;
  let ready = 0;
  return async () => {
    wanted = true;
    if (running) return;
    running = true;
    while (wanted) {
      await new Promise((resume) => setTimeout(resume, Math.max(0, ready - performance.now())));
      wanted = false;
      try {
        await action();
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // the network is away: the event stream says so
      }
      ready = performance.now() + pause;
    }
    running = false;
  };
}

export const refresh = throttle(async () => {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(old.id);
    // never under someone's fingers: what holds the focus waits for the next round
    if (next && next.innerHTML !== old.innerHTML && !old.contains(document.activeElement)) {
      old.replaceChildren(...next.childNodes);
    }
  }
}, 700);
