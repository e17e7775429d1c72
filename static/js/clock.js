// The server's clock, read from `/health`: the browser's clock may be hours off or change while a page is open.

const DRIFT = 2000; // ms that the browser's two clocks may differ; more means that one was set or that the computer slept
const LONGEST = 600_000; // ms until the server is asked again

let asked = null; // the server's time at the last answer, and the browser's two clocks then

// Milliseconds since 1970; null until the server has answered.
export const serverNow = () => asked && asked.server + performance.now() - asked.running;

function isDoubtful() {
  if (!asked) return true;
  const running = performance.now() - asked.running;
  return running > LONGEST || Math.abs(Date.now() - asked.wall - running) > DRIFT;
}

// Asks the server for the time if its last answer may no longer be valid.
export async function askClock() {
  if (!isDoubtful()) return;
  const began = performance.now();
  const answer = await fetch("/health", { headers: { Accept: "application/json" }, cache: "no-store" });
  if (!answer.ok) return;
  const { time } = await answer.json();
  const running = performance.now();
  asked = { server: Date.parse(time) + (running - began) / 2, running, wall: Date.now() };
}
