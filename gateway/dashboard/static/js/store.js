// What the page knows: bounded, and fed by the API's documents and the stream's events alone.

export const MAX_MESSAGES = 1000;
export const SECONDS = 60;

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
  "message.refused": "refused",
};
export const KINDS = Object.values(COUNTED);

export class Store {
  constructor(now = () => performance.now() / 1000) {
    this.now = now;
    this.messages = new Map(); // id → document, oldest first
    this.refusals = new Map(); // code → count
    this.totals = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
    this.rates = Object.fromEntries(KINDS.map((kind) => [kind, new Rate()]));
    this.lost = 0;
    this.gaps = 0; // how often events were missed of which nobody knows the number
    this.version = 0; // grows with refusals
  }

  /** Takes one event of the stream. */
  take(name, document) {
    const data = document.data ?? {};
    if (name === "stream.lost") this.takeLost(data);
    else if (name.startsWith("message.")) this.takeMessage(name, data);
  }

  takeMessage(name, message) {
    this.count(name, 1);
    if (name === "message.refused") return this.refused(message.code);
    if (name === "message.failed" && message.code) this.refused(message.code);
    if (message.id) this.remember(message);
  }

  takeLost(data) {
    this.lost += data.count ?? 0;
    for (const [name, count] of Object.entries(data.events ?? {})) this.count(name, count);
  }

  /** Events were missed: the texts known so far may be others by now, and are dropped. */
  miss() {
    this.gaps += 1;
    this.messages.clear();
  }

  /** Takes the texts the API lists, oldest first; what the stream told meanwhile comes after them. */
  renew(listed) {
    const told = this.messages;
    this.messages = new Map();
    for (const message of listed) this.remember(message);
    for (const message of told.values()) this.remember(message);
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

  /** The newest texts, newest first. */
  newest(limit) {
    return [...this.messages.values()].slice(-limit).reverse();
  }
}
