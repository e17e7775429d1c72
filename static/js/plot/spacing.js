// Moves positions apart by a minimum distance within given ends, as little as possible. Positions at one place keep
// their order, the first highest. Neighbours that would overlap are averaged (pool adjacent violators: M. Ayer et al.,
// 1955). If the room does not suffice, the distance shrinks.
export function spaced(wanted, apart, [low, high]) {
  const count = wanted.length;
  const step = count > 1 ? Math.min(apart, (high - low) / (count - 1)) : 0;
  const order = wanted.map((_, index) => index).toSorted((one, other) => wanted[one] - wanted[other] || other - one);
  const pools = [];
  order.forEach((index, rank) => {
    pools.push({ sum: wanted[index] - rank * step, count: 1 });
    while (pools.length > 1 && pools.at(-2).sum / pools.at(-2).count > pools.at(-1).sum / pools.at(-1).count) {
      const { sum, count: more } = pools.pop();
      pools.at(-1).sum += sum;
      pools.at(-1).count += more;
    }
  });
  const starts = pools.flatMap((pool) => Array(pool.count).fill(pool.sum / pool.count));
  const found = [];
  order.forEach((index, rank) => {
    found[index] = Math.max(low, Math.min(starts[rank], high - (count - 1) * step)) + rank * step;
  });
  return found;
}
