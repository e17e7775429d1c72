// The form says what it would start while one types. The server reads the form and answers with the same
// page; the parts marked `data-swap` are taken from it, so there is one reader of lists and ranges.

const form = document.querySelector("[data-launch]");
const depth = form.elements.depth;
let newest = 0;
let timer = null;

async function preview() {
  const mine = (newest += 1);
  const answer = await fetch("/studies/preview", {
    method: "POST",
    headers: { Accept: "text/html" },
    body: new URLSearchParams(new FormData(form)),
  });
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (mine !== newest) return; // an older answer overtaken by typing
  for (const old of document.querySelectorAll("[data-swap]")) {
    const next = fresh.getElementById(old.id);
    if (next && next.innerHTML !== old.innerHTML) swap(old, next);
  }
  for (const control of form.querySelectorAll("input[id], textarea[id]")) {
    const wrong = document.getElementById(`${control.id}-error`)?.textContent;
    if (wrong) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  }
}

// The network cards are buttons that may hold the focus: where they are the same networks, they are only marked.
function swap(old, next) {
  const same = (part) => [...part.querySelectorAll("text, span")].map((text) => text.textContent).join();
  if (old.id !== "networks" || same(old) !== same(next)) {
    old.replaceChildren(...next.childNodes);
    return;
  }
  for (const card of next.querySelectorAll("[data-choose-depth]")) mark(card.dataset.chooseDepth, card.ariaPressed);
}

function mark(value, pressed) {
  const card = form.querySelector(`[data-choose-depth="${value}"]`);
  card.setAttribute("aria-pressed", pressed);
  card.classList.toggle("chosen", pressed === "true");
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(() => preview().catch(() => {}), 250); // away from the network: sending will say so
}

const chosen = () =>
  [...form.querySelectorAll('[data-choose-depth][aria-pressed="true"]')].map((card) => Number(card.dataset.chooseDepth));

// 1, 2, 3 reads as 1-3.
function asText(depths) {
  const [first, last] = [depths[0], depths.at(-1)];
  return depths.length > 2 && last - first === depths.length - 1 ? `${first}-${last}` : depths.join(", ");
}

form.addEventListener("input", later);
form.addEventListener("click", (event) => {
  const card = event.target.closest("[data-choose-depth]");
  const copy = event.target.closest("[data-copy]");
  if (card) {
    mark(card.dataset.chooseDepth, String(card.getAttribute("aria-pressed") !== "true"));
    depth.value = asText(chosen());
    later();
  } else if (copy) {
    navigator.clipboard?.writeText(document.getElementById(copy.dataset.copy).textContent);
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  }
});
form.querySelector("[data-check]").hidden = true; // the preview checks by itself
