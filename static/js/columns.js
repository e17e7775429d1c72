// The epochs of runs as columns, kept complete: repeated epochs are dropped, a gap is read again.

// What was asked for is not there, or no longer.
export class Missing extends Error {}

export async function json(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (answer.status === 404) throw new Missing(url);
  if (!answer.ok) throw new TypeError(`${url}: ${answer.status}`);
  return answer.json();
}

export const readEpochs = (id) => json(`/runs/${id}/epochs`);

// Adds an epoch record to columns, in place. Returns false if epochs are missing between the two.
export function append(columns, record) {
  const last = columns.epoch.at(-1) ?? 0;
  if (record.epoch <= last) return true;
  if (record.epoch > last + 1) return false;
  for (const [name, values] of Object.entries(columns)) values.push(record[name]);
  return true;
}

export function cumulated(values) {
  let sum = 0;
  return values.map((value) => (sum += value));
}
