// Links that offer to train runs again: what they did not store can't be shown otherwise.

const NAMED = 5;

export function rerunLinks(ids) {
  const links = ids.slice(0, NAMED).flatMap((id) => {
    const link = Object.assign(document.createElement("a"), { href: `/runs/new?from=${id}`, textContent: `run ${id}` });
    return [", ", link];
  });
  return [...links.slice(1), ids.length > NAMED ? ` and ${ids.length - NAMED} more` : ""];
}
