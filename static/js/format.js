// Numbers, durations and times as pages show them; app/formats.py says the same on the server.

const NOTHING = "–";
const SPACE = "\u00a0";

export const percent = (fraction, digits = 2) =>
  fraction == null ? NOTHING : `${(fraction * 100).toFixed(digits)}${SPACE}%`;

// A difference or spread of fractions in percentage points, without its unit.
export const points = (fraction) =>
  fraction == null ? NOTHING : (fraction * 100).toFixed(2).replace(/^-(?=0\.00$)/, "").replace("-", "\u2212");

// Names of groups as a list: "lr 0.1 and lr 0.2", "1, 2 and 3 layers".
export function listed(labels) {
  const areDepths = labels.length > 1 && labels.every((label) => /^\d+ layers?$/.test(label));
  const shown = areDepths ? labels.map((label, index) => (labels[index + 1] ? parseInt(label) : label)) : labels;
  if (shown.length > 1 && shown.some((label) => `${label}`.includes(","))) return `${shown.slice(0, -1).join("; ")}; and ${shown.at(-1)}`; // such a name holds a list itself
  return new Intl.ListFormat("en-GB").format(shown.map(String));
}

// A p value in as many digits as show on which side of 0.05 it lies.
export function probability(p) {
  if (p < 0.001) return `p${SPACE}<${SPACE}0.001`;
  let shown = p < 0.05 ? `${Number(p.toPrecision(2))}` : p.toFixed(2);
  for (let digits = 3; Number(shown) === 0.05 && p !== 0.05 && digits < 17; digits += 1) shown = p.toPrecision(digits);
  return `p${SPACE}=${SPACE}${shown}`;
}

const grouped = new Intl.NumberFormat("en-US");
export const whole = (number) => (number == null ? NOTHING : grouped.format(number));

// Four significant digits and never fewer than four decimals; below 0.0001 with an exponent.
export function loss(value) {
  if (value == null) return NOTHING;
  const short = value.toExponential(3);
  const magnitude = Number(short.split("e")[1]);
  return magnitude < -4 ? short : value.toFixed(Math.max(4, 3 - magnitude));
}

export function duration(seconds) {
  if (seconds == null) return NOTHING;
  if (seconds < 10) return `${seconds.toFixed(1)}${SPACE}s`;
  const total = Math.round(seconds);
  if (total < 60) return `${total}${SPACE}s`;
  const [size, unit, smaller, smallerUnit] = [
    [86400, "d", 3600, "h"],
    [3600, "h", 60, "min"],
    [60, "min", 1, "s"],
  ].find(([least]) => total >= least);
  const rest = Math.floor((total % size) / smaller);
  return `${Math.floor(total / size)}${SPACE}${unit}` + (rest ? ` ${rest}${SPACE}${smallerUnit}` : "");
}

export function about(seconds) {
  if (seconds == null) return NOTHING;
  if (seconds < 1) return `under 1${SPACE}s`;
  if (seconds < 90) return `about ${Math.round(seconds)}${SPACE}s`;
  if (seconds < 90 * 60) return `about ${Math.round(seconds / 60)}${SPACE}min`;
  if (seconds < 2 * 86400) return `about ${(seconds / 3600).toFixed(1)}${SPACE}h`;
  return `about ${Math.round(seconds / 86400)}${SPACE}days`;
}

export function ago(timestamp, now) {
  const seconds = (now - Date.parse(timestamp)) / 1000;
  if (seconds < 10) return "just now";
  const [size, unit] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(([least]) => seconds >= least);
  return `${Math.floor(seconds / size)}${SPACE}${unit} ago`;
}

// A time to the second in the reader's zone, with the zone's distance from UTC on that day and its name.
export function exact(timestamp) {
  const at = new Date(timestamp);
  const two = (number) => `${Math.abs(number)}`.padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
  const minutes = -at.getTimezoneOffset();
  const distance = minutes && `${minutes < 0 ? "\u2212" : "+"}${two(Math.trunc(minutes / 60))}:${two(minutes % 60)}`;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return `${day} ${time} UTC${distance || ""}${zone && zone !== "UTC" ? ` (${zone})` : ""}`;
}

export const plural = (number, one, many = `${one}s`) => `${whole(number)} ${number === 1 ? one : many}`;
