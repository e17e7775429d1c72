// Runs a slow action at most once at a time, and once more if it was requested meanwhile.

const LONGEST_PAUSE = 15000;

// Wraps an action: it runs at most once per `pause` ms, never twice at a time, and the last call is never lost. If the
// network or the server is away (fetch throws a TypeError), it is repeated with growing pauses.
export function throttle(action, pause) {
  let wanted = false;
  let running = false;
  let ready = 0;
  return async () => {
    wanted = true;
    if (running) return;
    running = true;
    let wait = pause;
    try {
      while (wanted) {
        await new Promise((resume) => setTimeout(resume, Math.max(0, ready - performance.now())));
        wanted = false;
        try {
          await action();
          wait = pause;
        } catch (error) {
          if (!(error instanceof TypeError)) throw error;
          wanted = true;
          wait = Math.min(2 * wait, LONGEST_PAUSE);
        }
        ready = performance.now() + wait;
      }
    } finally {
      running = false;
    }
  };
}
