// Finds places for the names of dots where they cover no dots, lines or other names. All in pixels, y downwards.

const GAP = 4;
const LINE = 15; // height of a name

const overlap = (one, other) =>
  Math.max(0, Math.min(one.right, other.right) - Math.max(one.left, other.left)) *
  Math.max(0, Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top));

const boxAround = ({ x, y, radius }) => ({ left: x - radius, right: x + radius, top: y - radius, bottom: y + radius });

// The positions around a dot, the most usual first.
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

// Whether two names that overlap horizontally are in the same vertical order as their dots.
const isInOrder = (one, other) =>
  one.box.right <= other.box.left ||
  other.box.right <= one.box.left ||
  Math.abs(one.dot.y - other.dot.y) < LINE ||
  one.box.top > other.box.top === one.dot.y > other.dot.y;

// The centre of each name, for dots `{x, y, radius, width}` in order of priority, where `width` is the name's. Null if
// the names are not all readable: one would leave the frame, overlap another name, a dot or a box of `taken`, or be out
// of the dots' order, or dots are so close that a name could belong to either. Names avoid `others`, which are smaller
// dots, and `lines`, which are boxes, where they can. `frame` is `{width, height}`.
export function labelPlaces(dots, others, lines, taken, frame) {
  const isClose = (one, other) => one !== other && Math.hypot(one.x - other.x, one.y - other.y) < LINE;
  if (dots.some((one) => dots.some((other) => isClose(one, other)))) return null;
  const closed = [...dots.map(boxAround), ...taken];
  const light = others.map(boxAround);
  const placed = [];
  const sum = (box, boxes) => boxes.reduce((total, each) => total + overlap(box, each), 0);
  const isInside = ({ left, right, top, bottom }) => left >= 0 && right <= frame.width && top >= 0 && bottom <= frame.height;
  for (const dot of dots) {
    const isFree = (box) => isInside(box) && !sum(box, closed) && placed.every((each) => !overlap(box, each.box) && isInOrder({ box, dot }, each));
    const choices = candidates(dot).filter(isFree).map((box) => ({ box, cost: sum(box, light) + 3 * sum(box, lines) }));
    if (!choices.length) return null;
    placed.push({ dot, box: choices.reduce((best, each) => (each.cost < best.cost ? each : best)).box });
  }
  return placed.map(({ box: { left, right, top, bottom } }) => ({ x: (left + right) / 2, y: (top + bottom) / 2 }));
}

const context = document.createElement("canvas").getContext("2d");

const LOOSE = 1.1; // text is wider in an exported picture than on the page

// The maximum width of a name in the charts' font.
export function widthOf(text, font) {
  context.font = `12px ${font}`;
  return LOOSE * context.measureText(text).width;
}
