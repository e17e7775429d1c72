// Exponential smoothing with bias correction, as in Adam; 0 disables it.

export function smooth(values, weight) {
  if (!weight) return values;
  let mean = 0;
  let mass = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value; // does not affect later values
    mean = weight * mean + (1 - weight) * value;
    mass = weight * mass + (1 - weight);
    return mean / mass;
  });
}
