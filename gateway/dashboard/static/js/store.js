// What the page knows: bounded, and fed by the API's documents and the stream's events alone.

export const MAX_MESSAGES = 1000;
export const SECONDS = 60;

const FINAL_BAD = new Set(["undeliverable", "expired", "rejected", "unknown", "deleted"]);

/** How a state is coloured: "good", "busy", "wait" or "bad". */
export function tone(state) {
  if (state === "delivered" || state === "received") return "good";
  if (state === "submitted") return "busy";
  return FINAL_BAD.has(state) ? "bad" : "wait";
}

/** Counts per second over the last minute; times are seconds. */
export class Rate {
  constructor(seconds = SECONDS) {
    this.counts = new Array(seconds).fill(0);
    this.second = 0;
  }

  advance(now) {
    const second = Math.floor(now);
    const steps = Math.min(Math.max(second - this.second, 0), this.counts.length);
    for (let n = 0; n < steps; n += 1) {
      this.counts.shift();
      this.counts.push(0);
    }
    this.second = Math.max(second, this.second);
  }

  add(now, count = 1) {
    this.advance(now);
    this.counts[this.counts.length - 1] += count;
  }

  /** The mean of the last five whole seconds. */
  perSecond(now) {
    this.advance(now);
    const whole = this.counts.slice(-6, -1);
    return whole.reduce((sum, count) => sum + count, 0) / whole.length;
  }
}

const COUNTED = {
  "message.accepted": "accepted",
  "message.delivered": "delivered",
  "message.failed": "failed",
  "message.received": "received",
};

export class Store {
  constructor(now = () => performance.now() / 1000) {
    this.now = now;
    this.messages = new Map(); // id → document, oldest first
    this.carriers = new Map(); // name → document
    this.refusals = new Map(); // code → count
    this.totals = { accepted: 0, delivered: 0, failed: 0, received: 0 };
    this.rates = { accepted: new Rate(), delivered: new Rate(), failed: new Rate(), received: new Rate() };
    this.lost = 0;
    this.version = 0; // grows with carriers and refusals
  }

  /** Takes one event of the stream. */
  take(name, document) {
    const data = document.data ?? {};
    if (name === "stream.lost") this.takeLost(data);
    else if (name.startsWith("message.")) this.takeMessage(name, data);
    else if (name.startsWith("carrier.")) this.takeCarrier(name, data);
  }

  takeMessage(name, message) {
    this.count(name, 1);
    if (name === "message.refused") return this.refused(message.code);
    if (name === "message.failed" && message.code) this.refused(message.code);
    if (message.id) this.remember(message);
  }

  takeCarrier(name, data) {
    const key = data.carrier ?? data.name;
    if (!key) return;
    const known = this.carriers.get(key) ?? { name: key };
    this.carriers.set(key, { ...known, state: name === "carrier.bound" ? "bound" : "unbound" });
    this.version += 1;
  }

  takeLost(data) {
    this.lost += data.count ?? 0;
    for (const [name, count] of Object.entries(data.events ?? {})) this.count(name, count);
  }

  count(name, count) {
    const total = COUNTED[name];
    if (!total) return;
    this.totals[total] += count;
    this.rates[total].add(this.now(), count);
  }

  /** Counts a refusal by its code; the table is bounded. */
  refused(code) {
    const key = this.refusals.has(code) || this.refusals.size < 50 ? code : "other";
    this.refusals.set(key, (this.refusals.get(key) ?? 0) + 1);
    this.version += 1;
  }

  /** Keeps a text, newest last; an older state of the same text never replaces a newer one. */
  remember(message) {
    const known = this.messages.get(message.id);
    if (known && known.updated && message.updated && message.updated < known.updated) return;
    this.messages.set(message.id, { ...known, ...message });
    if (this.messages.size > MAX_MESSAGES) this.messages.delete(this.messages.keys().next().value);
  }

  setCarriers(list) {
    for (const carrier of list) {
      if (carrier?.name) this.carriers.set(carrier.name, carrier);
    }
    this.version += 1;
  }

  /** The newest texts that contain every word of `find`, newest first. */
  newest(limit, find = "") {
    const words = find.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [];
    for (const message of [...this.messages.values()].reverse()) {
      if (found.length >= limit) break;
      if (matches(message, words)) found.push(message);
    }
    return found;
  }
}

function matches(message, words) {
  if (!words.length) return true;
  const { from, to, text, carrier, state, code, direction } = message;
  const hay = [from, to, text, carrier, state, code, direction].filter(Boolean).join(" ").toLowerCase();
  return words.every((word) => hay.includes(word));
}
