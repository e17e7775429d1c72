// Updates parts of a page in place: elements stay, and only differences are changed. This keeps focus, text selection,
// scroll positions, pictures, choices and open details.

// Children are matched by `data-key`, `data-run` or id at any position; others by their tag and position.
const keyOf = (node) => node.dataset?.key ?? node.dataset?.run ?? (node.id || node.nodeName);

// White space between the children of these elements has no meaning and would be in the way of moving children.
const SPACELESS = new Set(["TABLE", "THEAD", "TBODY", "TR", "UL", "OL", "DL", "SELECT"]);
const isBlank = (node) => node.nodeType === Node.TEXT_NODE && !node.data.trim();

// A unique key for each of these nodes: repeated keys are numbered.
function keyed(nodes) {
  const found = new Map();
  const counts = new Map();
  for (const node of nodes) {
    const key = keyOf(node);
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    found.set(`${key} ${count}`, node);
  }
  return found;
}

// What a server answered to the last attempt of a reader, and does not say again when it is asked for the page: a rejected
// form at this address, and the message beside a button. Both stay until the next attempt.
const isRejected = (node) => node.dataset?.rejected === location.href;
const isMessage = (node) => node.dataset?.sent === "refused";

const hasFocus = (node) => node.contains(document.activeElement);

// The neighbour of a removed element that had the focus.
let beside = null;

function remove(node) {
  if (hasFocus(node)) beside = node.nextElementSibling ?? node.previousElementSibling ?? node.parentElement;
  else if (beside === node) beside = node.nextElementSibling ?? node.previousElementSibling ?? node.parentElement;
  node.remove();
}

const LEADS_ON = 'a[href], [tabindex="0"]';

// Moves the focus to the nearest link, never to a button, which could act on another thing.
export function focusNear(place) {
  for (let around = place; around && around !== document.body; around = around.parentElement) {
    const links = [around, ...around.querySelectorAll(LEADS_ON)].filter((each) => each.matches(LEADS_ON));
    const seen = links.find((each) => each.checkVisibility());
    if (seen) return seen.focus({ preventScroll: true });
    if (!around.matches("section, main") || !around.checkVisibility()) continue;
    around.tabIndex = -1;
    return around.focus({ preventScroll: true });
  }
}

function settle() {
  const place = beside;
  beside = null;
  if (place?.isConnected && !document.activeElement?.matches(":not(body)")) focusNear(place);
}

// Attributes set by the reader or a script of the page, which the server does not know: `open` of details, and those
// named in `data-keeps`.
const isOwn = (element, name) => name === "open" || element.dataset.keeps?.split(" ").includes(name);

function likeAttributes(old, next) {
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value && !isOwn(old, name)) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && !isOwn(old, name)) old.removeAttribute(name);
  }
}

function like(old, next) {
  if (old === next || isRejected(old)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  likeAttributes(old, next);
  place(old, next.childNodes);
}

function nextShown(node) {
  let next = node.nextSibling;
  while (next && isBlank(next)) next = next.nextSibling;
  return next;
}

// Gives a parent these children. Removes old children first, so that fewer have to move, because a moved element loses
// the focus. If elements must move, the focused one stays in place.
function place(parent, children) {
  const spaceless = SPACELESS.has(parent.nodeName);
  const kept = (nodes) => keyed([...nodes].filter((node) => !(spaceless && isBlank(node)) && !isMessage(node)));
  const old = kept(parent.childNodes);
  const wanted = kept(children);
  for (const node of [...parent.childNodes]) if (spaceless && isBlank(node)) node.remove();
  for (const [key, node] of old) if (wanted.get(key)?.nodeName !== node.nodeName) remove(node);
  let at = parent.firstChild;
  for (const [key, node] of wanted) {
    const found = old.get(key);
    if (found?.nodeName !== node.nodeName) {
      parent.insertBefore(node, at);
      continue;
    }
    if (found !== at) {
      if (hasFocus(found)) {
        while (at !== found) {
          const passed = at;
          at = at.nextSibling;
          parent.append(passed);
        }
      } else if (nextShown(at) === found && !hasFocus(at)) {
        parent.append(at);
        at = found;
      } else parent.insertBefore(found, at);
    }
    if (found === at) at = at.nextSibling;
    like(found, node);
  }
}

// Removes an element from the page.
export function takeOut(node) {
  remove(node);
  settle();
}

// Moves the focus if its element was hidden, because keyboard navigation can't continue from a hidden element.
export function keepFocus(place = document.activeElement) {
  if (!document.activeElement.checkVisibility()) focusNear(place);
}

// Makes one element like another.
export function become(old, next) {
  like(old, next);
  settle();
}

// Makes the attributes of one element like those of another, without changing its contents.
export function becomeOutside(old, next) {
  likeAttributes(old, next);
}

// Replaces an element's children with these nodes or texts.
export function fill(element, ...children) {
  place(element, children.map((child) => (child instanceof Node ? child : document.createTextNode(child))));
  settle();
}
