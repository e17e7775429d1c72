// Shows the progress that a page's title begins with in the icon of its tab, too.

// The server begins the title of a run or study with "37 % · ", or with ✓ or ✗ once it has ended.
const PROGRESS = /^(\d+) % · /;
const ENDED = /^[✓✗] /;

const icon = document.querySelector('link[rel="icon"]');
const usual = icon.href;

const GREEN = "#1f8a56";
const RED = "#c9372c";
const sign = (color, path) =>
  `<circle cx="16" cy="16" r="15" fill="${color}"/><path d="${path}" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round" stroke-linejoin="round"/>`;
const SIGNS = { "✓": sign(GREEN, "M9 16.5l5 5 9-11"), "✗": sign(RED, "M11 11l10 10M21 11l-10 10") };

// A ring that is full at 100.
const ring = (percent) =>
  `<circle cx="16" cy="16" r="12" fill="none" stroke="#9aa0aa" stroke-width="6"/>` +
  `<circle cx="16" cy="16" r="12" fill="none" stroke="#2f7de1" stroke-width="6" pathLength="100" stroke-dasharray="${percent} 100" transform="rotate(-90 16 16)"/>`;

function show() {
  const [, percent] = PROGRESS.exec(document.title) ?? [];
  const drawn = percent ? ring(percent) : ENDED.test(document.title) ? SIGNS[document.title[0]] : null;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${drawn}</svg>`;
  const address = drawn ? `data:image/svg+xml,${encodeURIComponent(svg)}` : usual;
  if (icon.href !== address) icon.href = address;
}

export function followTitle() {
  new MutationObserver(show).observe(document.querySelector("title"), { childList: true });
  show();
}

export const hasEnded = () => ENDED.test(document.title);

// Sets the progress of a page that has not ended, as a share, between two readings of the page.
export function setProgress(share) {
  const title = `${Math.floor(100 * share)} % · ${document.title.replace(PROGRESS, "")}`;
  if (document.title !== title) document.title = title;
}
