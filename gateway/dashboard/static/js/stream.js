// The event stream: opened with a ticket, resumed after the last event seen, reopened with patience.
// A WebSocket carries it, because a browser keeps six plain connections to a gateway, shared by all its tabs, and
// hundreds of WebSockets. Where none can be had (a proxy lets none through), server-sent events do.

export const EVENT_NAMES = [
  "message.accepted", "message.queued", "message.submitted", "message.delivered", "message.failed", "message.received",
  "message.refused", "carrier.bound", "carrier.unbound", "limit.reached", "brand.changed", "campaign.changed",
  "number.assigned", "number.changed", "person.changed", "clock.changed", "recording.started", "recording.paused",
  "recording.resumed", "recording.finished", "recording.deleted", "call.changed", "phone.changed", "scenario.progressed", "stream.lost",
];

const FRAME_BYTES = 16_384; // of at most ten frames a second: beyond it the gateway counts and sends a sample
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const OPEN_WITHIN_MS = 10_000; // what neither opens nor fails by then never will

/** How long to wait before attempt number n (from 0), with up to 30 % added at random. */
export function waitBefore(attempt, random = Math.random) {
  return Math.min(FIRST_WAIT_MS * 2 ** attempt, LONGEST_WAIT_MS) * (1 + 0.3 * random());
}

/** The stream over a WebSocket: each message is one event's document. */
export function overSocket(path, { opened, told, broken }) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url.href);
  socket.onopen = opened;
  socket.onmessage = ({ data }) => told(JSON.parse(data));
  socket.onclose = broken;
  return socket;
}

/** The stream as server-sent events. */
export function overEvents(path, { opened, told, broken }) {
  const source = new EventSource(path);
  source.onopen = opened;
  source.onerror = () => {
    source.close(); // the ticket is used up: the browser's own retry could only fail
    broken();
  };
  for (const name of EVENT_NAMES) source.addEventListener(name, ({ data }) => told(JSON.parse(data)));
  return source;
}

export class Stream {
  /**
   * `onEvent(name, document)` takes every event; `onState("on" | "wait" | "bad", sentence, waitMs)` the connection's
   * state, with how long it waits before it tries again. `forms` are the ways to open it, the best one first.
   */
  constructor(api, onEvent, onState, forms = [overSocket, overEvents]) {
    this.api = api;
    this.onEvent = onEvent;
    this.onState = onState;
    this.forms = forms;
    this.lastEventId = "";
    this.attempt = 0;
    this.source = null;
    this.timer = null;
    this.run = 0; // grows when it stops: what was under way then is of no more concern
    this.stopped = true;
  }

  start() {
    this.stopped = false;
    this.connect();
  }

  stop() {
    this.stopped = true;
    this.run += 1;
    this.attempt = 0;
    this.lastEventId = "";
    clearTimeout(this.timer);
    this.drop();
  }

  /** Tries each form in turn, each with a ticket of its own; waits where none opens. */
  async connect() {
    const { run } = this;
    this.onState("wait", "connecting", 0);
    for (const form of this.forms) {
      let ticket;
      try {
        ticket = await this.api.ticket();
      } catch (refusal) {
        if (run !== this.run) return; // signed out meanwhile
        if (refusal.status === 401 || refusal.status === 403) this.onState("bad", "the token was refused");
        else this.later();
        return;
      }
      if (run !== this.run) return;
      if (await this.opens(form, ticket)) return;
      if (run !== this.run) return;
    }
    this.later();
  }

  /** Opens the stream in one form; resolves with whether it did. */
  opens(form, ticket) {
    const query = new URLSearchParams({ ticket, frameBytes: FRAME_BYTES });
    if (this.lastEventId) query.set("lastEventId", this.lastEventId);
    return new Promise((settle) => {
      let open = false;
      let source = null;
      const mine = (run) => (...given) => {
        if (this.source === source) run(...given);
      };
      const failed = () => {
        this.drop();
        settle(false);
      };
      const handlers = {
        opened: mine(() => {
          open = true;
          clearTimeout(this.timer);
          this.attempt = 0;
          this.onState("on", "live");
          settle(true);
        }),
        told: mine((document) => this.take(document)),
        broken: mine(() => {
          if (!open) return failed();
          this.drop();
          return this.later();
        }),
      };
      try {
        source = this.source = form(`/v1/stream?${query}`, handlers);
      } catch {
        return settle(false); // forbidden here, or unknown to this browser
      }
      clearTimeout(this.timer);
      this.timer = setTimeout(mine(failed), OPEN_WITHIN_MS);
      return undefined;
    });
  }

  drop() {
    const { source } = this;
    this.source = null;
    source?.close();
  }

  take(document) {
    if (document.id) this.lastEventId = document.id;
    this.onEvent(document.event, document);
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
