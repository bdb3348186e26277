// Small charts of counts over time, drawn as SVG and brought up to date in place.

import { el, setText, svg } from "./dom.js";

const WIDTH = 240;
const HEIGHT = 48;

/** The lowest round number at or above `value`: 1, 2, 5, 10, 20, 50 … */
export function roundUp(value) {
  let step = 1;
  for (;;) {
    for (const factor of [1, 2, 5]) if (step * factor >= value) return step * factor;
    step *= 10;
  }
}

/** Points of one series for a polyline; `values` oldest first, `top` the value at the upper edge. */
export function points(values, top, width = WIDTH, height = HEIGHT) {
  const last = Math.max(values.length - 1, 1);
  return values
    .map((value, n) => `${((n / last) * width).toFixed(1)},${(height - (Math.min(value, top) / top) * (height - 2)).toFixed(1)}`)
    .join(" ");
}

/** One series with an area below it, and a dashed line for each limit that is within sight. */
export class Spark {
  constructor(name, tone, { limits = 0 } = {}) {
    this.name = name;
    this.area = svg("polygon", { class: "spark-area" });
    this.line = svg("polyline", { class: "spark-line" });
    this.limits = Array.from({ length: limits }, () => svg("line", { class: "spark-limit", x1: 0, x2: WIDTH, visibility: "hidden" }));
    this.node = svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", class: `tone-${tone}` },
      svg("line", { class: "spark-base", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
      this.area,
      this.line,
      ...this.limits,
    );
  }

  /** Draws `values`, oldest first, against `limits` in the same unit. */
  draw(values, limits = []) {
    const peak = Math.max(...values, 0);
    // A limit is drawn in where the rate comes near it; one far above would flatten the line.
    const near = limits.filter((limit) => limit <= Math.max(peak * 4, 2));
    const top = Math.max(peak, ...near, 1) * 1.08;
    const line = points(values, top);
    this.line.setAttribute("points", line);
    this.area.setAttribute("points", `0,${HEIGHT} ${line} ${WIDTH},${HEIGHT}`);
    this.limits.forEach((node, n) => {
      const limit = near[n];
      node.setAttribute("visibility", limit === undefined ? "hidden" : "visible");
      if (limit === undefined) return;
      const y = HEIGHT - (limit / top) * (HEIGHT - 2);
      node.setAttribute("y1", y);
      node.setAttribute("y2", y);
    });
    const label = `${this.name}: up to ${Math.round(peak * 10) / 10} per second in the last ${values.length} seconds`;
    this.node.setAttribute("aria-label", near.length ? `${label}; limit ${Math.round(near[0] * 10) / 10}` : label);
  }
}

/** A chart with its name, its present value and a line about limits. */
export class ChartBox {
  constructor(name, tone, options) {
    this.value = el("span", { className: "strong" }, "0 /s");
    this.limit = el("p", { className: "limit" });
    this.spark = new Spark(name, tone, options);
    this.node = el(
      "div",
      { className: "chart-box" },
      el("div", { className: "caption" }, el("span", {}, name), this.value),
      this.spark.node,
      this.limit,
    );
  }

  draw(value, values, limits, sentence) {
    setText(this.value, value);
    setText(this.limit, sentence);
    this.node.dataset.idle = String(!values.some(Boolean));
    this.limit.title = sentence;
    this.spark.draw(values, limits);
  }
}
