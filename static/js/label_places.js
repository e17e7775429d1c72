// Where the names of dots can stand without lying on dots, lines or each other. All in pixels, y downwards.

const GAP = 4;
const LINE = 15; // the height of a name

const overlap = (one, other) =>
  Math.max(0, Math.min(one.right, other.right) - Math.max(one.left, other.left)) *
  Math.max(0, Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top));

const boxAround = ({ x, y, radius }) => ({ left: x - radius, right: x + radius, top: y - radius, bottom: y + radius });

// The places around a dot, the most usual first.
function candidates({ x, y, radius, width }) {
  const side = radius + GAP;
  const box = (left, top) => ({ left, right: left + width, top, bottom: top + LINE });
  return [1, 2.2].flatMap((far) => [
    box(x + side, y - LINE - GAP * far),
    box(x + side, y + GAP * far),
    box(x - side - width, y - LINE - GAP * far),
    box(x - side - width, y + GAP * far),
    box(x - width / 2, y - side - LINE * far),
    box(x - width / 2, y + side + LINE * (far - 1)),
  ]);
}

// The middle of each name, for dots `{x, y, radius, width}` in order of their weight; `width` is the name's.
// `lines` are boxes that no name should lie on, and `frame` is `{width, height}`.
export function labelPlaces(dots, others, lines, frame) {
  const taken = [...dots, ...others].map(boxAround);
  const placed = [];
  const cost = (box) => {
    const outside =
      Math.max(0, -box.left) + Math.max(0, box.right - frame.width) + Math.max(0, -box.top) + Math.max(0, box.bottom - frame.height);
    const sum = (boxes) => boxes.reduce((total, each) => total + overlap(box, each), 0);
    return 50 * outside + sum(taken) + 4 * sum(placed) + 3 * sum(lines);
  };
  for (const dot of dots) {
    const choices = candidates(dot).map((box) => ({ box, cost: cost(box) }));
    placed.push(choices.reduce((best, each) => (each.cost < best.cost ? each : best)).box);
  }
  return placed.map(({ left, right, top, bottom }) => ({ x: (left + right) / 2, y: (top + bottom) / 2 }));
}

const context = document.createElement("canvas").getContext("2d");

// How wide a name is in the font of charts.
export function widthOf(text, font) {
  context.font = `12px ${font}`;
  return context.measureText(text).width;
}
