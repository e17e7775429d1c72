// Formats numbers, durations and times; `app/formats.py` formats them in the same way on the server.

const NOTHING = "–";
const SPACE = "\u00a0";
const MINUS = "\u2212";

export const percent = (fraction, digits = 2) =>
  fraction == null ? NOTHING : `${(fraction * 100).toFixed(digits)}${SPACE}%`;

// A difference or spread of fractions in percentage points, without its unit.
export const points = (fraction) =>
  fraction == null ? NOTHING : (fraction * 100).toFixed(2).replace(/^-(?=0\.00$)/, "").replace("-", MINUS);

// A difference of fractions in percentage points with its sign and unit; no sign if it is 0.00.
export function signedPoints(fraction) {
  const words = points(fraction);
  return `${words.startsWith(MINUS) || words === "0.00" ? "" : "+"}${words}${SPACE}pp`;
}

// Names of groups as a list: "lr 0.1 and lr 0.2", "1, 2 and 3 layers".
export function listed(labels) {
  const areDepths = labels.length > 1 && labels.every((label) => /^\d+ layers?$/.test(label));
  const shown = areDepths ? labels.map((label, index) => (labels[index + 1] ? parseInt(label) : label)) : labels;
  if (shown.length > 1 && shown.some((label) => `${label}`.includes(","))) return `${shown.slice(0, -1).join("; ")}; and ${shown.at(-1)}`; // a name contains a list itself
  return new Intl.ListFormat("en-GB").format(shown.map(String));
}

const grouped = new Intl.NumberFormat("en-US");
export const whole = (number) => (number == null ? NOTHING : grouped.format(number).replace("-", MINUS));

// Powers of ten of the numbers written without an exponent; others get one, like 4.000e-5.
const PLAIN = [-4, 4];

const scientific = (value, digits) => {
  const [mantissa, power] = value.toExponential(digits - 1).split("e");
  return { mantissa, power: Number(power) };
};

// A measured number with at least `decimals` decimals and `digits` significant digits. It gets an exponent where it
// would need more than five digits before the point or four zeros after it.
export function figure(value, decimals, digits) {
  if (value == null) return NOTHING;
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : `${MINUS}∞`;
  if (!value) return (0).toFixed(decimals);
  const { mantissa, power } = scientific(value, digits);
  if (power < PLAIN[0] || power > PLAIN[1]) return `${mantissa}e${power}`;
  return value.toFixed(Math.max(decimals, digits - 1 - power));
}

// A number with `digits` significant digits and no trailing zeros; integers keep all their digits.
export const significant = (value, digits) => figure(value, 0, digits).replace(/\.0+(?=e|$)|(\.\d*?[1-9])0+(?=e|$)/, "$1");

// A ratio with three significant digits.
export const ratio = (number) => (number == null ? NOTHING : `×${SPACE}${significant(number, 3)}`);

// A cross-entropy in nats with four significant digits and at least four decimals.
export const loss = (value) => figure(value, 4, 4);

// A difference of losses with its sign, with four decimals, or with an exponent where four decimals show only zeros.
export function signedLoss(difference) {
  const size = Math.abs(difference);
  const isPlain = !size || (size >= 0.00005 && size < 100_000);
  return `${difference < 0 ? MINUS : "+"}${isPlain ? size.toFixed(4) : loss(size)}`;
}

// A measured time in seconds without its unit: hundredths, or two significant digits below that.
export const seconds = (value) => figure(value, 2, 2);

// A tick label with as few digits as the value needs.
export const mark = (value) => significant(value, 12);

export function duration(seconds) {
  if (seconds == null) return NOTHING;
  if (seconds > 0 && seconds < 0.0005) return `under 1${SPACE}ms`;
  if (seconds > 0 && seconds < 0.05) return `${Math.round(1000 * seconds)}${SPACE}ms`;
  if (seconds < 10) return `${seconds.toFixed(1)}${SPACE}s`;
  const total = Math.round(seconds);
  if (total < 60) return `${total}${SPACE}s`;
  const [size, unit, smaller, smallerUnit] = [
    [86400, "d", 3600, "h"],
    [3600, "h", 60, "min"],
    [60, "min", 1, "s"],
  ].find(([least]) => total >= least);
  const rest = Math.floor((total % size) / smaller);
  return `${whole(Math.floor(total / size))}${SPACE}${unit}` + (rest ? ` ${rest}${SPACE}${smallerUnit}` : "");
}

export function about(seconds) {
  if (seconds == null) return NOTHING;
  if (seconds < 1) return `under 1${SPACE}s`;
  if (seconds < 90) return `about ${Math.round(seconds)}${SPACE}s`;
  if (seconds < 90 * 60) return `about ${Math.round(seconds / 60)}${SPACE}min`;
  if (seconds < 2 * 86400) return `about ${(seconds / 3600).toFixed(1)}${SPACE}h`;
  return `about ${whole(Math.round(seconds / 86400))}${SPACE}days`;
}

export function ago(timestamp, now) {
  const seconds = (now - Date.parse(timestamp)) / 1000;
  if (seconds < 10) return "just now";
  const [size, unit] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(([least]) => seconds >= least);
  return `${Math.floor(seconds / size)}${SPACE}${unit} ago`;
}

// A time to the second in the reader's time zone, with the zone's name and UTC offset on that day.
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
