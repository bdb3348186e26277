// What the page knows: bounded, and fed by the API's documents and the stream's events alone.

import { KINDS, kindOf, Tally } from "./tally.js";

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

export class Store {
  /** `opened` is the id of the newest text there was when the page was opened. */
  constructor(now = () => performance.now() / 1000, opened = "") {
    this.now = now;
    this.tally = new Tally(opened);
    this.messages = new Map(); // id → document, oldest first
    this.rates = Object.fromEntries(KINDS.map((kind) => [kind, new Rate()]));
    this.lost = 0;
  }

  /** Takes one event of the stream. */
  take(name, document) {
    const data = document.data ?? {};
    this.tally.take(name, document);
    if (name === "stream.lost") this.takeLost(data);
    else if (name.startsWith("message.")) this.takeMessage(name, data);
  }

  takeMessage(name, message) {
    this.rate(name, 1);
    if (message.id) this.remember(message); // a refused text never became one
  }

  takeLost(data) {
    this.lost += data.count ?? 0;
    for (const [name, count] of Object.entries(data.events ?? {})) this.rate(name, count);
  }

  /** Events were missed: the texts known so far may be others by now, and are dropped. */
  miss() {
    this.tally.miss();
    this.messages.clear();
  }

  /** Takes the texts the API lists, oldest first; what the stream told meanwhile comes after them. */
  renew(listed) {
    const told = this.messages;
    this.messages = new Map();
    for (const message of listed) this.remember(message);
    for (const message of told.values()) this.remember(message);
  }

  rate(name, count) {
    this.rates[kindOf(name)]?.add(this.now(), count);
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
