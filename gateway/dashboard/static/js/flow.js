// Texts on their way, as dots between users, gateway and carriers. Decoration: everything it shows is written beside it.

const MAX_DOTS = 90;
const DOTS_PER_SECOND = 36; // more cannot be told apart
const TONES = ["busy", "good", "bad", "other", "line"];

/** A point of a cubic Bézier curve, `t` from 0 to 1. */
export function pointOn([x0, y0, x1, y1, x2, y2, x3, y3], t) {
  const u = 1 - t;
  const [a, b, c, d] = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t];
  return [a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3];
}

/** A curve from one box to another: sideways where there is room, else downwards. */
export function laneBetween(from, to, downwards) {
  if (!downwards) {
    const [x0, y0, x3, y3] = [from.right, (from.top + from.bottom) / 2, to.left, (to.top + to.bottom) / 2];
    const half = (x3 - x0) / 2;
    return [x0, y0, x0 + half, y0, x3 - half, y3, x3, y3];
  }
  if (to.left <= from.left + 1) {
    const x = from.left + 24;
    return [x, from.bottom, x, from.bottom + 8, x, to.top - 8, x, to.top];
  }
  const [x0, y0, x3, y3] = [from.left + 14, from.bottom, to.left, (to.top + to.bottom) / 2];
  return [x0, y0, x0, y3, x0, y3, x3, y3];
}

export class Flow {
  /** `users` and `gateway` are elements, `carriers` a map of elements by name, all inside `stage`. */
  constructor(stage, canvas, users, gateway, carriers) {
    Object.assign(this, { stage, canvas, users, gateway, carriers });
    this.brush = canvas.getContext("2d");
    this.dots = [];
    this.lanes = new Map();
    this.colours = {};
    this.frame = 0;
    this.room = DOTS_PER_SECOND;
    this.roomAt = performance.now();
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.observer = new ResizeObserver(() => this.measure());
    this.observer.observe(stage);
  }

  end() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    this.dots = [];
  }

  /** Takes sizes and colours anew: after a resize, another theme, another list of carriers. */
  measure() {
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    const box = this.stage.getBoundingClientRect();
    const place = (node) => {
      const { left, right, top, bottom } = node.getBoundingClientRect();
      return { left: left - box.left, right: right - box.left, top: top - box.top, bottom: bottom - box.top };
    };
    const [width, height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.ratio = ratio;
    const gateway = place(this.gateway);
    const users = place(this.users);
    const downwards = gateway.left < users.right;
    this.lanes.set("", laneBetween(users, gateway, downwards));
    for (const [name, node] of this.carriers) this.lanes.set(name, laneBetween(gateway, place(node), downwards));
    for (const tone of TONES) {
      const probe = document.createElement("i");
      probe.className = `tone-${tone}`;
      this.stage.append(probe);
      this.colours[tone] = getComputedStyle(probe).color;
      probe.remove();
    }
    this.paint(performance.now());
  }

  /** Sends a dot along a lane: "" is between users and gateway, a carrier's name beyond it. */
  send(lane, tone, { back = false, until = 1 } = {}) {
    if (this.still.matches || document.hidden || !this.lanes.has(lane)) return;
    const now = performance.now();
    this.room = Math.min(DOTS_PER_SECOND, this.room + ((now - this.roomAt) / 1000) * DOTS_PER_SECOND);
    this.roomAt = now;
    if (this.room < 1 || this.dots.length >= MAX_DOTS) return;
    this.room -= 1;
    this.dots.push({ lane, tone, back, until, start: now, ms: lane ? 900 : 650 });
    if (!this.frame) this.frame = requestAnimationFrame((at) => this.step(at));
  }

  /** One event of the stream as a dot. */
  take(name, message) {
    const { carrier = "" } = message;
    if (name === "message.accepted") this.send("", "busy");
    else if (name === "message.refused") this.send("", "bad", { until: 0.92 });
    else if (name === "message.submitted") this.send(carrier, "busy");
    else if (name === "message.delivered") this.send(carrier, "good", { back: true });
    else if (name === "message.failed") this.send(carrier, "bad", { back: true });
    else if (name === "message.received") {
      this.send(carrier, "other", { back: true });
      this.send("", "other", { back: true });
    }
  }

  step(at) {
    this.frame = 0;
    this.dots = this.dots.filter((dot) => at - dot.start < dot.ms + 180);
    this.paint(at);
    if (this.dots.length) this.frame = requestAnimationFrame((next) => this.step(next));
  }

  paint(at) {
    const { brush, ratio } = this;
    brush.setTransform(ratio, 0, 0, ratio, 0, 0);
    brush.clearRect(0, 0, this.canvas.width, this.canvas.height);
    brush.lineWidth = 1.5;
    brush.strokeStyle = this.colours.line;
    for (const curve of this.lanes.values()) {
      brush.beginPath();
      brush.moveTo(curve[0], curve[1]);
      brush.bezierCurveTo(...curve.slice(2));
      brush.stroke();
    }
    for (const dot of this.dots) this.paintDot(dot, at);
    brush.globalAlpha = 1;
  }

  paintDot(dot, at) {
    const { brush } = this;
    const share = Math.min(Math.max((at - dot.start) / dot.ms, 0), 1);
    const fading = Math.max((at - dot.start - dot.ms) / 180, 0);
    const eased = share * share * (3 - 2 * share) * dot.until;
    const [x, y] = pointOn(this.lanes.get(dot.lane), dot.back ? 1 - eased : eased);
    brush.globalAlpha = 1 - fading;
    brush.fillStyle = this.colours[dot.tone];
    brush.beginPath();
    brush.arc(x, y, 3.6 + fading * 5, 0, 7);
    brush.fill();
  }
}
