// Sums and spreads over seeds, computed as in `app/statistics.py`.

const QUANTILE = 0.975;
const quantiles = new Map();

// The probability that |t| is below √freedom · tan(angle), for integer degrees of freedom: the finite series of
// M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions" (1964), 26.7.3 and 26.7.4.
function within(freedom, angle) {
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const odd = freedom % 2;
  let term = odd ? cosine : 1;
  let sum = freedom === 1 ? 0 : term;
  for (let power = odd + 2; power <= freedom - 2; power += 2) {
    term *= ((power - 1) / power) * cosine ** 2;
    sum += term;
  }
  return odd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
}

// The 0.975 quantile of Student's t, by bisection of the angle down to the last bit.
export function studentQuantile(freedom) {
  if (!quantiles.has(freedom)) {
    let [low, high] = [0, Math.PI / 2];
    for (let step = 0; step < 60; step += 1) {
      const middle = (low + high) / 2;
      if (within(freedom, middle) < 2 * QUANTILE - 1) low = middle;
      else high = middle;
    }
    quantiles.set(freedom, Math.sqrt(freedom) * Math.tan(low));
  }
  return quantiles.get(freedom);
}

export function cumulated(values) {
  let sum = 0;
  return values.map((value) => (sum += value));
}

export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

export function median(values) {
  const sorted = values.toSorted((one, other) => one - other);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// Mean, sample standard deviation (n - 1), extremes and the 95 % interval of the mean, mean ± t(0.975, n - 1) s / √n.
// A single value has neither deviation nor interval.
export function spread(values) {
  const n = values.length;
  const middle = mean(values);
  const [min, max] = [Math.min(...values), Math.max(...values)];
  if (n < 2) return { mean: middle, std: null, min, max, ci95: null };
  const std = Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (n - 1));
  const margin = (studentQuantile(n - 1) * std) / Math.sqrt(n);
  return { mean: middle, std, min, max, ci95: [middle - margin, middle + margin] };
}
