// The server's clock, read from `/health`: the browser's clock may be hours off or change while a page is open.

const DRIFT = 2000; // ms that the browser's two clocks may differ: one that was set, or a computer that slept
const LONGEST = 600_000; // ms until the server is asked again

let asked = null; // what the server's clock said, and the browser's two clocks then

// Milliseconds since 1970; null until the server has said it.
export const serverNow = () => asked && asked.server + performance.now() - asked.running;

function isDoubtful() {
  if (!asked) return true;
  const running = performance.now() - asked.running;
  return running > LONGEST || Math.abs(Date.now() - asked.wall - running) > DRIFT;
}

// Asks the server for the time, if what it said before may no longer hold.
export async function askClock() {
  if (!isDoubtful()) return;
  const began = performance.now();
  const answer = await fetch("/health", { headers: { Accept: "application/json" }, cache: "no-store" });
  if (!answer.ok) return;
  const { time } = await answer.json();
  const running = performance.now();
  asked = { server: Date.parse(time) + (running - began) / 2, running, wall: Date.now() };
}
