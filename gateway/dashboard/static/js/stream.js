// The event stream: opened with a ticket, resumed after the last event seen, reopened with patience.

export const EVENT_NAMES = [
  "message.accepted", "message.queued", "message.submitted", "message.delivered", "message.failed", "message.received",
  "message.refused", "carrier.bound", "carrier.unbound", "limit.reached", "brand.changed", "campaign.changed",
  "number.assigned", "number.changed", "person.changed", "clock.changed", "recording.started", "recording.paused",
  "recording.resumed", "recording.finished", "recording.deleted", "call.changed", "phone.changed", "scenario.progressed", "stream.lost",
];

const FRAME_BYTES = 16_384; // of at most ten frames a second: beyond it the gateway counts and sends a sample
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

/** How long to wait before attempt number n (from 0), with up to 30 % added at random. */
export function waitBefore(attempt, random = Math.random) {
  return Math.min(FIRST_WAIT_MS * 2 ** attempt, LONGEST_WAIT_MS) * (1 + 0.3 * random());
}

export class Stream {
  /**
   * `onEvent(name, document)` takes every event; `onState("on" | "wait" | "bad", sentence, waitMs)` the connection's
   * state, with how long it waits before it tries again.
   */
  constructor(api, onEvent, onState, open = (url) => new EventSource(url)) {
    this.api = api;
    this.onEvent = onEvent;
    this.onState = onState;
    this.open = open;
    this.lastEventId = "";
    this.attempt = 0;
    this.source = null;
    this.timer = null;
    this.stopped = true;
  }

  start() {
    this.stopped = false;
    this.connect();
  }

  stop() {
    this.stopped = true;
    this.attempt = 0;
    this.lastEventId = "";
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  async connect() {
    this.onState("wait", "connecting", 0);
    let ticket;
    try {
      ticket = await this.api.ticket();
    } catch (refusal) {
      if (this.stopped) return; // signed out meanwhile
      if (refusal.status === 401 || refusal.status === 403) this.onState("bad", "the token was refused");
      else this.later();
      return;
    }
    if (this.stopped) return;
    const query = new URLSearchParams({ ticket, frameBytes: FRAME_BYTES });
    if (this.lastEventId) query.set("lastEventId", this.lastEventId);
    const source = this.open(`/v1/stream?${query}`);
    this.source = source;
    source.onopen = () => {
      this.attempt = 0;
      this.onState("on", "live");
    };
    source.onerror = () => {
      source.close(); // the ticket is used up: the browser's own retry could only fail
      if (this.source === source) this.later();
    };
    for (const name of EVENT_NAMES) source.addEventListener(name, (event) => this.take(name, event));
  }

  take(name, event) {
    if (event.lastEventId) this.lastEventId = event.lastEventId;
    this.onEvent(name, JSON.parse(event.data));
  }

  later() {
    if (this.stopped) return;
    const wait = waitBefore(this.attempt);
    this.attempt += 1;
    this.onState("wait", "connection lost", wait);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), wait);
  }
}
