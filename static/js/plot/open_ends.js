// Draws marks whole that stand on the end of an axis, such as at 100 %.

const REACH = 8; // pixels: half of the largest mark, and less than the margin

const isEnd = (one, other) => Math.abs(one - other) < 1e-9;

export function openEnds(element) {
  const { range, minallowed, maxallowed, _length: height } = element._fullLayout.yaxis;
  const above = isEnd(range[1], maxallowed) ? REACH : 0;
  const below = isEnd(range[0], minallowed) ? REACH : 0;
  for (const frame of element.querySelectorAll('clipPath[id$="plot"] > rect')) {
    frame.setAttribute("y", -above);
    frame.setAttribute("height", height + above + below);
  }
}
