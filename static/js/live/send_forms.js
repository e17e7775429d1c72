// Sends forms without leaving the page, so that nothing typed is lost if the server does not answer. Then the browser
// goes to the address of the response. A form with `data-stay` stays on its page and updates the page's live parts.
//
// `data-cancels` names the runs that a form or button cancels (`ticked`: the selected runs, `all`: all runs of the
// page). `data-meanwhile` is the label of its button until the server has answered. `data-deletes` is for a form that
// deletes the subject of the page.
//
// A form gets the events "sending", "sent" once the server has accepted it, and "answered" when all is done. Their detail
// has the button and the body; that of "sent" also whether the server did all of it, and whether the browser leaves the page.

import { beginCancelling } from "./cancelling.js";
import { isFilledIn } from "./filled_in.js";
import { giveFocus } from "../focus.js";
import { read, refresh } from "./live.js";
import { become, focusNear } from "../morph.js";
import { hush, say, settle } from "./notice.js";

const PATIENCE = 30_000; // ms until a server that does not answer counts as away
const AWAY = "The server can’t be reached.";
const KEPT = "Your input is kept.";
const AGAIN = "You can safely try again.";
const GROUPS = ".actions, .bulk, .filters";

let answeredPlace = null; // the action of the form that was answered last on this page
const sending = new Map(); // a form being sent; if it was submitted again meanwhile, the button and the input of that

// The key of a request stays the same until the request is answered, even if the page is read again meanwhile.
const keys = {
  of(request) {
    const made = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    try {
      const key = sessionStorage.getItem(request) ?? made;
      sessionStorage.setItem(request, key);
      return key;
    } catch {
      return made; // storage is blocked or full
    }
  },
  forget(request) {
    try {
      sessionStorage.removeItem(request);
    } catch {
      // storage is blocked: there is no key
    }
  },
};

// The server is away or rejected the form; after a rejection, `page` is its response.
class Refused extends Error {
  constructor(message, page = null) {
    super(message);
    this.page = page;
  }
}

async function post(address, body) {
  const request = `post ${address.pathname} ${body}`;
  let answer;
  let text;
  try {
    answer = await fetch(address, {
      method: "POST",
      headers: { Accept: "text/html", "X-Requested-With": "fetch", "Idempotency-Key": keys.of(request) },
      body: new URLSearchParams(body),
      signal: AbortSignal.timeout(PATIENCE),
    });
    text = await answer.text();
  } catch {
    throw new Refused(AWAY);
  }
  if (answer.ok || answer.status === 410) keys.forget(request);
  const to = answer.headers.get("Location");
  if (answer.ok && to) return { to: new URL(to, location.href), isDone: answer.headers.get("X-Done") === "true" };
  const page = new DOMParser().parseFromString(text, "text/html");
  throw new Refused(wordsOf(answer, text, page), page);
}

function wordsOf(answer, text, page) {
  const said = page.querySelector("[data-detail], main [role=alert]")?.textContent.trim();
  if (said) return said;
  if (answer.headers.get("Content-Type")?.includes("json")) return JSON.parse(text).detail;
  return answer.status >= 500 ? AWAY : `The server rejected the request with status ${answer.status}.`;
}

// The user's input in a form, without hidden fields.
const inputOf = (form) =>
  JSON.stringify([...form.elements].map((field) => (field.type === "hidden" ? null : [field.value, field.checked])));

const bodyOf = (form, button) => new URLSearchParams(new FormData(form, button)).toString();

function cancelledBy(form, button) {
  const { cancels } = { ...form.dataset, ...button?.dataset };
  if (!cancels) return [];
  if (cancels === "all") return [...document.querySelectorAll("[data-runs] tr[data-run]")].map((row) => Number(row.dataset.run));
  if (cancels === "ticked") return (new FormData(form).get("ids") ?? "").split(",").map(Number);
  return [Number(cancels)];
}

const hasInput = (form) => [...form.elements].some((field) => !field.matches("button, [type=hidden]"));

// A form that is only a button has no input to lose and may be in a live part of the page.
const isSmall = (form) => "stay" in form.dataset && !form.id;

// Shows a message beside the button until the next attempt. If the server was away, the form gets an "away" event, and
// its page may remove the message once the server is back.
function complain(form, button, text, isAway = false) {
  if (isSmall(form)) return say(text, true);
  const words = document.createElement("p");
  words.className = "error";
  words.setAttribute("role", "alert");
  words.dataset.sent = isAway ? "away" : "refused";
  const group = button?.closest(GROUPS);
  if (group) group.append(words);
  else (button ?? form.lastElementChild).after(words);
  words.textContent = text;
  if (isAway) form.dispatchEvent(new Event("away"));
}

function showRefusal(form, button, { message, page }) {
  const next = form.id && page?.getElementById(form.id);
  if (!next) {
    const advice = isSmall(form) ? ["Try again."] : [...(hasInput(form) ? [KEPT] : []), ...(page ? [] : [AGAIN])];
    return complain(form, button, [message, ...advice].join(" "), message === AWAY);
  }
  become(form, next);
  form.dataset.rejected = location.href;
  for (const wrong of form.querySelectorAll('[aria-invalid="true"], .error:not(:empty)')) {
    const folded = wrong.closest("details");
    if (folded) folded.open = true;
  }
  const wrong = form.querySelector('[aria-invalid="true"], .field:has(.error:not(:empty)) input');
  const said = form.querySelector("[role=alert]");
  if (wrong) wrong.focus();
  else if (said) {
    said.tabIndex = -1;
    said.focus();
  } else complain(form, button, message);
}

// The form, and other forms of the same thing without input, which now have other values.
function formsOf(form) {
  const place = form.getAttribute("action");
  const isOutdated = (other) => other === form || (other.getAttribute("action") === place && !isFilledIn(other));
  return [...document.querySelectorAll("form[id][data-stay]")].filter(isOutdated);
}

// Updates the page, and keeps what was typed while the form was being sent or the page was being read.
async function stay(form, button, sent) {
  const others = formsOf(form);
  try {
    await read(others);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    refresh();
  }
  if (form.id && form.isConnected && inputOf(form) === sent) form.reset();
  const isLost = document.activeElement === document.body || !document.activeElement.checkVisibility();
  if (!button?.isConnected || !(isLost || document.activeElement === button) || button.checkVisibility()) return;
  const place = form.querySelector("[data-still]");
  if (place) place.focus({ preventScroll: true });
  else focusNear(form);
}

async function send(form, button) {
  const body = bodyOf(form, button);
  const input = inputOf(form);
  const address = new URL(button?.getAttribute("formaction") ?? form.getAttribute("action") ?? "", location.href);
  const label = button?.textContent;
  const { meanwhile } = form.dataset;
  hush();
  for (const place of [form, button?.closest(GROUPS)]) place?.querySelector("[data-sent]")?.remove();
  delete form.dataset.rejected;
  button?.setAttribute("aria-busy", "true");
  if (meanwhile && button) button.textContent = meanwhile;
  const answered = beginCancelling(cancelledBy(form, button));
  const tell = (type, detail = {}) => form.dispatchEvent(new CustomEvent(type, { bubbles: true, detail: { button, body, ...detail } }));
  tell("sending");
  const release = () => {
    tell("answered");
    button?.removeAttribute("aria-busy");
    const again = sending.get(form);
    sending.delete(form);
    if (again && again.input !== input && form.isConnected) form.requestSubmit(again.button);
  };
  try {
    const { to, isDone } = await post(address, body);
    const isLeaving = !("stay" in form.dataset) || to.pathname !== location.pathname;
    answered(true);
    tell("sent", { isDone, isLeaving });
    if (isLeaving) {
      window.addEventListener("pageshow", release, { once: true }); // a second press meanwhile would submit it twice
      if ("givesFocus" in form.dataset) giveFocus(form.dataset.givesFocus);
      location.assign(to);
      return;
    }
    await stay(form, button, input);
    answeredPlace = form.getAttribute("action");
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    answered(false);
    if (meanwhile && button) button.textContent = label;
    showRefusal(form, button, error);
  }
  release();
  if ("deletes" in form.dataset) refresh();
}

export function sendForms() {
  document.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    if (event.defaultPrevented || form.getAttribute("method")?.toLowerCase() !== "post") return;
    event.preventDefault();
    if (submitter?.ariaDisabled === "true") return;
    if (sending.has(form)) {
      sending.set(form, { button: submitter, input: inputOf(form) });
      return;
    }
    sending.set(form, null);
    send(form, submitter);
  });
  // "Saved." is about what was saved, not about what is typed now.
  document.addEventListener("input", ({ target }) => {
    if (target.form) delete target.form.dataset.rejected;
    if (answeredPlace && target.form?.getAttribute("action") === answeredPlace) settle();
  });
  // Enter begins a line in a text of several lines; with Ctrl or ⌘ it sends the form.
  document.addEventListener("keydown", (event) => {
    const { form } = event.target;
    const isSent = event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea");
    if (!isSent || event.defaultPrevented || form?.getAttribute("method")?.toLowerCase() !== "post") return;
    event.preventDefault();
    form.requestSubmit(form.querySelector("button:not([type=button])"));
  });
}
