// The links to the sections of a page: marks the section in view, and shows only links to visible sections.

const BELOW = 16; // px: a section is in view when its heading is this close to where an anchor places it

// Of sections side by side, or of those at the end of the page, the one that the address names, else the first or last.
function currentOf(tops, edge) {
  const named = ([link]) => link.hash === location.hash;
  if (scrollY > 0 && innerHeight + scrollY >= document.documentElement.scrollHeight - 1) {
    const seen = tops.filter(([, top]) => top > 0 && top < innerHeight);
    return seen.find(named) ?? seen.at(-1);
  }
  const passed = tops.filter(([, top]) => top <= edge);
  const last = Math.max(...passed.map(([, top]) => top));
  const beside = passed.filter(([, top]) => top > last - BELOW);
  return beside.find(named) ?? beside[0];
}

export function followSections() {
  const nav = document.querySelector(".sections");
  const links = [...nav.querySelectorAll("a")];
  let isAsked = false;

  function mark() {
    isAsked = false;
    const edge = Number.parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) + BELOW;
    const places = new Map([...document.querySelectorAll("main [id]")].map((place) => [`#${place.id}`, place]));
    const seen = links.filter((link) => places.get(link.hash)?.checkVisibility());
    for (const link of links) link.parentElement.hidden = !seen.includes(link);
    const tops = seen.map((link) => [link, places.get(link.hash).getBoundingClientRect().top]);
    const [current] = currentOf(tops, edge) ?? [];
    for (const link of links) {
      if (link === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    if (!current) return;
    const [inside, outside] = [current.getBoundingClientRect(), nav.getBoundingClientRect()];
    if (inside.left < outside.left || inside.right > outside.right) nav.scrollLeft += inside.left - outside.left;
  }

  const ask = () => {
    if (!isAsked) requestAnimationFrame(mark);
    isAsked = true;
  };
  addEventListener("scroll", ask, { passive: true });
  addEventListener("resize", ask);
  document.addEventListener("live", ask);
  new ResizeObserver(ask).observe(document.querySelector("main")); // sections that appear or go change its height
  ask();
}
