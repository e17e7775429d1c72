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

// The middle of each name, for dots `{x, y, radius, width}` in order of their weight; `width` is the name's. Null where a
// name would lie on another or leave the frame. `lines` are boxes that no name should lie on, and `frame` is `{width, height}`.
export function labelPlaces(dots, others, lines, frame) {
  const taken = [...dots, ...others].map(boxAround);
  const placed = [];
  const sum = (box, boxes) => boxes.reduce((total, each) => total + overlap(box, each), 0);
  const isInside = ({ left, right, top, bottom }) => left >= 0 && right <= frame.width && top >= 0 && bottom <= frame.height;
  return dots.map((dot) => {
    const free = candidates(dot).filter((box) => isInside(box) && !sum(box, placed));
    if (!free.length) return null;
    const choices = free.map((box) => ({ box, cost: sum(box, taken) + 3 * sum(box, lines) }));
    const { left, right, top, bottom } = choices.reduce((best, each) => (each.cost < best.cost ? each : best)).box;
    placed.push({ left, right, top, bottom });
    return { x: (left + right) / 2, y: (top + bottom) / 2 };
  });
}

const context = document.createElement("canvas").getContext("2d");

const LOOSE = 1.1; // letters that a browser fits to the pixels of its page are wider in a picture

// How wide a name may be in the font of charts.
export function widthOf(text, font) {
  context.font = `12px ${font}`;
  return LOOSE * context.measureText(text).width;
}
