// A small line chart of counts per second.

import { el, svg } from "./dom.js";

const WIDTH = 600;
const HEIGHT = 120;
const BOTTOM = 4;

/** The lowest round number at or above `value`: 1, 2, 5, 10, 20, 50 … */
export function roundUp(value) {
  let step = 1;
  for (;;) {
    for (const factor of [1, 2, 5]) if (step * factor >= value) return step * factor;
    step *= 10;
  }
}

/** Points of one series for a polyline; `counts` oldest first, `top` the value at the upper edge. */
export function points(counts, top) {
  const last = Math.max(counts.length - 1, 1);
  return counts
    .map((count, n) => {
      const x = (n / last) * WIDTH;
      const y = HEIGHT - BOTTOM - (Math.min(count, top) / top) * (HEIGHT - BOTTOM - 10);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(" ");
}

/** Draws `series` ({name, tone, counts}) into `node`, with a sentence for those who cannot see it. */
export function drawChart(node, series) {
  const top = roundUp(Math.max(1, ...series.flatMap(({ counts }) => counts)));
  const label = series.map(({ name, counts }) => `${name}: up to ${Math.max(...counts)} per second`).join("; ");
  const y = (value) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - 10);
  const lines = [0, top / 2, top].flatMap((value) => [
    svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: y(value), y2: y(value) }),
  ]);
  const drawn = series.map(({ tone, counts }) =>
    svg("g", { class: `tone-${tone}` }, svg("polyline", { class: "series", points: points(counts, top) })),
  );
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `The last minute. ${label}` },
    ...lines,
    ...drawn,
  );
  const axis = el("p", { className: "axis", "aria-hidden": "true" }, el("span", {}, String(top)), el("span", {}, "0"));
  node.replaceChildren(axis, picture);
}
