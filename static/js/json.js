// Fetches JSON from the server.

// The requested resource does not exist, or no longer exists.
export class Missing extends Error {}

export async function json(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (answer.status === 404) throw new Missing(url);
  if (!answer.ok) throw new TypeError(`${url}: ${answer.status}`);
  return answer.json();
}
