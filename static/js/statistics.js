// Spreads over seeds, for what is reckoned in the browser; app/statistics.py says the same on the server.

const SMALL = [12.7062, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.306, 2.26216, 2.22814];
const Z = 1.959963984540054;

// The 0.975 quantile of Student's t; beyond 10 degrees of freedom by the expansion of Abramowitz and Stegun,
// "Handbook of Mathematical Functions", 26.7.5.
export function student(freedom) {
  if (freedom <= SMALL.length) return SMALL[freedom - 1];
  const terms = [
    (Z ** 3 + Z) / 4,
    (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / 96,
    (3 * Z ** 7 + 19 * Z ** 5 + 17 * Z ** 3 - 15 * Z) / 384,
    (79 * Z ** 9 + 776 * Z ** 7 + 1482 * Z ** 5 - 1920 * Z ** 3 - 945 * Z) / 92160,
  ];
  return terms.reduce((sum, term, index) => sum + term / freedom ** (index + 1), Z);
}

// Mean, sample standard deviation, extremes and the 95 % interval of the mean.
export function spread(values) {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const [min, max] = [Math.min(...values), Math.max(...values)];
  if (n === 1) return { mean, std: null, min, max, ci95: null };
  const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  const margin = (student(n - 1) * std) / Math.sqrt(n);
  return { mean, std, min, max, ci95: [mean - margin, mean + margin] };
}
